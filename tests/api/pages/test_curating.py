"""Progress, releases, runs and people in the browser; a service without traces, and the first one that arrives."""

from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from starlette.testclient import TestClient

from tracewright.api.app import create_app
from tracewright.pipeline.store import Store

pytestmark = pytest.mark.browser


def call(live, name, method, path, body=None):
    headers = {"Authorization": f"Bearer {live.tokens[name]}", "Idempotency-Key": uuid4().hex}
    reply = httpx.request(method, live.origin + path, json=body, headers=headers)
    assert reply.status_code < 300, reply.text
    return reply.json() if reply.content else None


def judge(live, name, queue, decision):
    lease = call(live, name, "POST", f"/v1/queues/{queue}/claims", {})["lease"]
    proof = {"slot": lease["slot"], "fence": lease["fence"]}
    said = [{"step": 0, "label": 1}, {"decision": decision}]
    call(live, name, "POST", f"/v1/traces/{lease['trace_id']}/reviews", {"events": said, "lease": proof})


def test_a_queue_is_made_and_its_progress_followed(live):
    call(live, "carl", "PUT", "/v1/slices/followed", {"where": "level == 1"})
    visitor = live.visit("carl")
    page = visitor.go("/review")
    page.get_by_label("Name").fill("followed")
    page.get_by_label("Slice").select_option("followed")
    page.get_by_label("Reviewers a trace").fill("2")
    page.get_by_role("button", name="Make the queue").click()
    page.get_by_role("heading", name="followed").wait_for()
    for decision in ("accept", "accept", "reject"):
        judge(live, "rita", "followed", decision)
        judge(live, "rolf", "followed", "accept")
    page = visitor.go("/progress")
    card = page.locator(".progress", has_text="followed")
    assert "judgements left: 18 of 24" in card.inner_text()
    assert card.get_by_role("link", name="Settle 1 disagreement").is_visible()
    row = card.get_by_role("row", name="rita").first
    assert row.locator("td").first.inner_text() == "3"
    card.get_by_role("row", name="all reviewers").wait_for()
    assert card.get_by_role("row", name="rita and rolf").locator("td").nth(1).inner_text() == "3"
    assert visitor.noise == [] and visitor.violations() == []


def test_a_release_is_made_shown_compared_and_downloaded(live):
    visitor = live.visit("carl")
    page = visitor.go("/releases")
    for where in ('outcome == "correct"', "level >= 1"):
        rows = page.locator("tbody tr").count()
        page.get_by_label("Name").fill("made-here")
        page.get_by_label("Filter").fill(where)
        page.get_by_role("button", name="Make the release").click()
        page.wait_for_function("rows => document.querySelectorAll('tbody tr').length > rows", arg=rows)
    page.get_by_role("link", name="made-here").first.click()
    card = page.get_by_role("article", name="Data card")
    assert "reasoning traces" in card.inner_text()
    picture = card.get_by_role("img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth > 100", arg=picture.element_handle())
    with page.expect_download() as caught:
        page.get_by_role("link", name="manifest.json").click()
    assert b'"made-here"' in caught.value.path().read_bytes()
    page.get_by_role("button", name="Show the differences").click()
    page.get_by_role("heading", name="Added").wait_for()
    assert page.get_by_role("heading", name="Removed").is_visible()
    page.goto(live.origin + "/releases")
    page.get_by_role("link", name="Changes since 1").click()
    added = page.locator("section.card", has=page.get_by_role("heading", name="Added"))
    assert "How much is" in added.get_by_role("link").first.inner_text()
    assert visitor.noise == [] and visitor.violations() == []


def test_people_are_added_and_a_token_is_shown_once(live):
    visitor = live.visit("ann")
    page = visitor.go("/people")
    form = page.get_by_role("form", name="Add a user")
    form.get_by_label("Name").fill("nora")
    form.get_by_role("button", name="Add").click()
    page.get_by_role("row", name="nora").get_by_role("link", name="Tokens").click()
    page.get_by_role("heading", name="Tokens of nora").wait_for()
    form = page.get_by_role("form", name="Make a token")
    form.get_by_label("Name").fill("laptop")
    form.get_by_label("It may").select_option("reviewer")
    form.get_by_role("button", name="Make a token").click()
    token = page.locator("output code").inner_text()
    me = httpx.get(live.origin + "/v1/users/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert me == {"name": "nora", "role": "reviewer"}
    page.reload()
    assert token not in page.content()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_text("revoked").wait_for()
    assert httpx.get(live.origin + "/v1/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    page.get_by_label("Role of nora").select_option("viewer")
    page.get_by_text("Changed.").wait_for()
    page.get_by_role("button", name="Disable nora").click()
    page.get_by_role("row", name="nora").get_by_text("disabled").wait_for()
    assert visitor.noise == [] and visitor.violations() == []


def test_the_last_admin_can_not_be_lost_and_the_page_says_why(live):
    page = live.visit("ann").go("/people")
    page.get_by_label("Role of ann").select_option("viewer")
    page.get_by_text("no admin would be left").wait_for()


def test_runs_and_their_logs_are_shown(live, planted_runs):
    app = create_app(replace(live.services, runs=planted_runs), background=False)
    client = TestClient(app, headers={"Authorization": f"Bearer {live.tokens['carl']}", "Accept": "text/html"})
    page = client.get("/runs").text
    assert "quiet-otter" in page and "generate/generate" in page and "1 min 15 s" in page and 'data-live="3000"' in page
    assert "generate: 25.0 %" in page
    page = client.get(f"/runs/{uuid4()}").text
    assert "1,500 of 6,000, 92% correct" in page and "about 3 min 45 s left" in page
    assert "299 of 300 done" in page and 'data-live="2000"' in page


def test_without_a_prefect_server_the_page_says_how_to_connect_one(live):
    page = live.visit("vera").go("/runs")
    assert "PREFECT_API_URL" in page.locator("main").inner_text()


def test_an_empty_service_says_what_to_do_and_shows_the_first_trace_by_itself(make_live, tmp_path, filled_store):
    store = Store.open(tmp_path / "store", create=True)
    live = make_live(tmp_path / "store")
    visitor = live.visit("carl")
    for path in ("/review", "/progress", "/releases", "/runs", "/people"):
        visitor.go(path)
    page = visitor.go("/explore")
    assert "tracewright generate" in page.get_by_text("No traces yet").locator("..").inner_text()
    first = next(iter(Store.open(filled_store).iter_traces()))
    with store.writer() as writer:
        writer.add_trace(first)
    page.locator("[data-row]").wait_for()
    assert "1 trace" in page.locator(".summary").inner_text()
    assert visitor.noise == [] and visitor.violations() == []
    visitor.context.close()
