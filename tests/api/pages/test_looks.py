"""Every page, with content that is hard to show: accessible in light and dark, not too wide and not too heavy."""

import threading
import time
from uuid import uuid4

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser
MAX_PAGE_BYTES = 300_000
WIDTHS = (1280, 820)
LIGHT = ("wrong filter", "no such trace", "right to left", "no steps", "side by side", "queues", "review")
LIGHT = (*LIGHT, "settle", "progress", "releases", "release", "diff", "runs", "run", "people", "not there")
LIGHT = (*LIGHT, "token colours")
HEAVY = ("explore", "all filters", "2 MB", "500 steps", "long formulas", "long words")
"""Pages that axe takes seconds for."""


@pytest.fixture(scope="module")
def paths(ugly):
    """Every kind of page, and every state that it can be in."""
    by_time = httpx.get(
        f"{ugly.origin}/v1/traces",
        params={"sort": "created_at", "limit": 100},
        headers={"Authorization": f"Bearer {ugly.tokens['carl']}"},
    ).json()["items"]
    ids = {int(one["problem_id"][1:]): one["trace_id"] for one in by_time if one["problem_id"].startswith("q")}
    alike = [one["trace_id"] for one in by_time if one["sample"] > 0]
    client = httpx.Client(base_url=ugly.origin, headers={"Authorization": f"Bearer {ugly.tokens['carl']}"})
    client.put("/v1/slices/some", json={"where": "step_count > 0 and step_count < 40"}).raise_for_status()
    asked = {"name": "some", "slice": "some", "reviewers_per_trace": 2}
    client.post("/v1/queues", json=asked, headers={"Idempotency-Key": "some"}).raise_for_status()
    for name in ("rita", "rolf"):
        reviewer = {"Authorization": f"Bearer {ugly.tokens[name]}"}
        lease = client.post("/v1/queues/some/claims", json={}, headers=reviewer | {"Idempotency-Key": name}).json()[
            "lease"
        ]
        said = {"decision": "accept" if name == "rita" else "reject", "comment": "w" * 200}
        proof = {"slot": lease["slot"], "fence": lease["fence"]}
        path = f"/v1/traces/{lease['trace_id']}/reviews"
        client.post(path, json={"events": [said], "lease": proof}, headers=reviewer).raise_for_status()
    for limit in (4, 5):
        asked = {"name": "looks", "where": f"step_count > 0 and step_count < {limit}"}
        key = {"Idempotency-Key": f"looks-{limit}"}
        client.post("/v1/releases", json=asked, headers=key).raise_for_status()
    wait_for_releases(client, 2)
    return {
        "explore": "/explore",
        "all filters": "/explore?facets=all&where=step_count%20%3E%202%20and%20outcome%20%3D%3D%20%22incorrect%22",
        "no such trace": "/explore?where=level%20%3D%3D%2099",
        "wrong filter": "/explore?where=outcome%20%3D%20x",
        "2 MB": f"/traces/{ids[1]}",
        "500 steps": f"/traces/{ids[2]}",
        "right to left": f"/traces/{ids[3]}",
        "long formulas": f"/traces/{ids[4]}",
        "long words": f"/traces/{ids[5]}",
        "no steps": f"/traces/{ids[7]}",
        "token colours": f"/traces/{ids[9]}?tokens=true",
        "side by side": f"/traces/{alike[0]}?beside={alike[1]}",
        "queues": "/review",
        "review": "/review/some",
        "settle": "/review/some?kind=adjudication",
        "progress": "/progress",
        "releases": "/releases",
        "release": "/releases/looks/1",
        "diff": "/releases/diff?before=looks@1&after=looks@2",
        "runs": "/runs",
        "run": f"/runs/{uuid4()}",
        "people": "/people",
        "not there": "/traces/none",
    }


def wait_for_releases(client, count):
    deadline = time.monotonic() + 60
    while len(client.get("/v1/releases").json()["items"]) < count:
        assert time.monotonic() < deadline, client.get("/v1/jobs").text
        threading.Event().wait(0.1)


def find_faults(page):
    return _name(Axe().run(page).response["violations"])


def find_faults_of_contrast(page):
    """With the axe that is in the page by now."""
    asked = "axe.run(document, {runOnly: ['color-contrast'], resultTypes: ['violations']})"
    return _name(page.evaluate(asked)["violations"])


def _name(found):
    return [(one["id"], one["nodes"][0]["html"][:160]) for one in found]


@pytest.mark.parametrize("names", [LIGHT, pytest.param(HEAVY, marks=pytest.mark.slow)])
def test_every_page_is_accessible_light_and_dark_and_fits(ugly, paths, names):
    visitor = ugly.visit("ann")
    page, faults = visitor.page, {}
    for name in names:
        visitor.go(paths[name])
        page.wait_for_load_state("load")
        if name in ("review", "settle"):
            page.locator("[data-card] article").wait_for()
        found = find_faults(page)
        page.emulate_media(color_scheme="dark")
        found += find_faults_of_contrast(page)
        page.emulate_media(color_scheme="light")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                found.append(("sticks out", f"{wide} of {width}"))
        page.set_viewport_size({"width": 1280, "height": 900})
        if found:
            faults[name] = found
    assert faults == {}


def test_signing_in_is_accessible(ugly):
    page = ugly.visit(None).go("/sign-in")
    assert find_faults(page) == []


def test_no_page_is_heavy(ugly, paths):
    headers = {"Authorization": f"Bearer {ugly.tokens['ann']}", "Accept": "text/html"}
    sizes = {name: len(httpx.get(ugly.origin + path, headers=headers).content) for name, path in paths.items()}
    assert {name: size for name, size in sizes.items() if size > MAX_PAGE_BYTES} == {}


def test_a_long_trace_shows_its_further_steps_as_one_reads_on(ugly, paths):
    page = ugly.visit("vera").go(paths["500 steps"])
    shown = page.locator("[data-steps] > [data-step]")
    first = shown.count()
    assert 20 < first < 500
    page.locator("[data-more]").scroll_into_view_if_needed()
    page.wait_for_function("n => document.querySelectorAll('[data-steps] > [data-step]').length > n", arg=first)
    assert page.locator("[data-step='499'], [data-more]").count() == 1


def test_a_step_too_long_for_a_card_is_a_link_away(ugly, paths):
    page = ugly.visit("vera").go(paths["2 MB"])
    link = page.get_by_role("link", name="The whole step").first
    headers = {"Authorization": f"Bearer {ugly.tokens['vera']}"}
    text = httpx.get(ugly.origin + link.get_attribute("href"), headers=headers)
    assert text.headers["content-type"].startswith("text/plain") and len(text.text) > 48_000


def test_maths_is_drawn_in_the_page(ugly, paths):
    page = ugly.visit("vera").go(paths["long formulas"])
    assert page.locator("math mtr").count() >= 80
    assert page.locator("math").first.bounding_box()["height"] > 200


def test_a_rewrite_begins_with_what_was_written_and_not_with_what_is_drawn(ugly, paths):
    page = ugly.visit("rita").go(paths["500 steps"])
    page.keyboard.press("x")
    text = page.get_by_label("How the step should read")
    assert text.input_value() == "step 0: $x_{0}^2 + \\frac{1}{1}$ \U0001f9ee"
    page = ugly.visit("rita").go(paths["2 MB"])
    page.keyboard.press("x")
    assert page.get_by_label("How the step should read").input_value() == ""  # a part of a step is no step


def test_two_traces_part_where_they_part(ugly, paths):
    page = ugly.visit("vera").go(paths["side by side"])
    assert "The first 2 steps are the same; from step 3 on they part." in page.locator(".beside").inner_text()
    marked = page.locator(".parting + b").all_inner_texts()
    assert len(marked) == 2 and marked[0] != marked[1]


def test_every_page_can_be_walked_with_the_keyboard(ugly, paths):
    page = ugly.visit("ann").go("/explore")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('[data-row]') !== null")
    page.keyboard.press("j")
    href = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{href}")
