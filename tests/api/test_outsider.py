"""A script of somebody who knows the OpenAPI document and nothing else, against the service as it is served."""

import hashlib
import threading
from pathlib import Path

import httpx
import pytest


class Api:
    """One person's client, made of the document: operations by name, their paths and parameters as it says."""

    def __init__(self, url):
        self.client = httpx.Client(base_url=url, timeout=60)
        self.document = self.client.get("/openapi.json").json()
        self.operations = {
            facts["operationId"]: (method, path, facts)
            for path, methods in self.document["paths"].items()
            for method, facts in methods.items()
        }

    def call(self, operation, /, body=None, **given):
        """Call an operation; what is given goes where the document says: into the path, the query or a header."""
        method, path, facts = self.operations[operation]
        places = {one["name"].lower().replace("-", "_"): one for one in facts.get("parameters", [])}
        query, headers = {}, {}
        for key, value in given.items():
            known = places[key]
            if known["in"] == "path":
                path = path.replace(f"{{{known['name']}}}", str(value))
            else:
                (query if known["in"] == "query" else headers)[known["name"]] = value
        response = self.client.request(method, path, params=query, headers=headers, json=body)
        documented = {status for status in facts["responses"] if status.isdigit()}
        assert str(response.status_code) in documented, (operation, response.status_code, response.text)
        return response

    def sign_in(self, token):
        session = self.call("sessions-sign_in", {"token": token}).json()
        self.client.headers["X-CSRF-Token"] = session["csrf_token"]
        return self


def judge(api, lease, decision, wrong_step):
    """Look at a trace, label its steps, take one label back, and hand the whole in."""
    body = api.call("traces-read_trace", trace_id=lease["trace_id"]).json()
    steps = body["trace"]["steps"]
    slip = api.call("reviews-add_reviews", {"events": [{"step": 0, "label": 0}]}, trace_id=lease["trace_id"])
    event = slip.json()["events"][0]["review_id"]
    undone = api.call("reviews-undo", review_id=event, if_match=slip.headers["ETag"])
    assert undone.json()["state"]["steps"] == []
    labels = [{"step": place, "label": -1 if place >= wrong_step else 1} for place in range(len(steps))]
    if wrong_step < len(steps):
        labels[wrong_step] |= {"first_error": True, "error_type": "arithmetic"}
    sent = {
        "events": [*labels, {"decision": decision, "seconds": 12.5}],
        "lease": {x: lease[x] for x in ("slot", "fence")},
    }
    key = f"{lease['slot']}-{lease['fence']}"
    first = api.call("reviews-add_reviews", sent, trace_id=lease["trace_id"], idempotency_key=key)
    again = api.call("reviews-add_reviews", sent, trace_id=lease["trace_id"], idempotency_key=key)
    assert first.json() == again.json()
    return first.json()["state"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stranger_with_the_document_gets_from_sign_in_to_a_dataset(server, add_users, tmp_path, monkeypatch):
    tokens = add_users(2)
    server.start()
    carl, rita, rolf = (Api(server.url).sign_in(tokens[name]) for name in ("carl", "reviewer0", "reviewer1"))
    where = 'outcome == "incorrect"'
    carl.call("slices-save", {"where": where}, name="wrong")
    carl.call("queues-add_queue", {"name": "wrong", "slice": "wrong", "reviewers_per_trace": 2})
    found = rita.call("traces-list_traces", where=where, sort="confidence", limit=3).json()
    least = [row["trace_id"] for row in found["items"]]
    for place, trace_id in enumerate(least):
        said = []
        for person in (rita, rolf):
            lease = person.call("queues-claim", {}, name="wrong").json()["lease"]
            assert lease["trace_id"] == trace_id
            said.append(judge(person, lease, "accept" if place == 1 else "reject", wrong_step=place))
        assert said[0] | {"reviewer": ""} == said[1] | {"reviewer": ""}
    agreed = carl.call("agreement-read_agreement", slice="wrong").json()
    assert (agreed["decisions"]["alpha"], agreed["steps"]["alpha"], agreed["traces"]) == (1.0, 1.0, 3)
    asked = carl.call("releases-make_release", {"name": "judged", "slice": "wrong", "where": "review_count > 0"}).json()
    job, moment = asked, threading.Event()
    while job["state"] in ("waiting", "running"):
        moment.wait(0.1)
        job = carl.call("jobs-read_job", job_id=asked["id"]).json()
    assert job["state"] == "done", job
    folder = download(carl, job["result"], tmp_path / "judged")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    splits = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    rows = {row["trace_id"]: row for split in splits.values() for row in split}
    assert set(rows) == set(least)
    labels = [[step["label"] for step in rows[trace_id]["steps"]] for trace_id in least]
    assert labels == [[-1 if step >= place else 1 for step in range(len(said))] for place, said in enumerate(labels)]


def download(api, named, folder):
    """Every file of a release, checked against its manifest."""
    release = {"name": named["name"], "version": named["version"]}
    manifest = api.call("releases-read_release", **release).json()["manifest"]
    for file in manifest["files"]:
        content = api.call("releases-download", **release, path=file["path"]).content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        (folder / Path(file["path"])).parent.mkdir(parents=True, exist_ok=True)
        (folder / file["path"]).write_bytes(content)
    return folder
