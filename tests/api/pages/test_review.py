"""Reviewing by keyboard: nothing is said to be saved before it is, and nothing that was said is lost."""

import json

import httpx
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def make_queue(live):
    """A function that makes a slice and a queue of it."""

    def make(name, where, **more):
        client = httpx.Client(base_url=live.origin, headers={"Authorization": f"Bearer {live.tokens['carl']}"})
        client.put(f"/v1/slices/{name}", json={"where": where}).raise_for_status()
        asked = {"name": name, "slice": name, "order": "stored"} | more
        client.post("/v1/queues", json=asked, headers={"Idempotency-Key": name}).raise_for_status()
        return client

    return make


def read_events(client, name=None):
    ids = [one["trace_id"] for one in client.get("/v1/traces", params={"limit": 500}).json()["items"]]
    found = [event for one in ids for event in client.get(f"/v1/traces/{one}/reviews").json()["events"]]
    return [event for event in found if name in (None, event["reviewer"])]


def is_saved(page):
    page.locator("[data-state][data-kind=saved]").wait_for()


def open_queue(visitor, name):
    page = visitor.go(f"/review/{name}")
    page.locator("[data-card] article").wait_for()
    return page


def now_shown(page):
    return page.locator("[data-card] article").get_attribute("data-trace")


def test_a_trace_is_judged_with_keys_alone(live, make_queue):
    client = make_queue("keys", "sample in [2, 5, 8]")
    visitor = live.visit("rita")
    page = open_queue(visitor, "keys")
    first = now_shown(page)
    for key in ("j", "1", "k", "3", "j", "e"):
        page.keyboard.press(key)
    page.keyboard.press("c")
    page.keyboard.type("a slip")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.wait_for_function("id => document.querySelector('[data-card] article')?.dataset.trace !== id", arg=first)
    is_saved(page)
    state = next(one for one in client.get(f"/v1/traces/{first}/reviews").json()["states"] if one["reviewer"] == "rita")
    assert (state["decision"], state["first_error"]) == ("reject", 1)
    assert {step["step"]: step["label"] for step in state["steps"]} == {0: 1, 1: -1}
    events = client.get(f"/v1/traces/{first}/reviews").json()["events"]
    assert events[-1]["comment"] == "a slip" and events[-1]["seconds"] > 0
    assert visitor.noise == [] and visitor.violations() == []


def test_the_help_is_a_key_away_and_escape_closes_it(live, make_queue):
    make_queue("help", "sample == 4")
    page = open_queue(live.visit("rita"), "help")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_the_kind_of_an_error_is_chosen_with_keys_and_typing_is_one_thing_to_undo(live, make_queue):
    client = make_queue("kinds", "sample in [46, 47]")
    page = open_queue(live.visit("rita"), "kinds")
    first = now_shown(page)
    for key in ("1", "t", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("[document.activeElement.name, document.activeElement.value]") == ["error_type", "logic"]
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.type("nonsense")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    assert page.get_by_label("Comment").input_value() == ""
    expect(page.locator(".step.current .said")).to_have_text("wrong")
    page.keyboard.press("r")
    is_saved(page)
    events = client.get(f"/v1/traces/{first}/reviews").json()["events"]
    assert [(one["label"], one["error_type"]) for one in events if one["step"] == 0] == [(-1, "logic")]
    assert [one["comment"] for one in events if one["decision"]] == [None]


def test_a_rewrite_outlives_a_crash_in_the_middle_of_a_word(live, make_queue):
    make_queue("rewrite", "sample in [49, 50]")
    visitor = live.visit("rita")
    page = open_queue(visitor, "rewrite")
    first = now_shown(page)
    page.keyboard.press("x")
    page.keyboard.press("Control+a")
    page.keyboard.type("better sai")
    page.close()
    visitor.page = visitor.context.new_page()
    page = open_queue(visitor, "rewrite")
    assert now_shown(page) == first
    expect(page.locator("[data-step='0'] .said")).to_have_text("rewritten")
    assert page.get_by_label("How the step should read").input_value() == "better sai"


def test_undo_takes_back_first_the_draft_then_what_was_saved(live, make_queue):
    client = make_queue("undo", "sample in [10, 11, 13]")
    page = open_queue(live.visit("rita"), "undo")
    first = now_shown(page)
    page.keyboard.press("3")
    expect(page.locator(".step.current .said")).to_have_text("right")
    page.keyboard.press("z")
    expect(page.locator(".step.current .said")).to_have_text("")
    page.keyboard.press("1")
    page.keyboard.press("a")
    is_saved(page)
    assert now_shown(page) != first
    page.keyboard.press("z")
    page.get_by_text("Undone: judge it again.").wait_for()
    assert now_shown(page) == first
    expect(page.locator("[data-step='0'] .said")).to_have_text("wrong")
    states = client.get(f"/v1/traces/{first}/reviews").json()["states"]
    assert [one for one in states if one["decision"]] == []
    page.keyboard.press("u")
    is_saved(page)
    states = client.get(f"/v1/traces/{first}/reviews").json()["states"]
    assert [one["decision"] for one in states] == ["unsure"]


def test_what_is_judged_without_a_network_is_kept_and_saved_once_it_is_back(live, make_queue):
    client = make_queue("offline", "sample in [14, 16, 17, 19]")
    visitor = live.visit("rolf")
    page = open_queue(visitor, "offline")
    page.locator("[data-ahead='2']").wait_for()
    before = len(read_events(client, "rolf"))
    visitor.context.set_offline(True)
    page.keyboard.press("3")
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.get_by_text("Not saved yet: 2 kept in this browser").wait_for()
    assert page.locator("[data-state]").get_attribute("data-kind") == "waiting"
    visitor.context.set_offline(False)
    is_saved(page)
    said = read_events(client, "rolf")[before:]
    assert sorted(one["decision"] or "" for one in said) == ["", "accept", "reject"]


def test_without_a_network_the_page_says_that_the_next_trace_is_waited_for_and_goes_on_by_itself(live, make_queue):
    make_queue("dry", "sample in [1, 3, 7, 9, 15]")
    visitor = live.visit("rolf")
    page = open_queue(visitor, "dry")
    page.locator("[data-ahead='2']").wait_for()
    visitor.context.set_offline(True)
    for _ in range(3):
        page.keyboard.press("a")
    page.get_by_role("heading", name="Fetching a trace").wait_for()
    page.get_by_text("Not saved yet: 3 kept in this browser").wait_for()
    visitor.context.set_offline(False)
    page.locator("[data-card] article").wait_for()
    is_saved(page)
    page.get_by_text("3 of 5").wait_for()


def test_a_draft_and_an_unsent_judgement_outlive_a_crash(live, make_queue):
    client = make_queue("crash", "sample in [20, 22, 23, 25]")
    visitor = live.visit("rita")
    page = open_queue(visitor, "crash")
    first = now_shown(page)
    page.locator("[data-ahead='2']").wait_for()
    visitor.context.route("**/v1/traces/*/reviews", lambda route: route.abort())
    page.keyboard.press("1")
    page.keyboard.press("r")
    page.get_by_text("Not saved yet: 1 kept").wait_for()
    second = now_shown(page)
    page.keyboard.press("2")
    page.close()
    visitor.context.unroute("**/v1/traces/*/reviews")
    visitor.page = visitor.context.new_page()
    page = open_queue(visitor, "crash")
    is_saved(page)
    assert now_shown(page) == second
    expect(page.locator("[data-step='0'] .said")).to_have_text("neutral")
    states = client.get(f"/v1/traces/{first}/reviews").json()["states"]
    assert [one["decision"] for one in states if one["reviewer"] == "rita"] == ["reject"]


def test_a_reply_that_is_lost_counts_once(live, make_queue):
    client = make_queue("lost", "sample in [26, 28]")
    visitor = live.visit("rita")
    page = open_queue(visitor, "lost")
    first = now_shown(page)
    lost = []

    def lose_once(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        route.abort()

    visitor.context.route("**/v1/traces/*/reviews", lose_once)
    page.keyboard.press("a")
    page.get_by_text("Not saved yet").wait_for()
    is_saved(page)
    assert lost == [201]
    events = client.get(f"/v1/traces/{first}/reviews").json()["events"]
    assert [one["decision"] for one in events] == ["accept"]


def test_a_browser_without_room_for_drafts_saves_all_the_same(live, make_queue):
    client = make_queue("full", "sample in [43, 44]")
    page = open_queue(live.visit("rita"), "full")
    first = now_shown(page)
    page.evaluate(
        "() => { for (let n = 2 ** 22; n > 0; n >>= 1) try { localStorage.setItem('x' + n, 'x'.repeat(n)); } catch {} }"
    )
    page.keyboard.press("1")
    page.get_by_text("no room for drafts").wait_for()
    page.keyboard.press("a")
    is_saved(page)
    events = client.get(f"/v1/traces/{first}/reviews").json()["events"]
    assert sorted((one["label"], one["decision"]) for one in events if one["label"]) == [(-1, None)]


def test_two_reviewers_at_once_get_different_traces_and_blind_to_each_other(live, make_queue):
    client = make_queue("two", "sample in [29, 31, 32, 34]", reviewers_per_trace=2)
    pages = {name: open_queue(live.visit(name), "two") for name in ("rita", "rolf")}
    judged = {name: [] for name in pages}
    for name, key in (("rita", "a"), ("rolf", "r"), ("rita", "a"), ("rolf", "r"), ("rolf", "a"), ("rita", "r")):
        page = pages[name]
        page.locator("[data-card] article").wait_for()
        assert "reject" not in page.locator("[data-card]").inner_text().lower()
        judged[name].append(now_shown(page))
        page.keyboard.press(key)
        is_saved(page)
    assert all(len(set(ids)) == 3 for ids in judged.values())
    assert client.get("/v1/queues/two/progress").json()["done"] == 6


def test_a_curator_settles_what_reviewers_disagree_on(live, make_queue):
    client = make_queue("settle", "sample == 35", reviewers_per_trace=2)
    for name, key in (("rita", "a"), ("rolf", "r")):
        page = open_queue(live.visit(name), "settle")
        page.keyboard.press("c")
        page.keyboard.type(f"so says {name}")
        page.keyboard.press("Escape")
        page.keyboard.press(key)
        is_saved(page)
    page = live.visit("carl").go("/review")
    page.get_by_role("link", name="Settle 1 disagreement").click()
    page.locator("[data-card] article").wait_for()
    said = page.locator(".settle").inner_text()
    assert "so says rita" in said and "so says rolf" in said and "reject" in said
    page.keyboard.press("r")
    is_saved(page)
    assert client.get("/v1/queues/settle/progress").json()["settled"] == 1


def test_a_skipped_trace_comes_back_at_the_end(live, make_queue):
    make_queue("skip", "sample in [37, 38]")
    page = open_queue(live.visit("rita"), "skip")
    first = now_shown(page)
    page.keyboard.press("n")
    page.wait_for_function("id => document.querySelector('[data-card] article')?.dataset.trace !== id", arg=first)
    page.keyboard.press("a")
    page.wait_for_function("id => document.querySelector('[data-card] article')?.dataset.trace === id", arg=first)
    page.keyboard.press("a")
    page.get_by_text("Nothing left for you here").wait_for()


def test_a_lease_that_somebody_else_has_by_now_keeps_the_judgement_outside_the_queue(live, make_queue):
    client = make_queue("late", "sample == 40", lease_seconds=10)
    visitor = live.visit("rita")
    page = open_queue(visitor, "late")
    first = now_shown(page)
    slot = page.evaluate("JSON.stringify(Object.keys(localStorage))")
    assert "tw:out" not in slot
    visitor.context.route("**/v1/traces/*/reviews", lambda route: route.abort())
    page.keyboard.press("a")
    page.get_by_text("Not saved yet").wait_for()
    take_over(live, "late", "rolf")
    visitor.context.unroute("**/v1/traces/*/reviews")
    is_saved(page)
    states = client.get(f"/v1/traces/{first}/reviews").json()["states"]
    assert [one["decision"] for one in states if one["reviewer"] == "rita"] == ["accept"]
    assert client.get("/v1/queues/late/progress").json()["done"] == 0


def take_over(live, queue, name):
    """Let a lease run out and another reviewer claim its trace."""
    from sqlalchemy import text

    with live.services.database.write() as connection:
        connection.execute(text("UPDATE slots SET expires_at = 1 WHERE submitted_at IS NULL"))
    headers = {"Authorization": f"Bearer {live.tokens[name]}", "Idempotency-Key": "taken"}
    reply = httpx.post(f"{live.origin}/v1/queues/{queue}/claims", json={"kind": "work"}, headers=headers)
    assert reply.json()["lease"] is not None, json.dumps(reply.json())


def test_a_trace_is_judged_where_it_was_found_too(live):
    visitor = live.visit("rolf")
    trace = live.services.feed.frame.rows["trace_id"][41]
    page = visitor.go(f"/traces/{trace}")
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.keyboard.press("u")
    is_saved(page)
    page.locator("[data-part=history]").get_by_text("unsure").first.wait_for()
    assert "rolf" in page.locator("[data-part=history]").inner_text()
    assert visitor.noise == [] and visitor.violations() == []
