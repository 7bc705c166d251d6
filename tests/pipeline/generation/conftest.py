"""A server that answers, configs that ask it, and runs that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.config import GenerateConfig, load_config
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import GenerationCounts, run_config
from tracewright.pipeline.store import Store

MOCK_SERVER = Path(__file__).resolve().parents[3] / "benchmarks" / "_mock_server.py"
PROBLEMS = 60
STEPS = 3
"""Short chains: what is tested is that each is there once."""


@contextmanager
def serve(*options: str) -> Generator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, str(MOCK_SERVER), "--steps", str(STEPS), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        server.kill()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """A server that takes its time, and fails some first requests in every way that servers do."""
    with serve("--delay", "0.02", "--faults", "0.1", "--kinds", "429,503,500,drop") as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: half of a small run's time is `fsync`, which a SIGKILL can't tell."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture
def write_config(url: str) -> Callable[..., Path]:
    """A function that writes a config, and its problems, into a folder; settings of the teacher by name."""

    def write(folder: Path, problems: int = PROBLEMS, extra: dict[str, Any] | None = None, **teacher: Any) -> Path:
        folder.mkdir(exist_ok=True)
        file = folder / "problems.jsonl"
        if not file.exists():
            command = [sys.executable, str(MOCK_SERVER), "--steps", str(STEPS), "--problems", str(problems), str(file)]
            subprocess.run(command, check=True)
        asked = {"engine": "server", "base_urls": [url], "model": "mock", "max_in_flight": 16} | teacher
        config = {"problems": {"path": "problems.jsonl"}, "teacher": asked, "store": str(folder / "store")}
        path = folder / "config.yaml"
        path.write_text(json.dumps(config | (extra or {})))  # JSON is YAML
        return path

    return write


@pytest.fixture
def generate() -> Callable[..., GenerationCounts]:
    """A function that runs a config to its end."""

    def run(path: Path, **options: Any) -> GenerationCounts:
        config = load_config(GenerateConfig, path)
        with RunningTeacher(config.teacher, config.store / "logs" / "engine.log") as teacher:
            store = Store.open(config.store, create=True)
            return run_config(config, store, teacher, options.pop("report", lambda counts: None), **options)

    return run


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., Any]]:
    """A function that runs a config in a child, which can be killed, and tells how it ended."""
    script = Path(__file__).with_name("config_runs.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdin is not None and runner.stdout is not None
        requests, answers = runner.stdin, runner.stdout

        def start(config: Path, *others: Path, **task: Any) -> Any:
            """One run; with others, all of them at once."""
            tasks = [{"config": str(path), **task} for path in (config, *others)]
            requests.write(json.dumps(tasks) + "\n")
            requests.flush()
            ended = json.loads(answers.readline())
            return ended if others else ended[0]

        yield start
        requests.close()


@pytest.fixture
def assert_whole() -> Callable[..., None]:
    """A function that finds every sample of every problem once, nothing else, and nothing left over on the disk."""

    def check(config: Path, samples: int = 1, failed: int = 0) -> None:
        path = Path(json.loads(config.read_text())["store"])
        problems = [json.loads(line)["id"] for line in (config.parent / "problems.jsonl").read_text().splitlines()]
        store = Store.open(path)
        made = sorted((trace.problem.id, trace.sample) for trace in store.iter_traces())
        kept = sorted((attempt.problem.id, attempt.sample) for attempt in store.attempts())
        assert sorted(made + kept) == sorted((problem, sample) for problem in problems for sample in range(samples))
        assert len(kept) == failed
        assert sorted(store.frame()["trace_id"].to_list()) == sorted(store.trace_ids())
        for table in (store._tables.traces, store._tables.attempts, store._tables.rejections):
            assert {path for path in table.path.iterdir() if path.is_file()} == {file.path for file in table.files()}
        assert list((path / "journal").glob("*/*")) == []

    return check
