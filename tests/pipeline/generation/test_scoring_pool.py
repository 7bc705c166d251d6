"""Scoring in other processes gives the same rows, and a process that dies costs none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tracewright.pipeline.engines import server_engine
from tracewright.pipeline.engines.base import Completion
from tracewright.pipeline.generation import GenerationCounts, adaptive_scoring
from tracewright.pipeline.store import Store

Write = Callable[..., Path]
Generate = Callable[..., GenerationCounts]
Check = Callable[..., None]
WORKER = "tracewright.pipeline.generation.scoring_worker"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move into other processes after the first rows."""
    monkeypatch.setattr(adaptive_scoring, "_MIN_ROWS", 3)
    monkeypatch.setattr(adaptive_scoring, "_MAX_BUSY_SHARE", 0.0)


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if WORKER in " ".join(command_of(child))]


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing of a process that has ended, of which other tests leave some behind."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def rows(config: Path) -> dict[str, Any]:
    """Every trace without what differs from run to run."""
    store = Store.open(json.loads(config.read_text())["store"])
    found: dict[str, Any] = {}
    for trace in store.iter_traces():
        row = trace.model_dump(exclude={"created_at", "seconds"})
        row["verdict"].pop("seconds")
        found[trace.trace_id] = row
    return found


def test_rows_are_the_same_wherever_they_are_scored(
    write_config: Write, generate: Generate, tmp_path: Path, assert_whole: Check, request: pytest.FixtureRequest
) -> None:
    here = write_config(tmp_path / "here", problems=200, logprobs=1, max_in_flight=8)
    generate(here)
    request.getfixturevalue("at_once")
    seen: list[int] = []
    there = write_config(tmp_path / "there", problems=200, logprobs=1, max_in_flight=8)
    counts = generate(there, report=lambda counts: seen.append(len(workers())) if counts.traces % 20 == 0 else None)
    assert max(seen) >= 1 and workers() == []
    assert counts.traces == 200
    first, second = rows(here), rows(there)
    assert [(first[key], second[key]) for key in first if first[key] != second[key]] == []
    assert first.keys() == second.keys()
    assert_whole(there)


def test_a_scoring_process_that_dies_costs_no_row(
    write_config: Write, generate: Generate, tmp_path: Path, assert_whole: Check, at_once: None
) -> None:
    killed: list[int] = []

    def kill(counts: GenerationCounts) -> None:
        if counts.traces >= 300 and not killed:
            killed.extend(worker.pid for worker in workers())
            for worker in workers():
                worker.kill()

    config = write_config(tmp_path, problems=500, max_in_flight=4)
    counts = generate(config, report=kill)
    assert killed and counts.traces == 500
    assert_whole(config)


def test_until_correct_waits_for_scores_that_are_made_elsewhere(
    write_config: Write, generate: Generate, tmp_path: Path, at_once: None
) -> None:
    counts = generate(write_config(tmp_path, problems=150, until_correct=1, max_samples=6))
    assert counts.correct == counts.settled_problems == 150
    assert counts.traces == counts.wanted


def test_a_completion_that_breaks_the_scoring_is_a_failure_and_the_others_go_on(
    write_config: Write, generate: Generate, tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_answer = server_engine.read_answer

    def read_broken(request: Any, answer: Any, *rest: Any) -> Completion:
        """One in ten has what no text may hold: half of a surrogate pair."""
        read = read_answer(request, answer, *rest)
        return replace(read, text="\ud800" + read.text) if request.seed % 10 == 0 else read

    monkeypatch.setattr(server_engine, "read_answer", read_broken)
    config = write_config(tmp_path, problems=300, max_in_flight=4)
    counts = generate(config)
    attempts = list(Store.open(tmp_path / "store").attempts())
    assert counts.failed == len(attempts) > 10 and counts.traces == 300 - counts.failed
    assert all("could not be scored" in attempt.reason and "####" in attempt.text for attempt in attempts)
    assert generate(config).results == 0
