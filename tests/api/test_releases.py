"""Slices, exports, and releases made in the background."""

import csv
import io
import json

import pytest

from tracewright.pipeline.release import open_release, verify_release


def make(service, expect, **asked):
    response = service.as_("carl").post("/v1/releases", json=asked)
    job = expect(response, 202)
    assert service.services.jobs.run_next()
    return expect(service.as_("vera").get(f"/v1/jobs/{job['id']}"))


def test_a_release_holds_the_slice_and_what_reviewers_said(service, expect):
    carl, rita = service.as_("carl"), service.as_("rita")
    trace_id = service.ids(where='outcome == "correct" and step_count == 3')[0]
    said = [{"step": 1, "label": -1, "first_error": True}, {"decision": "accept"}]
    expect(rita.post(f"/v1/traces/{trace_id}/reviews", json={"events": said}), 201)
    expect(carl.put("/v1/slices/taken", json={"where": 'outcome == "correct" or decision == "accept"'}))
    job = make(service, expect, name="first", slice="taken")
    assert (job["state"], job["error"], job["progress"]) == ("done", None, 1.0)
    assert job["result"]["rows"] == 40 and job["result"]["published"] == 2
    shown = expect(carl.get("/v1/releases/first/1"))
    assert shown["manifest"]["review_watermark"] == 2 and shown["card"].startswith("---")
    (entry,) = expect(carl.get("/v1/releases"))["items"]
    assert entry["rows"] == 40
    folder = next(service.services.settings.releases_folder.iterdir())
    verify_release(folder)
    rows = [row for split in open_release(folder).splits for row in open_release(folder).iter_rows(split)]
    (reviewed,) = [row for row in rows if row["trace_id"] == trace_id]
    assert [step["label"] for step in reviewed["steps"]] == [None, -1, None]
    for file in shown["manifest"]["files"]:
        sent = carl.get(f"/v1/releases/first/1/files/{file['path']}")
        assert sent.content == (folder / file["path"]).read_bytes() and len(sent.content) == file["bytes"]


@pytest.mark.parametrize(("asked", "status", "part"), [
    ("bytes=0-9", 206, slice(0, 10)), ("bytes=10-", 206, slice(10, None)), ("bytes=-7", 206, slice(-7, None)),
    ("bytes=5-999999999", 206, slice(5, None)), ("bytes=-999999999", 206, slice(None)), ("bytes=9-3", 200, slice(None)),
    ("bytes=0-1,4-5", 200, slice(None)), ("bytes=-", 200, slice(None)), ("lines=1-2", 200, slice(None)),
    ("bytes=999999999-", 416, None), ("bytes=-0", 416, None), ("x" * 500, 422, None),
])  # fmt: skip
def test_a_download_that_broke_off_goes_on(lite, expect, asked, status, part):
    make(lite, expect, name="r", where="tokens >= 0")
    vera = lite.as_("vera")
    files = [file["path"] for file in expect(vera.get("/v1/releases/r/1"))["manifest"]["files"]]
    for path in [*files, "manifest.json"]:
        whole = vera.get(f"/v1/releases/r/1/files/{path}")
        sent = vera.get(f"/v1/releases/r/1/files/{path}", headers={"Range": asked})
        assert sent.status_code == status and whole.status_code == 200
        if part is None:
            assert sent.headers["content-type"] == "application/problem+json"
            assert status != 416 or sent.headers["content-range"] == f"bytes */{len(whole.content)}"
            continue
        assert sent.content == whole.content[part] and sent.headers["etag"] == whole.headers["etag"]
        named = {"Range": asked, "If-Range": '"another file"'}
        assert vera.get(f"/v1/releases/r/1/files/{path}", headers=named).content == whole.content


def test_reviews_after_a_release_are_in_the_next_one_only(lite, expect):
    lite.as_("carl").put("/v1/slices/all", json={"where": "tokens >= 0"})
    trace_id = lite.ids()[0]
    for number in (1, 2):
        event = {"events": [{"decision": "accept", "comment": str(number)}]}
        expect(lite.as_("rita").post(f"/v1/traces/{trace_id}/reviews", json=event), 201)
        result = make(lite, expect, name="r", slice="all")["result"]
        assert (result["version"], result["review_watermark"], result["published"]) == (str(number), number, 1)


def test_a_job_whose_process_died_is_run_again_and_makes_no_second_release(lite, expect):
    lite.as_("carl").put("/v1/slices/all", json={"where": "tokens >= 0"})
    first = make(lite, expect, name="r", slice="all")
    with lite.services.database.write() as connection:
        from tracewright.api.database.tables import JOBS

        connection.execute(JOBS.update().values(state="running", beat_at=0))
    assert lite.services.jobs.run_next()
    again = expect(lite.as_("vera").get(f"/v1/jobs/{first['id']}"))
    assert again["state"] == "done" and again["result"]["version"] == first["result"]["version"]
    assert len(expect(lite.as_("vera").get("/v1/releases"))["items"]) == 1


def test_a_release_that_can_not_be_made_says_why(lite, expect):
    carl = lite.as_("carl")
    assert carl.post("/v1/releases", json={"name": "r", "slice": "none"}).status_code == 404
    assert carl.post("/v1/releases", json={"name": "r"}).status_code == 422
    job = make(lite, expect, name="r", where='outcome == "error"')
    assert job["state"] == "failed" and "nothing to release" in job["error"]


@pytest.mark.parametrize("path", [
    "../../store/x.db", "..%2f..%2fstore.json", "%252e%252e/x", "data/../../x", "/etc/passwd", "data/x.parquet",
])  # fmt: skip
def test_no_path_leads_out_of_a_release(lite, expect, path):
    make(lite, expect, name="r", where="tokens >= 0")
    response = lite.as_("carl").get(f"/v1/releases/r/1/files/{path}")
    assert response.status_code in (404, 422) and b"SQLite" not in response.content


def test_slices_are_changed_only_by_who_has_seen_them(lite, expect):
    carl = lite.as_("carl")
    made = carl.put("/v1/slices/s", json={"where": "tokens > 5 AND tokens < 9"})
    assert expect(made)["where"] == "tokens > 5 and tokens < 9"
    assert carl.put("/v1/slices/s", json={"where": "tokens > 6"}).status_code == 428
    changed = carl.put("/v1/slices/s", json={"where": "tokens > 6"}, headers={"If-Match": made.headers["ETag"]})
    expect(changed)
    for tag in ("*", made.headers["ETag"]):
        absent = carl.put("/v1/slices/absent", json={"where": "tokens > 6"}, headers={"If-Match": tag})
        assert absent.status_code == 412
    stale = carl.put("/v1/slices/s", json={"where": "tokens > 7"}, headers={"If-Match": made.headers["ETag"]})
    assert stale.status_code == 412
    assert expect(carl.get("/v1/slices"))["items"][0]["where"] == "tokens > 6"
    log = expect(lite.as_("ann").get("/v1/audit"))["items"]
    assert log[0]["detail"]["before"] == "tokens > 5 and tokens < 9"
    assert carl.put("/v1/slices/bad", json={"where": "tokens >"}).status_code == 422


def test_an_export_is_the_slice_line_by_line(lite, expect):
    lite.as_("carl").put("/v1/slices/s", json={"where": 'outcome == "correct"'})
    sent = lite.as_("vera").get("/v1/slices/s/export")
    rows = [json.loads(line) for line in sent.text.splitlines()]
    assert len(rows) == 40 and {row["outcome"] for row in rows} == {"correct"}
    stored = {trace.trace_id: trace for trace in lite.services.store.iter_traces()}
    assert all(row["text"] == stored[row["trace_id"]].text for row in rows)
    wanted = {"trace_id", "problem_id", "sample", "prompt", "text", "steps", "answer", "outcome", "confidence"}
    assert wanted <= set(rows[0])


def test_no_cell_of_a_csv_is_a_formula(lite, expect, plant_one):
    from tracewright.api.slices.export import defuse

    assert [defuse(cell) for cell in ("=1+1", "+x", "-x", "@x", "\t=x", " =x", "＝x", "a=1", -3.5, None)] == [
        "'=1+1", "'+x", "'-x", "'@x", "'\t=x", "' =x", "'＝x", "a=1", -3.5, None,
    ]  # fmt: skip
    hostile = plant_one(id="-1", question="=1+1", answer="1", source="=cmd|' /C calc'!A0", domain="a\r\n=1")
    lite.as_("carl").put("/v1/slices/s", json={"where": "tokens >= 0"})
    sent = lite.as_("vera").get("/v1/slices/s/export", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(sent.text)))
    assert len(rows) == 61 and rows[0]["source"] == "planted"
    (row,) = [row for row in rows if row["trace_id"] == hostile]
    assert row["problem_id"] == "'-1"
    assert (row["source"], row["domain"]) == ("'=cmd|' /C calc'!A0", "a\r\n=1")
