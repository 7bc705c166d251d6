"""Deployments on a real Prefect server: dead runs are found, devices come back, and the next run finishes the work."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.events.schemas.events import Event, Resource
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Running, Scheduled

from tracewright.flows import reconciler
from tracewright.flows.prefect_server import run_server
from tracewright.flows.reconciler import Reconciler
from tracewright.flows.schedules import TAG, make_deployments
from tracewright.flows.serving import look_after_runs
from tracewright.pipeline.engines.devices import DEVICES, find_devices, lease_devices
from tracewright.pipeline.store import Store

ROOT = Path(__file__).resolve().parents[2]
TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
PROBLEMS = 400
KILLS = 20
AHEAD = timedelta(seconds=40)
CRASHED_WITHIN_SECONDS = 120.0
POLL_SECONDS = 0.2
TIMEOUT_SECONDS = 280.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Prefect server's address."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / ".prefect"))
    port = free_port()
    with run_server(port, tmp_path / "server.log"):
        yield f"http://127.0.0.1:{port}/api"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@asynccontextmanager
async def client_of(url: str) -> AsyncGenerator[PrefectClient]:
    with temporary_settings({PREFECT_API_URL: url}):
        async with get_client() as client:
            yield client


async def wait_for(found: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """What the function, plain or not, gives once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        value = await value if asyncio.iscoroutine(value) else value
        if value:
            return value
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        await asyncio.sleep(POLL_SECONDS)


def test_a_silent_run_is_marked_as_crashed_and_one_that_lives_is_not(server: str, tmp_path: Path) -> None:
    async def check() -> None:
        async with client_of(server) as client:
            (deployment,) = [one for one in make_deployments(None, tmp_path) if one.name == "rescore"]
            identity = await deployment.aapply()
            runs = [await client.create_flow_run_from_deployment(identity, parameters={"store": "s"}) for _ in range(3)]
            for run in runs:
                await client.set_flow_run_state(run.id, Running(), force=True)
            silent, living, done = runs
            await client.set_flow_run_state(done.id, Completed(), force=True)
            await beat(client, living)
            eye = Reconciler(client, TAG, silence_seconds=1.0)
            await wait_for(lambda: has_beaten(eye, living))
            assert [run.id for run in await eye.end_silent_runs()] == [silent.id]
            states = [(await client.read_flow_run(run.id)).state_name for run in runs]
            assert states == ["Crashed", "Running", "Completed"]
            assert any("rescore/rescore" in line and "no sign of life" in line for line in await eye.changes())
            assert await eye.changes() == [], "each change is said once"

    asyncio.run(check())


def test_runs_that_wait_for_their_time_hide_none_that_began(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "_MOST_RUNS", 2)

    async def check() -> None:
        async with client_of(server) as client:
            (deployment,) = [one for one in make_deployments(None, tmp_path) if one.name == "rescore"]
            identity = await deployment.aapply()
            begun = await client.create_flow_run_from_deployment(identity, parameters={"store": "s"})
            await client.set_flow_run_state(begun.id, Running(), force=True)
            later = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
            for _ in range(3):
                await client.create_flow_run_from_deployment(identity, parameters={"store": "s"}, state=later)
            began_at = datetime.now(UTC) - timedelta(minutes=5)
            (line,) = await Reconciler(client, TAG, began_at=began_at).changes()
            assert begun.name in line and "Running" in line

    asyncio.run(check())


@pytest.mark.parametrize("error", [ObjectNotFound(Exception("gone")), httpx.HTTPError("busy")])
def test_a_server_that_is_busy_ends_nobodys_runs(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    class Troubled(Reconciler):
        async def end_silent_runs(self) -> list[FlowRun]:
            raise error

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        asyncio.run(look_after_runs(Troubled(get_client(), TAG)))
    assert "trying again" in capsys.readouterr().err


async def beat(client: PrefectClient, run: FlowRun) -> None:
    """From a machine whose clock is ahead, so that the server, which takes seconds to keep it, is not waited for."""
    resource = Resource({"prefect.resource.id": f"prefect.flow-run.{run.id}"})
    event = Event(occurred=datetime.now(UTC) + AHEAD, event="prefect.flow-run.heartbeat", resource=resource)
    await client.request("POST", "/events", json=[event.model_dump(mode="json")])


async def has_beaten(reconciler: Reconciler, run: FlowRun) -> bool:
    read = await reconciler.client.read_flow_run(run.id)
    return read.state is not None and await reconciler._last_sign(read) > read.state.timestamp


@contextmanager
def serving(folder: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`tracewright flows serve` in a process group of its own, everything of which is gone afterwards."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [TRACEWRIGHT, "flows", "serve", "schedules.yaml", "--data", "data", "--port", str(port)]
    with (folder / "serve.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, text=True, env=kept | environment, start_new_session=True
        )
    try:
        yield process
    finally:
        kill_all(process)


def kill_all(process: subprocess.Popen[str]) -> None:
    """SIGKILL for it, its server, its runs and their engines."""
    tree = [psutil.Process(process.pid)] if psutil.pid_exists(process.pid) else []
    for one in [*(tree[0].children(recursive=True) if tree else []), *tree]:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


@pytest.fixture
def teacher(tmp_path: Path) -> Iterator[str]:
    """A slow mock server that can answer `problems.jsonl`."""
    script = [sys.executable, str(ROOT / "benchmarks" / "_mock_server.py")]
    subprocess.run([*script, "--problems", str(PROBLEMS), str(tmp_path / "problems.jsonl")], check=True)
    process = subprocess.Popen([*script, "--delay", "1.0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    process.kill()
    process.communicate()


def write_files(folder: Path, teacher: str, *, cron: str) -> None:
    (folder / "generate.yaml").write_text(
        f"problems: {{path: problems.jsonl}}\nstore: ./store\n"
        f"teacher: {{engine: server, base_urls: [{teacher!r}], model: mock, max_tokens: 2000, max_in_flight: 10}}\n"
    )
    (folder / "schedules.yaml").write_text(
        f"deployments:\n  - {{flow: generate, name: often, {cron}parameters: {{config: generate.yaml}}}}\n"
    )


@pytest.mark.slow
def test_after_a_kill_of_everything_the_run_is_crashed_and_the_next_one_finishes(teacher: str, tmp_path: Path) -> None:
    write_files(tmp_path, teacher, cron='cron: "* * * * *", ')
    port = free_port()

    async def runs(client: PrefectClient) -> list[FlowRun]:
        found = await client.read_flow_runs()
        return [run for run in found if run.state and not run.state.is_scheduled()]

    async def kill_and_go_on() -> None:
        with serving(tmp_path, port) as first:
            await wait_for(lambda: any(one.stat().st_size > 1_000 for one in tmp_path.glob("store/journal/*/*")))
            kill_all(first)
        killed_at = time.monotonic()
        with serving(tmp_path, port):
            async with client_of(f"http://127.0.0.1:{port}/api") as client:
                await wait_for(lambda: is_up(client))

                async def crashed() -> bool:
                    return any(run.state_name == "Crashed" for run in await runs(client))

                await wait_for(crashed)
                assert time.monotonic() - killed_at < CRASHED_WITHIN_SECONDS

                async def finished() -> bool:
                    return any(run.state_name == "Completed" for run in await runs(client))

                await wait_for(finished)

    asyncio.run(kill_and_go_on())
    counted = Counter(trace.problem.id for trace in Store.open(tmp_path / "store").iter_traces())
    assert len(counted) == PROBLEMS and set(counted.values()) == {1}


async def is_up(client: PrefectClient) -> bool:
    return await client.api_healthcheck() is None


@pytest.mark.slow
def test_twenty_killed_runs_leak_no_device_and_are_all_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of the embedded teacher on one device, killed one after another while they hold it or wait for it."""
    device = f"test{os.getpid()}"
    monkeypatch.setenv(DEVICES, device)
    (tmp_path / "generate.yaml").write_text(
        "problems: {arithmetic: {count: 100000, operators: [4, 5]}}\nteacher: {engine: embedded}\nstore: ./store\n"
    )
    (tmp_path / "schedules.yaml").write_text(
        "deployments:\n  - {flow: generate, name: big, parameters: {config: generate.yaml}}\n"
    )
    port = free_port()

    async def kill_again_and_again() -> None:
        with serving(tmp_path, port, **{DEVICES: device}) as served:
            async with client_of(f"http://127.0.0.1:{port}/api") as client:
                await wait_for(lambda: is_up(client))
                deployment = await wait_for(lambda: find_deployment(client))
                for _ in range(KILLS):
                    run = await client.create_flow_run_from_deployment(deployment)
                    os.kill(await wait_for(lambda: find_engine(served)), signal.SIGKILL)

                    async def crashed(run: FlowRun = run) -> bool:
                        return (await client.read_flow_run(run.id)).state_name == "Crashed"

                    await wait_for(crashed)

    asyncio.run(kill_again_and_again())
    assert find_devices() == (device,)
    with lease_devices(1, pytest.fail) as devices:
        assert devices == (device,)


async def find_deployment(client: PrefectClient) -> Any:
    found = [one for one in await client.read_deployments() if one.name == "big"]
    return found[0].id if found else None


def find_engine(served: subprocess.Popen[str]) -> int | None:
    """The process of the run whose engine has started: it holds the device."""
    for child in psutil.Process(served.pid).children(recursive=True):
        try:
            if "prefect.engine" in child.cmdline() and any(
                "tracewright.pipeline.engines.vllm_worker" in one.cmdline() for one in child.children()
            ):
                return child.pid
        except psutil.NoSuchProcess:
            continue
    return None
