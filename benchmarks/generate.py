"""Generation against the raw engine: `bench generate`. The embedded teacher on the CPU, logprobs on, pairs in turns.

Both ways get the same requests, prompts and seeds. The raw way is vLLM's own step loop in a process of its own, which
throws away what it makes. Tracewright's is a whole run: a journal, steps, checks, verdicts, confidence and shards,
counted from its first request to its last committed row. Both engines are loaded before anything is measured.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.teachers import RunningTeacher, vllm_settings
from tracewright.pipeline.engines.vllm_engine import _sampling, engine_arguments, engine_environment
from tracewright.pipeline.generation import Teaching, choose_calibration, generate_missing
from tracewright.pipeline.sources import draw_problems
from tracewright.pipeline.store import Store
from tracewright.schemas import Problem

ROWS = 2_000
PAIRS = 5
OPERATORS = (1, 2, 3, 4)
HERE = Path(__file__).resolve().parent
CONFIG = TeacherConfig(
    engine="embedded",
    max_tokens=embedded.MAX_TOKENS,
    temperature=embedded.TEMPERATURE,
    logprobs=embedded.LOGPROBS,
)


def run(seed: int = 0, rows: int = ROWS, pairs: int = PAIRS) -> dict[str, Any]:
    """Tokens a second of each way, and the median of the pairs' ratios."""
    measured: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, start_raw() as raw:
        folder = Path(name)
        with RunningTeacher(CONFIG, folder / "engine.log") as teacher:
            for pair in range(pairs + 1):  # the first one warms both up
                problems = list(draw_problems(rows, OPERATORS, seed=1_000 * seed + pair, held_out=False))
                requests = folder / f"{pair}.json"
                requests.write_text(json.dumps(list_requests(teacher, problems, folder / f"listed-{pair}")))
                if pair % 2:
                    bare = measure_raw(raw, requests)
                    ours = measure_run(teacher, problems, folder / str(pair))
                else:
                    ours = measure_run(teacher, problems, folder / str(pair))
                    bare = measure_raw(raw, requests)
                measured.append((bare, ours))
    measured = measured[1:]
    return {
        "ratio_to_raw_engine": round(statistics.median(ours / bare for bare, ours in measured), 3),
        "tokens_per_second": round(statistics.median(ours for _, ours in measured)),
        "raw_tokens_per_second": round(statistics.median(bare for bare, _ in measured)),
        "ratios": [round(ours / bare, 3) for bare, ours in measured],
        "rows": rows,
        "pairs": pairs,
    }


def measure_run(teacher: RunningTeacher, problems: list[Problem], path: Path) -> float:
    """Tokens a second of a whole run into a store of its own."""
    store = Store.open(path, create=True)
    teaching = make_teaching(store, teacher)
    with store.writer() as writer:
        began = time.perf_counter()
        counts = generate_missing(store, writer, problems, teaching, teacher.engine, lambda counts: None)
        seconds = time.perf_counter() - began
    assert counts.results == len(problems)
    return counts.tokens / seconds


def measure_raw(raw: subprocess.Popen[str], requests: Path) -> float:
    """Tokens a second of the bare engine."""
    assert raw.stdin is not None and raw.stdout is not None
    raw.stdin.write(f"{requests}\n")
    raw.stdin.flush()
    answer = json.loads(raw.stdout.readline())
    return answer["tokens"] / answer["seconds"]


class Listing:
    """Stands for an engine: draws every request and answers none."""

    name = "listing"

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        """Take them all."""
        for request in requests:
            if request is None:
                return
            self.requests.append(request)
        yield from ()

    def close(self) -> None:
        """Nothing runs."""


def list_requests(teacher: RunningTeacher, problems: list[Problem], path: Path) -> list[dict[str, Any]]:
    """What a run would ask."""
    store, listing = Store.open(path, create=True), Listing()
    with store.writer() as writer:
        generate_missing(store, writer, problems, make_teaching(store, teacher), listing, lambda counts: None)
    return [asdict(request) for request in listing.requests]


def make_teaching(store: Store, teacher: RunningTeacher) -> Teaching:
    """With the calibration that the teacher ships with."""
    return Teaching(teacher.ref, max_tokens=CONFIG.max_tokens, calibration=choose_calibration(store, teacher.ref))


@contextmanager
def start_raw() -> Iterator[subprocess.Popen[str]]:
    """The bare engine, ready."""
    settings = vllm_settings(CONFIG)
    command = [sys.executable, str(HERE / "_generate_raw.py")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env=engine_environment(settings), **pipes) as raw:
        assert raw.stdin is not None and raw.stdout is not None
        raw.stdin.write(json.dumps({"engine_args": engine_arguments(settings), "sampling": _sampling(settings)}) + "\n")
        raw.stdin.flush()
        assert raw.stdout.readline() == "ready\n"
        yield raw
        raw.kill()
