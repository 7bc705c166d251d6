"""What every page has: signing in, the policy, errors, light and dark."""

import shutil

import httpx
import pytest
from starlette.testclient import TestClient

from tracewright.api.app import create_app, open_services
from tracewright.api.pages.signing_in import make_first_link
from tracewright.api.settings import ServiceSettings

pytestmark = pytest.mark.browser
PATHS = ("/explore", "/review", "/progress", "/releases", "/runs", "/people")


def test_a_link_signs_in_and_leaves_no_token_behind(live):
    visitor = live.visit(None)
    visitor.go(f"/sign-in?next=/people#token={live.tokens['vera']}")
    visitor.page.wait_for_url(live.origin + "/people")
    assert live.tokens["vera"] not in visitor.page.content()
    assert visitor.page.evaluate("history.length") <= 2  # the address with the token is not gone back to
    cookie = next(one for one in visitor.context.cookies() if one["name"] == "tracewright_session")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"


def test_without_a_session_one_signs_in_and_comes_back(live):
    visitor = live.visit(None)
    page = visitor.go("/explore?where=level%20%3D%3D%202")
    assert "/sign-in?next=" in page.url
    page.get_by_label("Token").fill("tw_wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("the token is unknown").wait_for()
    page.get_by_label("Token").fill(live.tokens["vera"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore?where=level%20%3D%3D%202")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(live, target):
    page = httpx.get(live.origin + "/sign-in", params={"next": target}).text
    assert 'data-next="/explore"' in page


def test_pages_carry_a_strict_policy_and_are_not_kept(live):
    headers = {"Authorization": f"Bearer {live.tokens['ann']}", "Accept": "text/html"}
    for path in PATHS:
        reply = httpx.get(live.origin + path, headers=headers)
        assert reply.status_code == 200
        policy = reply.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy and "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_errors_are_pages_for_people_and_problems_for_scripts(live):
    headers = {"Authorization": f"Bearer {live.tokens['vera']}"}
    page = httpx.get(live.origin + "/traces/none", headers=headers | {"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "there is no trace" in page.text
    script = httpx.get(live.origin + "/v1/traces/none", headers=headers | {"Accept": "text/html"})
    assert script.headers["content-type"] == "application/problem+json"
    assert httpx.get(live.origin + "/nowhere", headers={"Accept": "text/html"}).status_code == 404


def test_an_error_says_what_is_wrong_and_leads_on(live):
    page = live.visit("vera").go("/nowhere")
    assert "Nothing is at /nowhere" in page.locator("main").inner_text()
    page.get_by_role("navigation").get_by_role("link", name="Progress").click()
    page.get_by_role("heading", name="Progress").wait_for()


def test_the_theme_is_chosen_and_stays(live):
    page = live.visit("vera").go("/explore")
    colour = "getComputedStyle(document.body).backgroundColor"
    bright = page.evaluate(colour)
    page.get_by_role("link", name="theme").click()
    page.get_by_role("link", name="theme").click()
    assert page.evaluate(colour) != bright
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_signing_out_ends_the_session(live):
    page = live.visit("vera").go("/explore")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(live.origin + "/explore")
    assert "/sign-in" in page.url


def test_a_first_start_has_a_link_for_an_admin_and_a_second_one_has_none(filled_store, tmp_path):
    shutil.copytree(filled_store, tmp_path / "store")
    services = open_services(ServiceSettings(store=tmp_path / "store", port=8340))
    link = make_first_link(services)
    assert link is not None and link.startswith("http://127.0.0.1:8340/sign-in#token=tw_")
    assert make_first_link(services) is None
    with TestClient(create_app(services, background=False)) as client:
        began = client.post("/v1/sessions", json={"token": link.partition("=")[2]})
    assert (began.status_code, began.json()["role"]) == (201, "admin")


def test_the_module_is_small_and_pages_load_nothing_else(live):
    module = httpx.get(live.origin + "/static/pages.js")
    assert module.headers["content-type"].startswith("text/javascript")
    assert len(module.content) < 25_000
