"""Kills publishing processes at failpoints, thousands of times, and looks after each what a reader can see.

`python tests/pipeline/release/many_kills.py --kills 10000`, some twenty minutes on one core. Every child is forked from
a parent that has imported everything and computed nothing. It first looks at what the child before it left: the newest
releases are whole, byte for byte, and those that the register says (every so often, all of them); the newest store
version and the one before are whole; no trace and no review is there twice. Then it publishes a release, stores traces,
publishes reviews, joins shards or takes a trace down, and dies at the failpoint that it drew. The first child that
finds something torn, or is refused what should go on after any kill, ends this with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.cards import card
from tracewright.pipeline.release import create_release, find_releases, finish_takedowns, take_down, verify_release
from tracewright.pipeline.release.failpoints import PublishPoint
from tracewright.pipeline.store import CompactionLimits, ShardLimits, Store, failpoints, publish_reviews
from tracewright.pipeline.store.failpoints import Failpoint, RemovalPoint
from tracewright.schemas import (
    Decision,
    Problem,
    PublishedReview,
    Sampling,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
)

TORN_STATUS = 7
CHILDREN_PER_STORE = 100
"""Then a fresh store and folder, so that looking at it stays fast."""
LOOKS_AT_ALL_AFTER = 25
"""Children; divides those of a store, so that the last look at each is at everything."""
ALL = 10**9
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_TEACHER = TeacherRef(
    model="m", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)
_WRITES = (
    *(Failpoint.FILE_HALF_WRITTEN, Failpoint.FILE_WRITTEN, Failpoint.FILE_SYNCED, Failpoint.FILE_RENAMED),
    *(Failpoint.FOLDER_SYNCED, Failpoint.SHARD_COMMITTED, Failpoint.LOG_SYNCED),
)
POINTS: dict[str, tuple[StrEnum, ...]] = {
    "release": tuple(PublishPoint),
    "traces": _WRITES,
    "reviews": _WRITES,
    "compact": _WRITES,
    "take down": (*_WRITES, *(point for point in RemovalPoint if point.startswith("removal."))),
}
"""What a child does, and where it may die."""
_SHARES = {"release": 6, "traces": 2, "reviews": 1, "compact": 1, "take down": 1}
_HITS = (1, 1, 1, 2)
"""Which time it is reached: a release passes its points once."""


class TornError(Exception):
    """A reader could see something that is not whole."""


def make_trace(number: int) -> Trace:
    text = f"{number}+1={number + 1}"
    return Trace(
        trace_id=f"{number:024x}",
        problem=Problem(id=str(number), question=f"{number}+1", answer=str(number + 1), source="s", level=number % 7),
        teacher=_TEACHER,
        sample=0,
        prompt=f"{number}+1",
        text=text,
        token_count=len(text),
        steps=(Step(text=text, span=Span(start=0, end=len(text)), check=StepCheck(outcome="holds", reason="1=1")),),
        verdict=Verdict(outcome="correct", method="exact", reason="equal"),
        verifier_version="1",
        checker_version="1",
        engine="e",
        created_at=_MOMENT,
    )


def look(folder: Path, newest_releases: int) -> None:
    """Raise `TornError` where a reader could see something that is not whole."""
    made = [out for out in (folder / "releases").iterdir() if not out.name.startswith(".")]
    for out in sorted(made, key=lambda out: int(out.name))[-newest_releases:]:
        verify_release(out)
    store = Store.open(folder / "store")
    for entry in find_releases(store.path)[-newest_releases:]:
        if verify_release(entry.directory(store.path)).digest != entry.digest:
            raise TornError(f"{entry.name}@{entry.version} is another release than the register says")
    newest = store.version()
    for version in {newest, max(newest - 1, 0)}:
        look_at_version(store, version)
    numbers = [review.number for review in store.reviews.read()]
    if numbers != sorted(set(numbers)):
        raise TornError("a review was published twice")


def look_at_version(store: Store, version: int) -> None:
    ids: list[str] = []
    for file in store._tables.traces.files(version):
        if pq.read_metadata(file.path).num_rows != file.rows:
            raise TornError(f"{file.path} has other rows than version {version} says")
        ids += pq.read_table(file.path, columns=["trace_id"])["trace_id"].to_pylist()
    if len(ids) != len(set(ids)):
        raise TornError(f"version {version} holds a trace twice")


def publish(folder: Path, what: str, number: int) -> None:
    store = Store.open(folder / "store")
    match what:
        case "release":
            finish_takedowns(store)
            create_release(store, folder / "releases" / str(number), name="sums", **_plain())
        case "traces":
            with store.writer(limits=ShardLimits(rows=2)) as writer:
                for offset in range(4):
                    writer.add_trace(make_trace(1_000 + 4 * number + offset))
        case "reviews":
            first = store.reviews.watermark() + 1
            publish_reviews(store, [make_review(first), make_review(first + 1)], watermark=first + 1)
        case "compact":
            finish_takedowns(store)
            store.compact(CompactionLimits(rows=10))
        case _:
            ids = sorted(store.trace_ids())
            take_down(store, f'trace_id == "{ids[number % len(ids)]}"', "a wish")


def _plain() -> dict[str, Any]:
    """Pictures take a second and are written like the card."""
    return {"pictures": False} if "pictures" in create_release.__annotations__ else {}


def make_review(number: int) -> PublishedReview:
    return PublishedReview(
        number=number,
        review_id=f"r{number}",
        trace_id=f"{number % 20:024x}",
        reviewer="ada",
        decision=Decision.ACCEPT,
        created_at=_MOMENT,
    )


def start_child(folder: Path, what: str, number: int, point: str, hit: int) -> tuple[int, str]:
    """Look, then publish until the failpoint; the exit status, −9 where it was killed, and what it said."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        status = 1
        try:
            look(folder, ALL if number % LOOKS_AT_ALL_AFTER == LOOKS_AT_ALL_AFTER - 1 else 2)
            failpoints._armed, failpoints._count = point, str(hit)
            publish(folder, what, number)
            status = 0
        except BaseException as error:  # a child must end here, and say why
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:2_000])
            status = TORN_STATUS
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as said:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.read()


def make_world(folder: Path) -> None:
    """A store of 20 traces in 4 shards, made in a child, so that the parent never computes."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "releases").mkdir(parents=True)
    if (child := os.fork()) == 0:
        with Store.open(folder / "store", create=True).writer(limits=ShardLimits(rows=5)) as writer:
            for number in range(20):
                writer.add_trace(make_trace(number))
        os._exit(0)
    os.waitpid(child, 0)


def kill_many(kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """The number of kills at each failpoint; the first torn thing ends it."""
    rng, counts, started, number, torn = random.Random(seed), Counter[str](), time.monotonic(), 0, ""
    while counts.total() < kills and not torn:
        if number % CHILDREN_PER_STORE == 0:
            make_world(folder)
        what = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        point = rng.choice(POINTS[what])
        status, said = start_child(folder, what, number, point, rng.choice(_HITS))
        number += 1
        counts.update([f"{what}: {point}"] if status == -signal.SIGKILL else [])
        torn = said if status not in (0, -signal.SIGKILL) else ""
        if number % CHILDREN_PER_STORE == 0:
            print(f"{counts.total():,} kills, nothing torn", file=sys.stderr)
    return {
        "kills": counts.total(),
        "children": number,
        "torn": torn,
        "seconds": round(time.monotonic() - started),
        "kills_at": dict(sorted(counts.items())),
    }


def prepare() -> None:
    """What every child would do first: import pandas, as pyarrow does, and compile the card's template."""
    pa.array([])
    card._template()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    prepare()
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as name:
        result = kill_many(given.kills, given.seed, Path(name) / "world")
    print(json.dumps(result, indent=1))
    return 1 if result["torn"] else 0


if __name__ == "__main__":
    sys.exit(main())
