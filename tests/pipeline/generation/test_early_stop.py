"""Completions that a teacher is not sure of are given up early, by a threshold that its first traces set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from tracewright.pipeline.config import EarlyStopConfig, TeacherConfig
from tracewright.pipeline.engines.base import Completion, Request
from tracewright.pipeline.engines.running_confidence import EarlyStop, RunningConfidence, lowest_confidence
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import GenerationCounts
from tracewright.pipeline.generation.early_stop import EarlyStopping
from tracewright.pipeline.store import Store
from tracewright.schemas import AttemptKind, FinishReason, Outcome

Write = Callable[..., Path]
Generate = Callable[..., GenerationCounts]
STOP = {"window": 12, "keep": 0.9, "warm_up": 40}


def make_completion(tokens: int) -> Completion:
    return Completion(
        key="",
        prompt="",
        text="",
        finish_reason=FinishReason.LOW_CONFIDENCE,
        token_ids=None,
        token_logprobs=None,
        token_ends=None,
        top_logprobs=None,
        token_count=tokens,
        seconds=0.0,
    )


def test_running_and_whole_confidence_agree() -> None:
    drawn = [-0.1, -0.2, -3.0, -2.0, -0.1, -0.1]
    top = [[-0.1, -4.0], [-0.2, -3.0], [-0.9, -1.1], [-0.8, -1.0], [-0.1, -5.0], [-0.1, -6.0]]
    for place in (top, None):
        lowest = lowest_confidence(drawn, place, 2)
        assert lowest is not None
        for threshold, ends in ((lowest - 1e-9, False), (lowest + 1e-9, True)):
            running = RunningConfidence(EarlyStop(2, threshold))
            ended = [running.add(p, place[i] if place else ()) for i, p in enumerate(drawn)]
            assert any(ended) is ends and not ended[0], "before the window is full nothing is ended"
    assert lowest_confidence(drawn, top, 2) == pytest.approx((1.0 + 0.9) / 2)
    assert lowest_confidence(drawn, None, 2) == pytest.approx(-2.5)
    assert lowest_confidence(drawn, None, 7) is None


def test_the_threshold_lets_its_share_of_correct_traces_through(tmp_path: Path) -> None:
    config = EarlyStopConfig(window=1, keep=0.8, warm_up=40)
    stopping = EarlyStopping.open(config, tmp_path, "teacher")
    for number in range(40):
        values = {"token_logprobs": (-float(number),), "token_count": 100 + number, "finish_reason": FinishReason.STOP}
        stopping.note(number, Completion(**(vars(make_completion(1)) | values)))
        assert stopping.rule is None
        stopping.note_score(number, is_correct=number < 20)
    assert stopping.rule is not None and stopping.rule.threshold == -15.0  # 16 of the 20 correct ones are not below
    assert stopping.tokens_saved(make_completion(119)) == round(sum(range(120, 140)) / 20) - 119
    assert stopping.tokens_saved(make_completion(500)) == 0
    again = EarlyStopping.open(config, tmp_path, "teacher")
    assert again.rule == stopping.rule and again.tokens_saved(make_completion(119)) > 0
    other = EarlyStopping.open(config.model_copy(update={"keep": 0.9}), tmp_path, "teacher")
    assert other.rule is None, "other settings need another threshold"


def test_doubtful_chains_of_a_server_are_ended_and_what_that_saves_is_counted(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    config = write_config(tmp_path, problems=300, logprobs=1, early_stop=STOP)
    counts = generate(config)
    store = Store.open(tmp_path / "store")
    stopped = [attempt for attempt in store.attempts() if attempt.kind is AttemptKind.STOPPED]
    assert counts.stopped_early == len(stopped) > 10 and counts.traces == 300 - len(stopped)
    assert all(
        attempt.finish_reason is FinishReason.LOW_CONFIDENCE and attempt.token_count >= 12 for attempt in stopped
    )
    whole = {trace.problem.id: trace.text for trace in store.iter_traces()}
    mean = sum(trace.token_count for trace in store.iter_traces()) / len(whole)
    assert 0 < counts.tokens_saved <= len(stopped) * mean
    again = generate(config)
    assert (again.results, again.present) == (0, 300)

    full = generate(write_config(tmp_path, logprobs=1))
    assert full.traces == len(stopped), "without an early end those that were given up are made again"
    made = {trace.problem.id: trace for trace in store.iter_traces()}
    ended = {attempt.problem.id: made[attempt.problem.id] for attempt in stopped}
    assert all(made[attempt.problem.id].text.startswith(attempt.text) for attempt in stopped)
    real = sum(ended[a.problem.id].token_count - a.token_count for a in stopped)
    assert counts.tokens_saved == pytest.approx(real, rel=0.2), "the estimate beside what they really had more"
    wrong = [trace.verdict.outcome is Outcome.INCORRECT for trace in ended.values()]
    assert sum(wrong) / len(wrong) > 0.4, "of all traces a tenth is wrong"


def test_a_real_engine_ends_a_completion_at_once_and_leaves_the_others(teacher: RunningTeacher) -> None:
    asked = Request("whole", "12+34*5", seed=7)
    rules = {"never": EarlyStop(10, -1e9), "always": EarlyStop(10, 1e9)}
    requests = [asked, *(Request(key, "12+34*5", seed=7, early_stop=rule) for key, rule in rules.items())]
    found = {result.key: result for result in teacher.engine.stream(requests)}
    whole, never, always = (found[key] for key in ("whole", "never", "always"))
    assert isinstance(whole, Completion) and isinstance(never, Completion) and isinstance(always, Completion)
    assert (never.text, never.finish_reason) == (whole.text, whole.finish_reason)
    assert always.finish_reason is FinishReason.LOW_CONFIDENCE
    assert always.token_count == 10 and whole.text.startswith(always.text)
    assert always.token_logprobs == whole.token_logprobs[:10] if whole.token_logprobs else False


def test_an_early_end_needs_logprobs() -> None:
    with pytest.raises(ValidationError, match="early_stop needs logprobs"):
        TeacherConfig(engine="vllm", model="m", early_stop=EarlyStopConfig())
    calibrated = json.loads(EarlyStopConfig(threshold=2.5).model_dump_json())
    assert calibrated["threshold"] == 2.5
