"""Runs, on a Prefect server that the tests start: started by name, watched, read."""

import socket
import threading
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, LogCreate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running

from tracewright.api.runs.endpoints import Run, WatchedRun
from tracewright.flows.prefect_server import find_port, run_server

SCHEMA = {"type": "object", "properties": {"config": {"type": "string"}}, "required": ["config"]}


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    """The address of a server with the deployment `generate/nightly`."""
    folder, port = tmp_path_factory.mktemp("prefect"), find_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder))
        url = f"http://127.0.0.1:{port}/api"
        # Said to Prefect too: its client starts a server of its own for the events of what is changed here otherwise.
        with run_server(port, folder / "server.log"), temporary_settings({PREFECT_API_URL: url}):
            with SyncPrefectClient(api=url) as client:
                flow = client.create_flow_from_name("generate")
                client.create_deployment(
                    flow, "nightly", parameter_openapi_schema=SCHEMA, enforce_parameter_schema=True
                )
            yield url


@pytest.fixture
def running(prefect, serve_for):
    (service,) = serve_for(prefect_api_url=prefect)
    return service


def test_a_deployment_is_started_by_name_and_watched(running, prefect, expect):
    carl, vera = running.as_("carl"), running.as_("vera")
    assert {"name": "generate/nightly", "paused": False} in expect(vera.get("/v1/deployments"))["items"]
    asked = {"deployment": "generate/nightly", "parameters": {"config": "config.yaml"}}
    started = carl.post("/v1/runs", json=asked)
    run = expect(started, 201)
    Run.model_validate(run)
    assert run["state"] == "SCHEDULED" and started.headers["location"] == f"/v1/runs/{run['id']}"
    with SyncPrefectClient(api=prefect) as client:
        assert client.read_flow_run(UUID(run["id"])).parameters == {"config": "config.yaml"}
        client.set_flow_run_state(UUID(run["id"]), Running(), force=True)
        lines = [
            LogCreate(name="t", level=20, message=f"line {n}", timestamp=datetime.now(UTC), flow_run_id=UUID(run["id"]))
            for n in range(3)
        ]
        client.create_logs(lines)
        said = {"type": "progress", "key": "make-traces", "data": 25.0, "description": "5 of 20, 80% correct"}
        client.create_artifact(ArtifactCreate(**said, flow_run_id=UUID(run["id"])))
    watched = expect(vera.get(f"/v1/runs/{run['id']}"))
    assert WatchedRun.model_validate(watched).state == "RUNNING"
    assert [(one["stage"], one["share"], one["detail"]) for one in watched["stages"]] == [
        ("make traces", 0.25, "5 of 20, 80% correct")
    ]
    assert run["id"] in {one["id"] for one in expect(vera.get("/v1/runs"))["items"]}
    log = expect(vera.get(f"/v1/runs/{run['id']}/log"))
    assert [line["message"] for line in log["items"]] == ["line 0", "line 1", "line 2"] and log["next"] == 3
    assert expect(vera.get(f"/v1/runs/{run['id']}/log", params={"offset": 3})) == {"items": [], "next": 3}
    entry = expect(running.as_("ann").get("/v1/audit"))["items"][0]
    assert (entry["action"], entry["user"], entry["detail"]["run"]) == ("run.start", "carl", run["id"])


def test_a_repeated_request_starts_one_run(running, expect):
    carl, headers = running.as_("carl"), {"Idempotency-Key": str(uuid4())}
    asked = {"deployment": "generate/nightly", "parameters": {"config": "a.yaml"}}
    both = [expect(carl.post("/v1/runs", json=asked, headers=headers), 201) for _ in range(2)]
    assert both[0] == both[1]
    other = asked | {"parameters": {"config": "b.yaml"}}
    before = len(expect(carl.get("/v1/runs"))["items"])
    assert carl.post("/v1/runs", json=other, headers=headers).status_code == 422
    assert len(expect(carl.get("/v1/runs"))["items"]) == before
    assert expect(carl.post("/v1/runs", json=asked, headers={"Idempotency-Key": str(uuid4())}), 201) != both[0]


@pytest.mark.parametrize(("asked", "status"), [
    ({"deployment": "generate/none"}, 404),
    ({"deployment": "none"}, 404),
    ({"deployment": "generate/nightly", "parameters": {}}, 422),
    ({"deployment": "generate/nightly", "parameters": {"config": 10**300}}, 422),
    ({"deployment": "generate/nightly", "parameters": {"config": "../outside.yaml"}}, 422),
])  # fmt: skip
def test_what_can_not_be_started_is_refused(running, asked, status):
    assert running.as_("carl").post("/v1/runs", json=asked).status_code == status


def test_a_run_that_is_not_there(running):
    for path in (f"/v1/runs/{uuid4()}", f"/v1/runs/{uuid4()}/log"):
        assert running.as_("vera").get(path).status_code == 404


def test_nobody_waits_for_a_prefect_that_does_not_answer(serve_for, expect):
    """It takes the request and says nothing; meanwhile reviewers work on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        (service,) = serve_for(prefect_api_url=f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        asked, answers = {"deployment": "generate/nightly"}, []
        starting = threading.Thread(
            target=lambda: answers.append(service.as_("carl").post("/v1/runs", json=asked).status_code)
        )
        starting.start()
        connection, _ = silent.accept()
        trace_id = service.ids()[0]
        path = f"/v1/traces/{trace_id}/reviews"
        expect(service.as_("rita").post(path, json={"events": [{"decision": "accept"}]}), 201)
        assert not answers, "the review came only after Prefect was given up"
        connection.close()
        silent.close()
        starting.join(120)
    assert answers == [503]
