"""Judging many traces as one event."""

WRONG = 'outcome == "incorrect"'


def test_a_bulk_event_is_previewed_carried_out_and_undone_as_one(service, expect):
    carl = service.as_("carl")
    seen = expect(carl.post("/v1/bulks/preview", json={"where": WRONG}))
    assert (seen["traces"], seen["reviewed"]) == (20, 0)
    asked = {"where": WRONG, "expected": 20, "decision": "reject", "tags": ["by filter"]}
    done = carl.post("/v1/bulks", json=asked)
    bulk = expect(done, 201)
    assert expect(carl.get("/v1/traces", params={"where": 'decision == "reject"'}))["total"] == 20
    trace_id = service.ids(where=WRONG)[0]
    (event,) = expect(carl.get(f"/v1/traces/{trace_id}/reviews"))["events"]
    assert (event["bulk"], event["tags"], event["active"]) == (bulk["id"], ["by filter"], True)
    one = carl.post(f"/v1/reviews/{event['review_id']}/undo", headers={"If-Match": "*"})
    assert one.status_code == 409
    path = f"/v1/bulks/{bulk['id']}"
    assert carl.post(f"{path}/undo").status_code == 428
    undone = carl.post(f"{path}/undo", headers={"If-Match": done.headers["ETag"]})
    assert expect(undone, 201)["undone_at"] is not None
    assert carl.post(f"{path}/undo", headers={"If-Match": undone.headers["ETag"]}).status_code == 409
    assert expect(carl.get("/v1/traces", params={"where": "review_count > 0"}))["total"] == 0
    assert len(expect(carl.get(f"/v1/traces/{trace_id}/reviews"))["events"]) == 2


def test_nothing_is_done_to_other_traces_than_were_seen(lite, expect):
    carl = lite.as_("carl")
    assert carl.post("/v1/bulks", json={"where": WRONG, "expected": 19, "decision": "reject"}).status_code == 409
    assert expect(carl.get("/v1/bulks"))["items"] == []


def test_a_bulk_event_belongs_to_its_author(lite, expect):
    done = lite.as_("ann").post("/v1/bulks", json={"where": WRONG, "expected": 20, "decision": "accept"})
    path = f"/v1/bulks/{expect(done, 201)['id']}/undo"
    assert lite.as_("carl").post(path, headers={"If-Match": "*"}).status_code == 403
    assert lite.as_("rita").post(path, headers={"If-Match": "*"}).status_code == 403
    expect(lite.as_("ann").post(path, headers={"If-Match": done.headers["ETag"]}), 201)
