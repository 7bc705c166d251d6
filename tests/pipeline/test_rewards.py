"""Rewards of a store's steps: every step once, kept by model, going on after a failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tracewright.pipeline import rewards
from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.rewards import RewardCounts, read_rewards, reward_store
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.locks import WriterLock
from tracewright.schemas import EngineError, InputError, StoreError


class Lengths:
    """Takes short steps to be right, and gives up after so many traces."""

    def __init__(self, traces: int = 1_000_000) -> None:
        self.asked: list[str] = []
        self._left = traces

    def score_many(self, completions: Iterable[tuple[str, Sequence[str]]]) -> Iterator[list[float]]:
        for question, steps in completions:
            if self._left == len(self.asked):
                raise EngineError("the model is out of memory")
            self.asked.append(question)
            yield [1 / (1 + len(step)) for step in steps]


@pytest.fixture
def store(tmp_path: Path, arithmetic_traces) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        for trace in arithmetic_traces[:40]:
            writer.add_trace(trace)
    return store


def run(store: Store, model: Lengths, **options: object) -> RewardCounts:
    return reward_store(store, model, "org--prm-7b", lambda counts: None, **options)


def test_every_step_gets_the_models_number(store):
    counts = run(store, Lengths())
    found = {(row["trace_id"], row["step"]): row["reward"] for row in read_rewards(store, "org--prm-7b").to_pylist()}
    assert counts.traces == 40
    assert found == {
        (trace.trace_id, number): 1 / (1 + len(step.text))
        for trace in store.iter_traces()
        for number, step in enumerate(trace.steps)
    }


def test_a_second_call_asks_for_what_is_new(store, arithmetic_traces):
    run(store, Lengths(), where=parse_filter('outcome == "correct"'))
    correct = sum(trace.verdict.outcome == "correct" for trace in store.iter_traces())
    with store.writer() as writer:
        writer.add_trace(arithmetic_traces[50])
    model = Lengths()
    counts = run(store, model)
    assert (len(model.asked), counts.present) == (41 - correct, correct)
    assert run(store, Lengths()).traces == 0


def test_what_was_written_before_a_failure_stays(store, monkeypatch):
    monkeypatch.setattr(rewards, "PART_TRACES", 10)
    with pytest.raises(EngineError):
        run(store, Lengths(traces=25))
    assert len(set(read_rewards(store, "org--prm-7b")["trace_id"].to_pylist())) == 20
    again = Lengths()
    assert run(store, again).traces == len(again.asked) == 20
    assert read_rewards(store, "org--prm-7b").num_rows == sum(len(trace.steps) for trace in store.iter_traces())


def test_models_are_kept_apart_and_named_safely(store):
    run(store, Lengths())
    assert read_rewards(store, "another").num_rows == 0
    with pytest.raises(InputError, match="can't name a reward model's folder"):
        read_rewards(store, "../traces")


def test_two_at_once_are_refused(store):
    lock = WriterLock(store.path / "locks" / "rewards.lock")
    with pytest.raises(StoreError, match="is writing to the store"):
        run(store, Lengths())
    lock.release()
