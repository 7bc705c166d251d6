"""What strangers write is text wherever it is shown: nothing of it runs, and the policy has nothing to stop."""

import json
import uuid

import httpx
import pytest

pytestmark = pytest.mark.browser
LIVING = """() => [
  ...[...document.querySelectorAll("script")].filter((one) => !one.src.includes("/static/pages.js")),
  ...[...document.querySelectorAll("*")].filter((one) => [...one.attributes].some((its) => its.name.startsWith("on"))),
  ...document.querySelectorAll("iframe, object, embed, base, style, [style]:not(#suggestions), [srcdoc]"),
  ...document.querySelectorAll("[href^='javascript' i]"),
].map((one) => one.outerHTML.slice(0, 200))"""


def call(live, name, method, path, body=None):
    headers = {"Authorization": f"Bearer {live.tokens[name]}", "Idempotency-Key": uuid.uuid4().hex}
    reply = httpx.request(method, live.origin + path, json=body, headers=headers)
    assert reply.status_code < 300, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def attacked(ugly, payloads):
    """The service after somebody wrote payloads into every field that takes text."""
    ids = [one["trace_id"] for one in call(ugly, "vera", "GET", "/v1/traces?limit=100&sort=created_at")["items"]]
    for place, trace in enumerate(ids[-12:]):
        mine = payloads[place::12]
        events = [
            {
                "step": n,
                "label": -1,
                "first_error": n == 0,
                "error_type": payload[:64],
                "corrected_text": payload,
                "comment": payload,
                "tags": [payload[:64]],
            }
            for n, payload in enumerate(mine)
        ]
        events.append({"decision": "reject", "comment": mine[0], "corrected_answer": mine[1], "tags": [mine[2][:64]]})
        call(ugly, "rita", "POST", f"/v1/traces/{trace}/reviews", {"events": events})
    for payload in payloads[:40]:
        call(ugly, "ann", "POST", "/v1/tokens", {"name": payload[:64], "scope": "viewer"})
    call(ugly, "carl", "PUT", "/v1/slices/all", {"where": "sample >= 0"})
    call(ugly, "carl", "PUT", "/v1/slices/hostile", {"where": f"source != {json.dumps(payloads[0])} and level is null"})
    asked = {"name": "hostile", "slice": "all", "order": "stored", "reviewers_per_trace": 1}
    call(ugly, "carl", "POST", "/v1/queues", asked)
    call(ugly, "carl", "POST", "/v1/releases", {"name": "hostile", "where": "sample >= 0"})
    return ids[-12:]


def look(visitor, path):
    page = visitor.go(path)
    page.wait_for_load_state("load")
    assert page.evaluate(LIVING) == [], path
    assert visitor.violations() == [], path


def test_no_payload_lives_anywhere(ugly, attacked, payloads):
    assert len(payloads) >= 100
    visitor = ugly.visit("ann")
    dialogs = []
    visitor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for trace in attacked:
        look(visitor, f"/traces/{trace}")
    look(visitor, f"/traces/{attacked[0]}?beside={attacked[1]}")
    look(visitor, f"/traces/{attacked[0]}?tokens=true")
    for path in ("/explore", "/explore?facets=all", "/people", "/review", "/progress", "/releases", "/runs"):
        look(visitor, path)
    page = visitor.page
    page.goto(ugly.origin + "/releases")
    page.get_by_role("link", name="hostile").wait_for()
    look(visitor, "/releases/hostile/1")
    assert dialogs == [] and visitor.noise == []


def test_payloads_in_addresses_and_fields_are_text_too(ugly, attacked, payloads):
    visitor = ugly.visit("ann")
    for payload in payloads[::22]:
        for name in ("where", "search", "sort", "cursor", "narrow"):
            look(visitor, f"/explore?{httpx.QueryParams({name: payload})}")
        look(visitor, f"/sign-in?{httpx.QueryParams({'next': payload})}")
    page = visitor.go("/explore")
    page.get_by_role("combobox", name="Filter").fill("source == ")
    page.locator("#suggestions li").first.wait_for()
    assert page.evaluate(LIVING) == [] and visitor.violations() == []
    assert [said for said in visitor.noise if "status of" not in said] == []


def test_a_hostile_queue_is_judged_like_any_other(ugly, attacked):
    visitor = ugly.visit("rolf")
    page = visitor.go("/review/hostile")
    for _ in range(4):
        page.locator("[data-card] article").wait_for()
        assert page.evaluate(LIVING) == []
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.type("<img src=x onerror=alert(1)>")
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        page.locator("[data-state][data-kind=saved]").wait_for()
    assert visitor.violations() == [] and visitor.noise == []


def test_templates_are_not_filled_with_strangers_words(ugly, attacked):
    headers = {"Authorization": f"Bearer {ugly.tokens['vera']}", "Accept": "text/html"}
    asked = httpx.get(f"{ugly.origin}/explore", params={"search": "{{7*7}}"}, headers=headers).text
    text = "\n".join(httpx.get(f"{ugly.origin}/traces/{one}", headers=headers).text for one in attacked)
    assert 'value="{{7*7}}"' in asked
    assert "{{7*7}}" in text and "subclasses" in text and "&lt;class" not in text


def test_an_image_that_is_none_is_not_handed_out(ugly, attacked):
    headers = {"Authorization": f"Bearer {ugly.tokens['vera']}"}
    drawing = httpx.get(f"{ugly.origin}/traces/{attacked[0]}/images/0", headers=headers)
    pixel = httpx.get(f"{ugly.origin}/traces/{attacked[0]}/images/1", headers=headers)
    assert drawing.status_code == 404
    assert (pixel.status_code, pixel.headers["content-type"]) == (200, "image/png")
    assert pixel.headers["x-content-type-options"] == "nosniff"
