"""The curation service under load: 1,000,000 traces, SQLite, one server process, requests from a second one.

`bench api`. Requests are sent at fixed times, 110 a second, whether earlier ones are answered or not, and timed from
the moment at which they were due, so that a stall counts against everyone who would have met it. 40 % lists (a third
of them with two filters of 0.1–1 % each, sorted by a third column; the rest with one filter), 15 % facets under a
filter, 25 % bodies at random, 15 % submits of a decision with three step labels, 5 % claims. Then: how fast new traces
are taken in, and how long a slice of 100,000 takes to export. `server_cpu_ms` is the server's processor time
for one request: what a busy machine does not change.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pyarrow as pa

from tracewright.api.database import open_database
from tracewright.api.settings import ServiceSettings
from tracewright.api.traces.search import SEARCH_FILE
from tracewright.api.users.roles import Role
from tracewright.api.users.service import add_user_with_token
from tracewright.pipeline.store import ShardLimits, Store
from tracewright.pipeline.store.store import TRACES as TABLE
from tracewright.pipeline.store.table import ModelTable
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
    to_table,
)

TRACES = 1_000_000
SHARD_ROWS = 4_000
NEW_TRACES = 40_000
EXPORTED = 100_000
QUEUE_TRACES = 20_000
SECONDS = 60.0
WARM_UP_SECONDS = 10.0
RATE = 110.0
REVIEWERS = 64
LEVELS = 200
"""`level == N` finds 0.5 %."""
MAX_TOKENS = 10_000
"""`tokens between N and N + 50` finds 0.5 %."""
MIX = (("list", 40), ("facets", 15), ("trace", 25), ("submit", 15), ("claim", 5))
START_SECONDS = 300.0
_START = datetime(2026, 1, 1, tzinfo=UTC)
_TEACHER = TeacherRef(
    model="bench", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)


@dataclass
class Load:
    """What one client process sends, and how long each answer took."""

    url: str
    tokens: list[str]
    ids: list[str]
    rng: random.Random
    leases: deque[tuple[int, dict[str, Any]]] = field(default_factory=deque[tuple[int, dict[str, Any]]])
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict[str, list[float]](list))
    errors: list[str] = field(default_factory=list[str])


def run(seed: int = 0) -> dict[str, Any]:
    """Latencies by kind of request, as clients see them, and what the rest took."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        built = _timed(lambda: _build(store, seed, TRACES))
        return {"traces": TRACES, "build_seconds": round(built, 1)} | _measure(store, seed)


def _measure(store: Path, seed: int) -> dict[str, Any]:
    tokens, curator = _add_users(store)
    port = _free_port()
    command = [sys.executable, "-m", "tracewright.flows.cli", "serve", "--store", str(store), "--port", str(port)]
    with (store.parent / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        started = _timed(lambda: _await_ready(url, server))
        indexed = _timed(lambda: _await_index(store))
        ids = asyncio.run(_prepare(url, curator))
        process = psutil.Process(server.pid)
        before = process.cpu_times()
        loaded = _run_load(url, tokens, ids, seed)
        facts = _summarise(*loaded) | {"start_seconds": round(started, 1)}
        facts["index_seconds"] = round(indexed, 1)
        after, sent = process.cpu_times(), RATE * (SECONDS + WARM_UP_SECONDS)
        facts["server_cpu_ms"] = round((after.user + after.system - before.user - before.system) / sent * 1000, 2)
        facts |= {"server_mib": round(process.memory_info().rss / 2**20), "load_average": round(os.getloadavg()[0], 1)}
        facts |= asyncio.run(_export(url, curator, process))
        return facts | _take_in(store, url, curator, seed)
    finally:
        server.terminate()
        server.wait(30)


def _await_index(store: Path) -> None:
    """Until every shard can be searched: a service that was just given a million traces is busy with them."""
    shards = len(ModelTable(store, TABLE).files())
    with closing(sqlite3.connect(store / SEARCH_FILE, timeout=30)) as index:
        while index.execute("SELECT count(*) FROM files").fetchone()[0] < shards:
            time.sleep(0.5)


def _run_load(
    url: str, tokens: list[str], ids: list[str], seed: int
) -> tuple[dict[str, list[float]], list[str], float]:
    task = json.dumps({"url": url, "tokens": tokens, "ids": ids, "seed": seed})
    client = subprocess.run([sys.executable, __file__], input=task, stdout=subprocess.PIPE, text=True, check=True)
    return tuple(json.loads(client.stdout))


def _send_all(url: str, tokens: list[str], ids: list[str], seed: int) -> None:
    load = Load(url, tokens, ids, random.Random(seed))
    elapsed = asyncio.run(_send_on_time(load))
    print(json.dumps((dict(load.seconds), load.errors, elapsed)))


async def _send_on_time(load: Load) -> float:
    kinds = [kind for kind, share in MIX for _ in range(share)]
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(load.url, connector=connector) as session:
        began = time.perf_counter()
        tasks: list[asyncio.Task[None]] = []
        for number in range(round((WARM_UP_SECONDS + SECONDS) * RATE)):
            due = began + number / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            counts = due - began >= WARM_UP_SECONDS
            tasks.append(asyncio.create_task(_send(load, session, load.rng.choice(kinds), due, counts)))
        await asyncio.gather(*tasks)
        return time.perf_counter() - began - WARM_UP_SECONDS


async def _send(load: Load, session: aiohttp.ClientSession, kind: str, due: float, counts: bool) -> None:
    makers: dict[str, Callable[..., Coroutine[Any, Any, tuple[int, str]]]] = {
        "list": _list,
        "facets": _facets,
        "trace": _trace,
        "submit": _submit,
        "claim": _claim,
    }
    try:
        status, text = await makers[kind](load, session)
    except aiohttp.ClientError as error:
        status, text = 0, repr(error)
    if counts:
        load.seconds[kind].append(time.perf_counter() - due)
        if not 200 <= status < 300:
            load.errors.append(f"{kind} {status} {text[:200]}")


async def _list(load: Load, session: aiohttp.ClientSession) -> tuple[int, str]:
    rng = load.rng
    if rng.random() < 1 / 3:
        low = rng.randrange(MAX_TOKENS - 50)
        where = f"level == {rng.randrange(LEVELS)} and tokens between {low} and {low + 50}"
        sort = rng.choice(["confidence", "-created_at", "step_count"])
    else:
        where = rng.choice(
            [
                'outcome == "incorrect"',
                'outcome == "correct"',
                f"confidence < {rng.random():.3f}",
                f"level == {rng.randrange(LEVELS)}",
                "failed_steps > 0",
            ]
        )
        sort = rng.choice(["confidence", "-confidence", "-created_at", "tokens"])
    return await _get(load, session, "/v1/traces", {"where": where, "sort": sort, "limit": "50"})


async def _facets(load: Load, session: aiohttp.ClientSession) -> tuple[int, str]:
    rng = load.rng
    where = rng.choice(
        ['outcome == "incorrect"', f"confidence < {rng.random():.3f}", f"level < {rng.randrange(1, LEVELS)}"]
    )
    return await _get(load, session, "/v1/traces/facets", {"where": where})


async def _trace(load: Load, session: aiohttp.ClientSession) -> tuple[int, str]:
    return await _get(load, session, f"/v1/traces/{load.rng.choice(load.ids)}", {})


async def _submit(load: Load, session: aiohttp.ClientSession) -> tuple[int, str]:
    rng = load.rng
    events: list[dict[str, Any]] = [{"step": step, "label": rng.choice([-1, 0, 1])} for step in range(3)]
    body: dict[str, Any] = {"events": [*events, {"decision": rng.choice(["accept", "reject"]), "seconds": 20.0}]}
    reviewer, trace_id = rng.randrange(REVIEWERS), rng.choice(load.ids)
    if load.leases:
        reviewer, lease = load.leases.popleft()
        trace_id, body["lease"] = lease["trace_id"], {"slot": lease["slot"], "fence": lease["fence"]}
    headers = {"Idempotency-Key": f"{rng.getrandbits(64):x}"}
    return await _post(load, session, f"/v1/traces/{trace_id}/reviews", body, reviewer, headers)


async def _claim(load: Load, session: aiohttp.ClientSession) -> tuple[int, str]:
    reviewer = load.rng.randrange(REVIEWERS)
    status, text = await _post(load, session, "/v1/queues/bench/claims", {}, reviewer, {})
    if status == 200:
        load.leases.append((reviewer, json.loads(text)["lease"]))
    return status, text


async def _get(load: Load, session: aiohttp.ClientSession, path: str, params: dict[str, str]) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {load.rng.choice(load.tokens)}"}
    async with session.get(path, params=params, headers=headers) as response:
        return response.status, await response.text()


async def _post(
    load: Load, session: aiohttp.ClientSession, path: str, body: Any, reviewer: int, headers: dict[str, str]
) -> tuple[int, str]:
    headers = headers | {"Authorization": f"Bearer {load.tokens[reviewer]}"}
    async with session.post(path, json=body, headers=headers) as response:
        return response.status, await response.text()


def _summarise(seconds: dict[str, list[float]], errors: list[str], elapsed: float) -> dict[str, Any]:
    everything = [one for some in seconds.values() for one in some]
    facts: dict[str, Any] = {
        "requests_per_second": round(len(everything) / elapsed, 1),
        "p50_ms": _ms(everything, 50),
        "p99_ms": _ms(everything, 99),
        "errors": len(errors),
        "first_errors": errors[:3],
    }
    for kind, some in sorted(seconds.items()):
        facts |= {f"{kind}_p50_ms": _ms(some, 50), f"{kind}_p99_ms": _ms(some, 99), f"{kind}_requests": len(some)}
    return facts


def _ms(seconds: list[float], percent: float) -> float:
    return round(float(np.percentile(seconds, percent)) * 1000, 1)


async def _prepare(url: str, curator: str) -> list[str]:
    """A slice, a queue and ids to ask for; the first facets and lists make what is kept between requests."""
    headers = {"Authorization": f"Bearer {curator}"}
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session:
        for name, share in (("bench", QUEUE_TRACES / TRACES), ("export", EXPORTED / TRACES)):
            where = {"where": f"tokens < {round(MAX_TOKENS * share)}"}
            await _expect(session.put(f"/v1/slices/{name}", json=where))
        await _expect(session.post("/v1/queues", json={"name": "bench", "slice": "bench", "reviewers_per_trace": 2}))
        ids: list[str] = []
        for _ in range(40):
            low = random.randrange(MAX_TOKENS)
            params = {"where": f"tokens >= {low}", "sort": "tokens", "limit": "500"}
            page = await _expect(session.get("/v1/traces", params=params))
            ids += [item["trace_id"] for item in page["items"]]
        await _expect(session.get("/v1/traces/facets"))
        return ids


async def _expect(asked: Any) -> Any:
    async with asked as response:
        text = await response.text()
        if not response.ok:
            raise RuntimeError(f"{response.status}: {text[:300]}")
        return json.loads(text)


async def _export(url: str, curator: str, process: psutil.Process) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {curator}"}
    before, most, lines, began = process.memory_info().rss, 0, 0, time.perf_counter()
    timeout = aiohttp.ClientTimeout(total=600)
    async with (
        aiohttp.ClientSession(url, headers=headers, timeout=timeout) as session,
        session.get("/v1/slices/export/export") as response,
    ):
        async for piece in response.content.iter_chunked(2**20):
            lines += piece.count(b"\n")
            most = max(most, process.memory_info().rss)
    facts = {"export_traces": lines, "export_seconds": round(time.perf_counter() - began, 1)}
    return facts | {"export_extra_mib": round((most - before) / 2**20)}


def _take_in(store: Path, url: str, curator: str, seed: int) -> dict[str, Any]:
    """From before the first of the new shards is written until lists show them all: writing them is counted too."""
    asyncio.run(_total(url, curator))
    started = time.perf_counter()
    _build(store, seed + 1, NEW_TRACES)
    _await_total(url, curator, TRACES + NEW_TRACES)
    seconds = time.perf_counter() - started
    return {"taken_in": NEW_TRACES, "taken_in_per_second": round(NEW_TRACES / seconds)}


def _await_total(url: str, curator: str, total: int) -> None:
    deadline = time.monotonic() + 120
    while asyncio.run(_total(url, curator)) < total:
        if time.monotonic() > deadline:
            raise RuntimeError("the new traces did not show")
        time.sleep(0.02)


async def _total(url: str, curator: str) -> int:
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {curator}"}) as session:
        return (await _expect(session.get("/v1/traces", params={"limit": "1"})))["total"]


def _build(store: Path, seed: int, traces: int) -> None:
    """Shards of traces that differ in what is filtered and sorted by; their texts recur."""
    rng, block = np.random.default_rng(seed), _make_block()
    with Store.open(store, create=True).writer(
        f"bench{seed}", ShardLimits(rows=SHARD_ROWS, size_bytes=2**30)
    ) as writer:
        for number in range(traces // SHARD_ROWS):
            writer.add_table(_vary(block, rng, seed, number))


def _vary(block: pa.Table, rng: np.random.Generator, seed: int, number: int) -> pa.Table:
    size = block.num_rows
    ids = pa.array([f"{seed:02x}{number:06x}{row:016x}" for row in range(size)])
    problem = block["problem"].combine_chunks()
    fields = {field.name: problem.field(field.name) for field in problem.type}
    fields["level"] = pa.array(rng.integers(0, LEVELS, size))
    varied = pa.StructArray.from_arrays(list(fields.values()), fields=list(problem.type))
    moments = [_START + timedelta(seconds=number * size + row) for row in range(size)]
    columns = {
        "trace_id": ids,
        "problem": varied,
        "token_count": pa.array(rng.integers(0, MAX_TOKENS, size)),
        "confidence": pa.array(rng.random(size)),
        "created_at": pa.array(moments, block.schema.field("created_at").type),
    }
    for name, values in columns.items():
        block = block.set_column(block.schema.get_field_index(name), block.schema.field(name), values)
    return block


def _make_block() -> pa.Table:
    rng = random.Random(0)
    return pa.concat_tables(
        [
            to_table(Trace, [_make_trace(rng, number) for number in range(start, start + 500)])
            for start in range(0, SHARD_ROWS, 500)
        ]
    ).combine_chunks()


def _make_trace(rng: random.Random, number: int) -> Trace:
    problem = Problem(
        id=f"p{number}",
        question=f"A shop sells {number} apples for {number + 3} coins each. How many coins is that?",
        answer=str(number * (number + 3)),
        domain=rng.choice(["arithmetic", "algebra", "geometry", "counting"]),
        level=2,
        source=rng.choice(["bench", "other"]),
    )
    texts = [
        f"Step {n}: then {rng.randrange(999)} + {rng.randrange(999)} coins are {rng.randrange(999)}.\n"
        for n in range(6)
    ]
    ends = np.cumsum([len(text) for text in texts]).tolist()
    outcome = rng.choice([Outcome.CORRECT, Outcome.CORRECT, Outcome.INCORRECT])
    steps = tuple(
        Step(
            text=text,
            span=Span(start=end - len(text), end=end),
            confidence=rng.random(),
            check=StepCheck(outcome=rng.choice(list(CheckOutcome)), reason="a claim was checked", claims=1),
        )
        for text, end in zip(texts, ends, strict=True)
    )
    return Trace(
        trace_id=f"block{number}",
        problem=problem,
        teacher=_TEACHER,
        sample=number % 4,
        prompt=problem.question,
        text="".join(texts),
        token_count=100,
        steps=steps,
        answer=problem.answer,
        verdict=Verdict(outcome=outcome, method="exact", reason="the answers are compared"),
        verifier_version="1",
        checker_version="1",
        engine="bench",
        created_at=_START,
    )


def _add_users(store: Path) -> tuple[list[str], str]:
    """The tokens of the reviewers, and a curator's."""
    database, now = open_database(ServiceSettings(store=store).database_url), time.time_ns() // 1_000
    tokens = [add_user_with_token(database, f"rita{n}", Role.REVIEWER, now) for n in range(REVIEWERS)]
    curator = add_user_with_token(database, "carl", Role.CURATOR, now)
    database.close()
    return tokens, curator


def _await_ready(url: str, server: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if asyncio.run(_is_ready(url)):
            return
        time.sleep(0.2)
    raise RuntimeError("the service did not start")


async def _is_ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession(url) as session, session.get("/readyz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":  # the process that sends the requests
    _send_all(**json.load(sys.stdin))
