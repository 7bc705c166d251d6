"""Queues: leases, fences, blindness, disagreements, gold."""

import pytest

from tracewright.api.queues.leases import MAX_OPEN_LEASES


def make_queue(service, expect, where='outcome == "incorrect"', **more):
    carl = service.as_("carl")
    carl.put("/v1/slices/wrong", json={"where": where})
    return expect(carl.post("/v1/queues", json={"name": "q", "slice": "wrong"} | more), 201)


def claim(service, name, kind="work"):
    return service.as_(name).post("/v1/queues/q/claims", json={"kind": kind}).json()["lease"]


def submit(service, name, lease, decision="accept", fence=None):
    proof = {"slot": lease["slot"], "fence": fence or lease["fence"]}
    body = {"events": [{"decision": decision}], "lease": proof}
    return service.as_(name).post(f"/v1/traces/{lease['trace_id']}/reviews", json=body)


def test_the_least_confident_come_first_and_each_to_one_person(service, expect):
    make_queue(service, expect)
    frame = service.services.feed.frame.rows
    order = frame.filter(frame["outcome"] == "incorrect").sort("confidence", nulls_last=True)["trace_id"].to_list()
    given = [claim(service, name)["trace_id"] for name in ("rita", "rolf", "rita", "rolf")]
    assert given == order[:4]


def test_a_trace_goes_to_as_many_people_as_asked_and_no_more(service, expect):
    make_queue(service, expect, "tokens == 7", reviewers_per_trace=2)
    first, second = claim(service, "rita"), claim(service, "rolf")
    assert first["trace_id"] == second["trace_id"] and first["slot"] != second["slot"]
    assert claim(service, "carl")["trace_id"] != first["trace_id"]


def test_a_lease_that_ran_out_goes_to_the_next_and_its_fence_keeps_the_first_out(service, expect):
    make_queue(service, expect, lease_seconds=60)
    lost = claim(service, "rita")
    service.clock.now += 61
    taken = claim(service, "rolf")
    assert taken["slot"] == lost["slot"] and taken["fence"] == lost["fence"] + 1
    assert submit(service, "rita", lost).status_code == 409
    assert submit(service, "rita", lost, fence=taken["fence"]).status_code == 409
    expect(submit(service, "rolf", taken), 201)
    assert submit(service, "rolf", taken).status_code == 409
    history = expect(service.as_("carl").get(f"/v1/traces/{lost['trace_id']}/reviews"))
    assert [event["reviewer"] for event in history["events"]] == ["rolf"]


def test_work_after_the_lease_counts_where_nobody_else_took_the_trace(service, expect):
    make_queue(service, expect, lease_seconds=60)
    lease = claim(service, "rita")
    service.clock.now += 3_600
    expect(submit(service, "rita", lease), 201)


def test_renewing_keeps_a_lease_and_releasing_gives_it_to_the_next(service, expect):
    make_queue(service, expect, lease_seconds=60)
    rita, lease = service.as_("rita"), claim(service, "rita")
    path, fence = f"/v1/queues/q/leases/{lease['slot']}", {"fence": lease["fence"]}
    service.clock.now += 50
    expect(rita.post(f"{path}/renewal", json=fence))
    service.clock.now += 50
    assert claim(service, "rolf")["slot"] != lease["slot"]
    assert [one["slot"] for one in expect(rita.get("/v1/queues/q/leases"))["items"]] == [lease["slot"]]
    expect(rita.post(f"{path}/release", json=fence))
    assert claim(service, "carl")["slot"] == lease["slot"]
    assert rita.post(f"{path}/renewal", json=fence).status_code == 409


def test_a_repeated_claim_gets_the_same_lease(service, expect):
    make_queue(service, expect)
    headers = {"Idempotency-Key": "claim-1"}
    both = [service.as_("rita").post("/v1/queues/q/claims", json={}, headers=headers).json() for _ in range(2)]
    assert both[0] == both[1]
    assert claim(service, "rita")["slot"] != both[0]["lease"]["slot"]


def test_nobody_hoards(lite, expect):
    make_queue(lite, expect, "tokens >= 0")
    for _ in range(MAX_OPEN_LEASES):
        claim(lite, "rita")
    assert lite.as_("rita").post("/v1/queues/q/claims", json={}).status_code == 409


def test_a_queue_without_work_says_so(lite, expect):
    make_queue(lite, expect, "tokens == 7")
    while claim(lite, "ann"):
        pass
    assert lite.as_("rolf").post("/v1/queues/q/claims", json={}).json() == {"lease": None}


def test_judgements_are_blind_until_ones_own_is_given(service, expect):
    make_queue(service, expect, reviewers_per_trace=2)
    first, second = claim(service, "rita"), claim(service, "rolf")
    expect(submit(service, "rita", first, "reject"), 201)
    path = f"/v1/traces/{first['trace_id']}/reviews"
    assert expect(service.as_("rolf").get(path))["events"] == []
    assert expect(service.as_("vera").get(path))["events"] == []
    assert len(expect(service.as_("carl").get(path))["events"]) == 1
    expect(submit(service, "rolf", second), 201)
    assert len(expect(service.as_("rolf").get(path))["events"]) == 2


def read_seen(service, name, trace_id):
    """All that somebody is told of what was said of a trace: by lists, filters, counts, the trace, and an export."""
    client, where = service.as_(name), f'trace_id == "{trace_id}"'
    (row,) = client.get("/v1/traces", params={"where": where}).json()["items"]
    body = client.get(f"/v1/traces/{trace_id}").json()["columns"]
    facet = client.get("/v1/traces/facets", params={"where": where, "columns": "decision"}).json()["facets"][0]
    lines = client.get("/v1/slices/wrong/export", params={"format": "csv"}).text.splitlines()
    (line,) = [line for line in lines if line.startswith(trace_id)]
    return {
        "row": row["decision"],
        "body": body["decision"],
        "flagged": client.get("/v1/traces", params={"where": f"{where} and flagged"}).json()["total"],
        "counted": client.get("/v1/traces", params={"where": f"{where} and review_count > 0"}).json()["total"],
        "facet": [one["value"] for one in facet["values"]],
        "export": line.rsplit(",", 1)[1],
    }


NOTHING = {"row": None, "body": None, "flagged": 0, "counted": 0, "facet": [], "export": ""}
REJECTED = {"row": "reject", "body": "reject", "flagged": 1, "counted": 1, "facet": ["reject"], "export": "reject"}


def test_no_list_count_or_filter_tells_what_is_still_blind(service, expect):
    make_queue(service, expect, reviewers_per_trace=2)
    first, second = claim(service, "rita"), claim(service, "rolf")
    trace_id = first["trace_id"]
    expect(submit(service, "rita", first, "reject"), 201)
    assert read_seen(service, "rolf", trace_id) == read_seen(service, "vera", trace_id) == NOTHING
    assert read_seen(service, "carl", trace_id) == REJECTED
    expect(submit(service, "rolf", second, "reject"), 201)
    assert read_seen(service, "rolf", trace_id) == read_seen(service, "vera", trace_id) == REJECTED


def test_what_is_blind_follows_queues_that_are_made_and_closed(service, expect):
    trace_id = service.ids(where='outcome == "incorrect"')[0]
    body = {"events": [{"decision": "reject"}]}
    expect(service.as_("carl").post(f"/v1/traces/{trace_id}/reviews", json=body), 201)
    make_queue(service, expect)
    assert read_seen(service, "rita", trace_id) == NOTHING
    carl = service.as_("carl")
    for closed, seen in ((True, REJECTED), (False, NOTHING), (True, REJECTED)):
        tag = carl.get("/v1/queues/q").headers["ETag"]
        expect(carl.patch("/v1/queues/q", json={"closed": closed}, headers={"If-Match": tag}))
        assert read_seen(service, "rita", trace_id) == seen


def test_what_was_said_of_gold_questions_is_blind(service, expect):
    (gold,) = service.ids(where='outcome == "incorrect"', limit=1)
    questions = [{"trace_id": gold, "decision": "reject"}]
    make_queue(service, expect, gold=questions, gold_every=2)
    body = {"events": [{"decision": "reject"}]}
    expect(service.as_("rolf").post(f"/v1/traces/{gold}/reviews", json=body), 201)
    assert read_seen(service, "rita", gold) == NOTHING and read_seen(service, "carl", gold) == REJECTED


def test_a_disagreement_goes_to_a_curator(service, expect):
    make_queue(service, expect, reviewers_per_trace=2)
    leases = claim(service, "rita"), claim(service, "rolf")
    assert claim(service, "carl", "adjudication") is None
    expect(submit(service, "rita", leases[0], "accept"), 201)
    expect(submit(service, "rolf", leases[1], "reject"), 201)
    assert service.as_("rita").post("/v1/queues/q/claims", json={"kind": "adjudication"}).status_code == 403
    settled = claim(service, "carl", "adjudication")
    assert settled["trace_id"] == leases[0]["trace_id"]
    expect(submit(service, "carl", settled, "reject"), 201)
    progress = expect(service.as_("vera").get("/v1/queues/q/progress"))
    assert (progress["done"], progress["disagreements"], progress["settled"]) == (2, 1, 1)


def test_gold_questions_come_unseen_and_are_counted(service, expect):
    gold = service.ids(where='outcome == "correct"', limit=3)
    questions = [{"trace_id": trace_id, "decision": "accept"} for trace_id in gold]
    make_queue(service, expect, gold=questions, gold_every=2)
    asked = []
    for number in range(6):
        lease = claim(service, "rita")
        assert lease["kind"] == "work"
        asked.append(lease["trace_id"])
        expect(submit(service, "rita", lease, "accept" if number < 3 else "reject"), 201)
    assert [trace_id in gold for trace_id in asked] == [False, True, False, True, False, True]
    (rita,) = expect(service.as_("rita").get("/v1/queues/q/progress"))["reviewers"]
    assert (rita["gold"], rita["gold_right"], rita["submitted"]) == (3, 1, 6)
    (seen,) = expect(service.as_("rolf").get("/v1/queues/q/progress"))["reviewers"]
    assert seen["gold_accuracy"] is None


def test_a_closed_queue_gives_nothing_out_and_takes_what_was_claimed(lite, expect):
    make_queue(lite, expect)
    carl, lease = lite.as_("carl"), claim(lite, "rita")
    tag = carl.get("/v1/queues/q").headers["ETag"]
    assert carl.patch("/v1/queues/q", json={"closed": True}).status_code == 428
    expect(carl.patch("/v1/queues/q", json={"closed": True}, headers={"If-Match": tag}))
    assert carl.patch("/v1/queues/q", json={"closed": False}, headers={"If-Match": tag}).status_code == 412
    assert lite.as_("rolf").post("/v1/queues/q/claims", json={}).status_code == 409
    expect(submit(lite, "rita", lease), 201)


def test_who_changes_their_mind_may_make_a_disagreement_or_end_one(service, expect):
    make_queue(service, expect, reviewers_per_trace=2)
    rita = service.as_("rita")

    def submit_both(first, second):
        leases = claim(service, "rita"), claim(service, "rolf")
        event = expect(submit(service, "rita", leases[0], first), 201)["events"][0]
        trace_id, undo = leases[0]["trace_id"], f"/v1/reviews/{event['review_id']}/undo"
        return trace_id, undo, lambda: expect(submit(service, "rolf", leases[1], second), 201)

    def decide(trace_id, decision):
        path = f"/v1/traces/{trace_id}/reviews"
        return expect(rita.post(path, json={"events": [{"decision": decision}]}), 201)["events"][0]["review_id"]

    trace_id, _, finish = submit_both("accept", "reject")
    decide(trace_id, "reject")
    finish()
    assert claim(service, "carl", "adjudication") is None, "they agree"
    trace_id, undo, finish = submit_both("accept", "accept")
    finish()
    expect(rita.post(undo, headers={"If-Match": "*"}), 201)
    assert claim(service, "carl", "adjudication") is None, "nothing is said yet"
    latest = decide(trace_id, "reject")
    expect(rita.post(f"/v1/reviews/{latest}/undo", headers={"If-Match": "*"}), 201)
    decide(trace_id, "reject")
    assert claim(service, "carl", "adjudication")["trace_id"] == trace_id
    assert claim(service, "carl", "adjudication") is None, "once"
    progress = expect(service.as_("carl").get("/v1/queues/q/progress"))
    assert (progress["done"], progress["disagreements"]) == (4, 1)


@pytest.mark.parametrize("order", ["random", "stored"])
def test_every_order_hands_out_every_trace_once(lite, expect, order):
    make_queue(lite, expect, order=order)
    given = []
    while lease := claim(lite, "rita"):
        given.append(lease["trace_id"])
        expect(submit(lite, "rita", lease), 201)
    assert len(given) == len(set(given)) == 20


def test_a_lease_proves_only_its_own_trace(lite, expect):
    make_queue(lite, expect)
    lease, other = claim(lite, "rita"), claim(lite, "rita")
    assert submit(lite, "rita", lease | {"trace_id": other["trace_id"]}).status_code == 409
