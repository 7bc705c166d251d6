"""The review log: appending, standing, undoing, repeating."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.api.reviews.folding import fold, summarise
from tracewright.pipeline.store.standing import settle_reviews
from tracewright.schemas.review import Review

ACCEPT = {"events": [{"decision": "accept"}]}


def post(client, trace_id, *events, headers=None, lease=None):
    body = {"events": list(events)} | ({"lease": lease} if lease else {})
    return client.post(f"/v1/traces/{trace_id}/reviews", json=body, headers=headers)


def test_everything_a_reviewer_says_is_kept_and_stands(service, expect):
    trace_id, rita = service.ids(where="step_count == 4")[0], service.as_("rita")
    stored = expect(
        post(
            rita,
            trace_id,
            {"step": 0, "label": 1, "seconds": 2.5},
            {"step": 1, "label": -1, "first_error": True, "error_type": "arithmetic", "corrected_text": "7 + 1 = 8\n"},
            {"decision": "reject", "tags": ["slip", "easy"], "comment": "a digit — ✗", "corrected_answer": "8"},
            {"error_type": "misread"},
        ),
        201,
    )
    assert [event["active"] for event in stored["events"]] == [True] * 4
    state = expect(rita.get(f"/v1/traces/{trace_id}/review"))
    assert state == stored["state"]
    assert (state["decision"], state["first_error"], state["corrected_answer"]) == ("reject", 1, "8")
    assert state["error_type"] == "misread"
    assert state["steps"][1] | {"error_type": "arithmetic", "corrected_text": "7 + 1 = 8\n"} == state["steps"][1]
    row = expect(rita.get(f"/v1/traces/{trace_id}"))["columns"]
    assert (row["flagged"], row["review_count"], row["decision"]) == (True, 1, "reject")


def test_a_later_word_prevails_and_the_earlier_one_stays_in_the_history(service, expect):
    trace_id, rita = service.ids()[0], service.as_("rita")
    for decision in ("reject", "unsure", "accept"):
        expect(post(rita, trace_id, {"decision": decision}), 201)
    history = expect(rita.get(f"/v1/traces/{trace_id}/reviews"))
    assert [event["decision"] for event in history["events"]] == ["reject", "unsure", "accept"]
    assert history["states"][0]["decision"] == "accept"
    assert expect(rita.get(f"/v1/traces/{trace_id}"))["columns"]["flagged"] is False


def test_undo_brings_back_what_stood_and_can_itself_be_undone(service, expect):
    trace_id, rita = service.ids()[1], service.as_("rita")
    expect(post(rita, trace_id, {"decision": "accept"}), 201)
    second = post(rita, trace_id, {"decision": "reject"})
    event = expect(second, 201)["events"][0]
    path = f"/v1/reviews/{event['review_id']}/undo"
    undone = rita.post(path, headers={"If-Match": second.headers["ETag"]})
    assert expect(undone, 201)["state"]["decision"] == "accept"
    assert rita.post(path, headers={"If-Match": undone.headers["ETag"]}).status_code == 409
    undo = undone.json()["events"][0]["review_id"]
    redone = rita.post(f"/v1/reviews/{undo}/undo", headers={"If-Match": undone.headers["ETag"]})
    assert expect(redone, 201)["state"]["decision"] == "reject"
    assert len(expect(rita.get(f"/v1/traces/{trace_id}/reviews"))["events"]) == 4


def test_undoing_needs_the_version_that_was_seen(lite, expect):
    trace_id, rita = lite.ids()[0], lite.as_("rita")
    first = post(rita, trace_id, {"decision": "accept"})
    path = f"/v1/reviews/{first.json()['events'][0]['review_id']}/undo"
    assert rita.post(path).status_code == 428
    post(rita, trace_id, {"decision": "reject"})
    assert rita.post(path, headers={"If-Match": first.headers["ETag"]}).status_code == 412
    assert post(rita, trace_id, {"decision": "accept"}, headers={"If-Match": first.headers["ETag"]}).status_code == 412


def test_nobody_undoes_what_somebody_else_said(lite, expect):
    trace_id = lite.ids()[0]
    event = expect(post(lite.as_("rita"), trace_id, {"decision": "accept"}), 201)["events"][0]
    for name in ("rolf", "ann"):
        response = lite.as_(name).post(f"/v1/reviews/{event['review_id']}/undo", headers={"If-Match": "*"})
        assert response.status_code == 403


def test_a_repeated_request_counts_once(service, expect):
    trace_id, rita = service.ids()[2], service.as_("rita")
    headers = {"Idempotency-Key": "a-lost-reply"}
    first = post(rita, trace_id, {"decision": "accept"}, headers=headers)
    again = post(rita, trace_id, {"decision": "accept"}, headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(expect(rita.get(f"/v1/traces/{trace_id}/reviews"))["events"]) == 1
    assert post(rita, trace_id, {"decision": "reject"}, headers=headers).status_code == 422
    assert post(service.as_("rolf"), trace_id, {"decision": "reject"}, headers=headers).status_code == 201


def test_two_reviewers_are_counted_and_the_more_careful_word_is_the_traces(service, expect):
    trace_id = service.ids()[3]
    post(service.as_("rita"), trace_id, {"decision": "reject"})
    post(service.as_("rolf"), trace_id, {"decision": "accept"})
    row = expect(service.as_("vera").get(f"/v1/traces/{trace_id}"))["columns"]
    assert (row["decision"], row["review_count"], row["flagged"]) == ("reject", 2, True)
    found = expect(service.as_("vera").get("/v1/traces", params={"where": "flagged and review_count == 2"}))
    assert [item["trace_id"] for item in found["items"]] == [trace_id]


def test_another_process_sees_the_events(service, expect):
    """What `refresh` reads is what a second process on the same database reads."""
    from tracewright.api.app import open_services

    trace_id = service.ids()[4]
    expect(post(service.as_("rita"), trace_id, {"decision": "unsure"}), 201)
    other = open_services(service.services.settings)
    other.feed.refresh()
    frame = other.feed.frame
    assert frame.rows["decision"][frame.row_of(trace_id)] == "unsure"
    other.database.close()


@pytest.mark.parametrize("event", [
    {}, {"label": 1}, {"step": 0, "decision": "accept"}, {"step": 0, "label": 2}, {"decision": "maybe"},
    {"step": -1, "label": 1}, {"comment": "a\u0000b"}, {"comment": "x" * 10_001},
    {"decision": "accept", "reviewer": "ann"},
    {"decision": "accept", "created_at": "2020-01-01T00:00:00Z"}, {"step": 2**70, "label": 1}, {"step": 99, "label": 1},
    {"decision": "accept", "seconds": -1}, {"tags": [""]}, {"tags": ["x"] * 51},
])  # fmt: skip
def test_an_event_that_makes_no_sense_is_refused(looking, event):
    assert post(looking.as_("rita"), looking.ids()[0], event).status_code == 422


def test_a_trace_that_is_not_there_has_no_reviews(looking):
    rita = looking.as_("rita")
    assert post(rita, "nothing", {"decision": "accept"}).status_code == 404
    assert rita.get("/v1/traces/nothing/reviews").status_code == 404


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cy"]),
        st.sampled_from(["accept", "reject", "unsure", None]),
        st.one_of(st.none(), st.integers(0, 3)),
        st.sampled_from([-1, 0, 1, None]),
        st.one_of(st.none(), st.integers(0, 12)),
    ),
    max_size=14,
)


@given(EVENTS)
@settings(max_examples=300, deadline=None)
def test_what_stands_here_is_what_stands_in_a_release(drawn):
    events = []
    for number, (reviewer, decision, step, label, undoes) in enumerate(drawn):
        said = (
            {"undoes": f"r{undoes}"} if undoes is not None and undoes < number else {"decision": decision, "step": None}
        )
        if undoes is None and step is not None:
            said = {"step": step, "label": label}
        facts = {"review_id": f"r{number}", "trace_id": "t", "reviewer": reviewer, "created_at": "2025-01-01T00:00:00Z"}
        events.append(Review.model_validate(facts | said))
    published = settle_reviews(events).get("t")
    decision, count = summarise(events)
    assert decision == (published.decision if published else None)
    assert count == (published.reviewers if published else 0)
    labels = {
        step for standing in fold(events).values() for step, said in standing.steps.items() if said.label is not None
    }
    assert labels == (set(published.labels) if published else set())
