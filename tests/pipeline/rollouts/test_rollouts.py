"""Values of steps: the share that ends right, within the budget, shared by prefixes, made once whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pytest

from tracewright.pipeline.confidence import Rollout
from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.server_engine import make_messages
from tracewright.pipeline.rollouts import RolloutBook, RolloutCounts, RolloutPlan, roll_out, write_values
from tracewright.pipeline.rollouts.book import hash_prefix
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.failpoints import VARIABLE
from tracewright.schemas import CheckOutcome, FinishReason, Outcome, Problem, StoreError, Trace

KILLED_RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_rollouts import Scripted, TOKENS, plan_for
from tracewright.pipeline.rollouts import RolloutBook, roll_out
from tracewright.pipeline.store import Store
traces = list(Store.open(sys.argv[2]).iter_traces())
with RolloutBook(Path(sys.argv[2])) as book:
    roll_out(traces, Scripted(), book, plan_for(traces), lambda counts: None)
"""
TOKENS = 5


class Scripted:
    """Ends right where nothing in the prefix is wrong, and in one of four seeds where something is."""

    name = "scripted"

    def __init__(self, fails: bool = False) -> None:
        self.requests: list[Request] = []
        self.most_in_flight = 0
        self._fails = fails

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        in_flight: list[Request] = []
        waiting = iter(requests)
        while True:
            while len(in_flight) < 8 and (request := next(waiting, None)) is not None:
                in_flight.append(request)
            self.most_in_flight = max(self.most_in_flight, len(in_flight))
            if not in_flight:
                return
            yield self._answer(in_flight.pop(0))

    def close(self) -> None:
        """Nothing to end."""

    def _answer(self, request: Request) -> Completion | Failure:
        self.requests.append(request)
        if self._fails:
            return Failure(request.key, "it is out of memory")
        is_right = "WRONG" not in request.prefix or request.seed % 4 == 0
        return Completion(
            key=request.key,
            prompt=request.question,
            text="#### 7" if is_right else "#### 8",
            finish_reason=FinishReason.STOP,
            token_ids=None,
            token_logprobs=None,
            token_ends=None,
            top_logprobs=None,
            token_count=TOKENS,
            seconds=0.0,
        )


def plan_for(traces: list[Trace], **changes: object) -> RolloutPlan:
    fields = {
        "family": traces[0].teacher.family,
        "make_request": make_request,
        "continuations": 4,
        "max_tokens": 2 * TOKENS,
    }
    return RolloutPlan(**{**fields, **changes})


def make_request(problem: Problem) -> Request:
    return Request("", f"solve {problem.question}", 0, system="be brief")


def run(store: Store, traces: list[Trace], engine: Scripted | None = None, **plan: object) -> RolloutCounts:
    with RolloutBook(store.path) as book:
        return roll_out(traces, engine or Scripted(), book, plan_for(traces, **plan), lambda counts: None)


@pytest.fixture
def traces(make_trace) -> list[Trace]:
    """One that is right and one that goes wrong in its third step; their first two steps are the same."""
    right = make_trace("3+4", ["a\n", "b\n", "c\n", "#### 7"], gold="7", sample=0)
    wrong = make_trace("3+4", ["a\n", "b\n", "WRONG\n", "#### 8"], gold="7", sample=1, outcome="incorrect")
    return [right, wrong]


@pytest.fixture
def store(tmp_path: Path, traces) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        for trace in traces:
            writer.add_trace(trace)
    return store


def test_the_value_is_the_share_that_ends_right(store, traces):
    run(store, traces, continuations=40)
    with RolloutBook(store.path) as book:
        assert [one.value for one in book.find(traces[0].trace_id) or ()] == [1, 1, 1, 1]
        first, second, third, last = book.find(traces[1].trace_id) or ()
    assert (first.value, second.value, last.value) == (1, 1, 0)
    assert 0.05 < third.value < 0.5 and third.total == 40


def test_steps_that_begin_alike_are_continued_once(store, traces):
    engine = Scripted()
    counts = run(store, traces, engine)
    assert len(engine.requests) == counts.made == 4 * 4
    assert counts.present == 2 * 4
    assert sorted({request.prefix for request in engine.requests}) == ["a\n", "a\nb\n", "a\nb\nWRONG\n", "a\nb\nc\n"]


def test_the_request_is_the_teachers_own_with_the_answers_beginning(store, traces):
    engine = Scripted()
    run(store, traces, engine)
    assert {request.question for request in engine.requests} == {"solve 3+4"}
    assert {request.system for request in engine.requests} == {"be brief"}
    assert len({request.seed for request in engine.requests}) == len(engine.requests)


def test_the_tokens_that_the_teacher_drew_are_given_where_the_step_ends_with_one(store, traces):
    steps = [
        step.model_copy(update={"token_span": span})
        for step, span in zip(traces[0].steps, [s.span for s in traces[0].steps], strict=True)
    ]
    ids, ends = tuple(range(100, 112)), (1, 2, 3, 4, 6, 6, *range(7, 13))
    drawn = traces[0].model_copy(update={"steps": tuple(steps), "token_ids": ids, "token_ends": ends})
    engine = Scripted()
    run(store, [drawn], engine, continuations=1)
    given = {request.prefix: request.prefix_ids for request in engine.requests}
    assert given == {"a\n": ids[:2], "a\nb\n": ids[:4], "a\nb\nc\n": ids[:6]}
    split = drawn.model_copy(update={"token_ends": (1, 3, 3, *ends[3:])})
    engine = Scripted()
    run(store, [split], engine, continuations=2)
    assert {request.prefix: request.prefix_ids for request in engine.requests}["a\n"] is None


def test_a_second_call_asks_for_nothing_and_a_larger_one_for_the_rest(store, traces):
    run(store, traces)
    again, more = Scripted(), Scripted()
    assert run(store, traces, again).made == 0 and again.requests == []
    assert run(store, traces, more, continuations=6).made == len(more.requests) == 4 * 2


@pytest.mark.parametrize("budget", [0, 9, 10, 35, 57, 80])
def test_no_more_than_the_budget_is_spent_by_all_calls_together(store, traces, budget):
    engine = Scripted()
    counts = [run(store, traces, engine, budget_tokens=budget) for _ in range(3)]
    spent = sum(one.tokens for one in counts)
    assert spent == len(engine.requests) * TOKENS <= budget
    assert spent >= min(budget - 2 * TOKENS, 16 * TOKENS)
    assert counts[0].out_of_budget == (budget < 80 + TOKENS)


def test_a_small_budget_is_not_overrun_by_what_is_under_way(store, traces):
    engine = Scripted()
    run(store, traces, engine, budget_tokens=35)
    assert engine.most_in_flight <= 3


def test_failures_are_counted_and_tried_again(store, traces):
    assert run(store, traces, Scripted(fails=True)).failed >= 16
    assert run(store, traces).made == 16


def test_a_continuation_that_is_cut_off_did_not_end_right(store, traces):
    class CutOff(Scripted):
        def _answer(self, request):
            completion = super()._answer(request)
            return Completion(**{**vars(completion), "finish_reason": FinishReason.LENGTH})

    run(store, traces[:1], CutOff())
    with RolloutBook(store.path) as book:
        assert [one.right for one in book.find(traces[0].trace_id) or ()] == [0, 0, 0, 4]


def test_a_continuation_that_could_not_be_judged_is_not_a_wrong_one(store, traces):
    run(store, traces[:1], continuations=2)
    prefixes = [hash_prefix(traces[0], step.span.end) for step in traces[0].steps]
    with RolloutBook(store.path) as book:
        book.note(traces[0].teacher.family, prefixes[0], 2, Outcome.ERROR, TOKENS)
        assert [(one.right, one.total) for one in book.find(traces[0].trace_id) or () if one] == [(2, 2)] * 4
        assert list(book.missing(prefixes[0], 3)) == []


def test_a_step_of_which_nothing_could_be_judged_has_no_value(store, make_trace):
    trace = make_trace("3+4", ["a\n", "#### 7"], gold="7")
    with RolloutBook(store.path) as book:
        book.note_trace(trace.trace_id, ["one", "two"])
        book.note(trace.teacher.family, "one", 0, Outcome.ERROR, TOKENS)
        book.note(trace.teacher.family, "two", 0, Outcome.CORRECT, TOKENS)
        assert book.find(trace.trace_id) == [None, Rollout(1, 1)]


def test_other_teachers_and_problems_without_an_answer_are_passed_over(store, traces, make_trace):
    others = [make_trace("3+4", model="another"), make_trace("9+9", gold=None, outcome="unverifiable")]
    counts = run(store, [*traces, *others])
    assert (counts.traces, counts.passed_over) == (2, 2)


def test_a_trace_without_all_its_continuations_has_no_rollouts(store, traces):
    run(store, traces[:1])
    with RolloutBook(store.path) as book:
        assert book.find(traces[0].trace_id, 4) == [Rollout(4, 4)] * 4
        assert book.find(traces[0].trace_id, 5) is None
        assert book.find(traces[1].trace_id) is None
        assert book.find("nobody") is None


def test_prefixes_differ_by_teacher_problem_and_text(make_trace):
    traces = [make_trace(), make_trace("1+2"), make_trace(model="another"), make_trace(lines=["1+1 = 2\n", "#### 2"])]
    assert len({hash_prefix(trace, trace.steps[0].span.end) for trace in traces}) == 4
    assert hash_prefix(traces[0], 5) != hash_prefix(traces[0], 6)
    assert hash_prefix(make_trace(sample=7), 6) == hash_prefix(traces[0], 6)


def test_the_table_joins_with_the_traces(store, traces):
    run(store, traces)
    with RolloutBook(store.path) as book:
        frame = pl.read_parquet(write_values(book, store.path))
    assert frame.columns == ["trace_id", "step", "right", "total", "value"]
    assert frame.filter(pl.col("trace_id") == traces[0].trace_id)["value"].to_list() == [1, 1, 1, 1]
    assert frame.height == 8


def test_two_at_once_are_refused(store):
    with RolloutBook(store.path), pytest.raises(StoreError, match="is writing to the store"):
        RolloutBook(store.path)


def test_a_kill_costs_only_what_was_under_way(store, traces):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(Path(__file__).parent), str(store.path)],
        env={**os.environ, VARIABLE: "journal.appended@12"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    engine = Scripted()
    counts = run(store, traces, engine)
    assert 0 < counts.made < 16
    with RolloutBook(store.path) as book:
        assert book.spent(traces[0].teacher.family) == 16 * TOKENS
        assert book.find(traces[0].trace_id, 4) == [Rollout(4, 4)] * 4
    assert run(store, traces).made == 0


@pytest.mark.slow
def test_the_embedded_teacher_goes_on_from_any_step(tmp_path: Path):
    """A real engine: from the steps of a right trace it ends right, from a wrong result it hardly ever does."""
    from tracewright.pipeline.config import TeacherConfig
    from tracewright.pipeline.engines.teachers import RunningTeacher
    from tracewright.pipeline.scoring import Task, score_completion
    from tracewright.pipeline.sources import draw_problems

    store = Store.open(tmp_path / "store", create=True)
    with RunningTeacher(TeacherConfig(engine="embedded"), tmp_path / "engine.log") as teacher:
        tasks = {p.content_id: Task(p, teacher.ref, 0) for p in draw_problems(60, [4, 5], seed=9, held_out=True)}
        results = teacher.engine.stream(Request(key, task.problem.question, 1) for key, task in tasks.items())
        traces = [
            score_completion(tasks[one.key], one, engine="vllm", calibration=None)
            for one in results
            if isinstance(one, Completion) and one.finish_reason is FinishReason.STOP
        ]
        with RolloutBook(store.path) as book:
            plan = RolloutPlan(teacher.ref.family, lambda problem: Request("", problem.question, 0), 4, max_tokens=320)
            counts = roll_out(traces, teacher.engine, book, plan, lambda counts: None)
            found = {trace.trace_id: book.find(trace.trace_id, 4) for trace in traces}
    assert counts.failed == 0 and all(found.values())
    values: dict[bool, list[float]] = {True: [], False: []}
    for trace in traces:
        went_wrong = False
        for step, one in zip(trace.steps[:-1], found[trace.trace_id] or (), strict=False):
            went_wrong |= step.check.outcome is CheckOutcome.FAILS
            values[went_wrong or trace.verdict.outcome is not Outcome.CORRECT].append(one.value if one else 0.0)
    assert sum(values[False]) / len(values[False]) > 0.8
    assert sum(values[True]) / len(values[True]) < 0.6


def test_a_server_is_asked_to_go_on_with_the_answer():
    begun = make_messages(Request("k", "3+4", 0, system="be brief", prefix="3+4="))
    assert [turn["role"] for turn in begun] == ["system", "user", "assistant"]
    assert begun[-1]["content"] == "3+4="
    assert make_messages(Request("k", "3+4", 0))[-1]["role"] == "user"
