"""Stores on S3: a server on loopback, machines that share nothing but the bucket."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tracewright.pipeline.config import GenerateConfig, parse_config
from tracewright.pipeline.curate import ExactDuplicates, curate, list_slices
from tracewright.pipeline.release import (
    create_release,
    find_releases,
    open_release,
    take_down,
    vacuum_store,
    verify_release,
)
from tracewright.pipeline.store import ShardLimits, Store, publish_reviews, vacuum
from tracewright.pipeline.store.failpoints import Failpoint
from tracewright.pipeline.store.objects import ObjectPath
from tracewright.schemas import Decision, InputError, MissingInputError, PublishedReview, StoreError, Trace

BUCKET = "traces"
WRITER = Path(__file__).with_name("s3_writer.py")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """In a process of its own: Delta's client lets no other thread of its process run while it looks for a table."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        patient = Config(retries={"max_attempts": 40, "mode": "standard"})
        boto3.client("s3", endpoint_url=url, config=patient, **keys).create_bucket(Bucket=BUCKET)
        yield url
        server.kill()


@pytest.fixture
def address(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a store may be made; this process is one machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("TRACEWRIGHT_LOCAL", str(tmp_path / "here"))
    return f"s3://{BUCKET}/stores/{next(_numbers)}"


@pytest.fixture
def filled(address: str, arithmetic_traces: tuple[Trace, ...]) -> Store:
    store = Store.open(address, create=True)
    with store.writer(limits=ShardLimits(rows=50)) as writer:
        for trace in arithmetic_traces:
            writer.add_trace(trace)
    return store


StartWriter = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_writer(address: str, tmp_path: Path) -> StartWriter:
    """A function that starts a machine that adds traces under the writer's name that all of them have."""

    def start(first: int, count: int, rows: int, **more: str) -> subprocess.Popen[str]:
        own = {"TRACEWRIGHT_LOCAL": str(tmp_path / f"machine {next(_numbers)}"), **more}
        command = [sys.executable, str(WRITER), address, *map(str, (first, count, rows))]
        return subprocess.Popen(command, env=os.environ | own, stderr=subprocess.PIPE, text=True)

    return start


def ids(store: Store) -> list[str]:
    return sorted(store.read_table(columns=["trace_id"])["trace_id"].to_pylist())


def expect(numbers: range) -> list[str]:
    return [f"{number:024x}" for number in numbers]


def test_a_store_on_s3_says_what_one_on_a_disk_says(filled: Store, arithmetic_store: Store) -> None:
    assert isinstance(filled.path, ObjectPath)
    assert filled.frame().sort("trace_id").equals(arithmetic_store.frame().sort("trace_id"))
    here = sorted(arithmetic_store.iter_traces(), key=lambda trace: trace.trace_id)
    assert sorted(filled.iter_traces(), key=lambda trace: trace.trace_id) == here
    assert [commit.version for commit in filled.history()][-1] == 0
    early = filled.read_table(version=1, columns=["trace_id"])
    assert 0 < early.num_rows < len(here)


def test_a_store_that_is_not_there_or_a_bucket_that_is_not_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingInputError, match=r"there is no store at s3://traces/stores/\d+"):
        Store.open(address)
    with pytest.raises(StoreError, match="AWS_ENDPOINT_URL"):
        Store.open("s3://no-such-bucket/a", create=True)
    with pytest.raises(InputError, match="names no bucket"):
        Store.open("s3://")


def test_the_same_command_again_adds_nothing(filled: Store, arithmetic_traces: tuple[Trace, ...]) -> None:
    version = filled.version()
    with filled.writer() as writer:
        added = [writer.add_trace(trace) for trace in arithmetic_traces]
    assert not any(added)
    assert filled.version() == version


def run_machines(start_writer: StartWriter, machines: int, count: int) -> None:
    """Each adds the same traces as its neighbours, and some of its own, in many small commits."""
    started = [start_writer(machine * count // 2, count, 3) for machine in range(machines)]
    said = [machine.communicate(timeout=280)[1] for machine in started]
    assert [machine.returncode for machine in started] == [0] * machines, said


def test_machines_that_write_at_once_store_each_row_once(address: str, start_writer: StartWriter) -> None:
    run_machines(start_writer, machines=3, count=30)
    assert ids(Store.open(address)) == expect(range(60))


@pytest.mark.slow
def test_eight_machines_that_write_at_once_store_each_row_once(address: str, start_writer: StartWriter) -> None:
    run_machines(start_writer, machines=8, count=24)
    assert ids(Store.open(address)) == expect(range(108))


@pytest.mark.parametrize("point", [Failpoint.FILE_RENAMED, Failpoint.SHARD_COMMITTED])
def test_a_machine_that_is_killed_costs_nothing(point: Failpoint, address: str, start_writer: StartWriter) -> None:
    Store.open(address, create=True)
    killed = start_writer(0, 12, 4, TRACEWRIGHT_FAILPOINT=f"{point}@2")
    killed.communicate(timeout=100)
    assert killed.returncode == -9
    found = ids(Store.open(address))
    assert found == expect(range(len(found)))
    again = start_writer(0, 12, 4)
    assert again.wait(100) == 0
    assert ids(Store.open(address)) == expect(range(12))


def test_a_release_from_s3_holds_what_one_from_a_disk_holds(
    filled: Store, link_store: Callable[[Path], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_store = link_store(tmp_path / "store")
    made = create_release(filled, tmp_path / "far", name="sums", pictures=False)
    create_release(own_store, tmp_path / "near", name="sums", pictures=False)
    assert verify_release(tmp_path / "far") == made
    for split in made.splits:
        far, near = (open_release(tmp_path / name).table(split) for name in ("far", "near"))
        assert far.equals(near)
    monkeypatch.setenv("TRACEWRIGHT_LOCAL", str(tmp_path / "there"))
    there = Store.open(filled.path)
    assert [(entry.name, entry.version) for entry in find_releases(there.path)] == [("sums", "1")]
    assert create_release(there, tmp_path / "second", name="sums", pictures=False).version == "2"
    with pytest.raises(InputError, match="made on a disk"):
        create_release(filled, Path("s3://traces/release"), name="sums")


def test_slices_reviews_compaction_and_vacuum_work_on_s3(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    curated = curate(filled, [ExactDuplicates()], name="different")
    assert list_slices(filled.path) == ["different"]
    event = PublishedReview(
        number=1,
        review_id="r1",
        trace_id=ids(filled)[0],
        reviewer="ada",
        decision=Decision.REJECT,
        created_at=next(filled.iter_traces()).created_at,
    )
    publish_reviews(filled, [event], watermark=1)
    assert filled.frame()["flagged"].sum() == 1
    before = ids(filled)
    shards = len(filled._tables.traces.files())
    filled.compact()
    assert (ids(filled), len(filled._tables.traces.files())) == (before, 1)
    assert sum(one.files for one in vacuum_store(filled, keep=timedelta())) == 0
    monkeypatch.setattr(vacuum, "UNDER_WAY_SECONDS", -1.0)
    assert curated.slice.store_version is not None
    assert vacuum_store(filled, keep=timedelta())[0].files == 0, "the slice points to the old version"
    (filled.path / "slices" / "different.json").unlink()
    assert vacuum_store(filled, keep=timedelta())[0].files == shards
    assert ids(filled) == before


def test_a_takedown_leaves_no_version_and_withdraws_the_release(filled: Store, tmp_path: Path) -> None:
    create_release(filled, tmp_path / "sums", name="sums", pictures=False)
    gone, versions = ids(filled)[0], filled.version()
    removal = take_down(filled, f'trace_id == "{gone}"', "a wish")
    assert removal.releases == ("sums@1",)
    for version in range(versions + 1):
        assert gone not in filled.read_table(version, ["trace_id"])["trace_id"].to_pylist()
    held = [path for path in (filled.path / "traces").glob("*.parquet") if gone.encode() in path.read_bytes()]
    assert held == []


def test_a_config_may_name_a_store_on_s3() -> None:
    text = "problems: {path: p.jsonl}\nteacher: {engine: embedded}\nstore: s3://traces/a/b\n"
    config = parse_config(GenerateConfig, text, "run.yaml", Path("/somewhere"))
    assert str(Store(Path("x")).path) == "x"
    assert ObjectPath(*config.store.parts).key == "a/b"
