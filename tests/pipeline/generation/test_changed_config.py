"""A changed config keeps what still counts and makes only the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.config import GenerateConfig, ReasoningConfig, load_config
from tracewright.pipeline.engines.base import Completion, Failure
from tracewright.pipeline.engines.teachers import find_teacher, guess_teacher
from tracewright.pipeline.generation import GenerationCounts, make_teaching, survey_missing, write_summary
from tracewright.pipeline.generation.attempts import find_cut, find_reasoning
from tracewright.pipeline.sources import read_problems
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.attempt_marks import AttemptMarks
from tracewright.schemas import AttemptKind, ConfigError, FinishReason, Rejection, Span
from tracewright.schemas.trace import REQUEST_HASH

Write = Callable[..., Path]
Generate = Callable[..., GenerationCounts]
MARKS = ReasoningConfig()


def open_store(config: Path) -> Store:
    return Store.open(json.loads(config.read_text())["store"])


def survey(config: Path, retry_failed: bool = False) -> Any:
    loaded = load_config(GenerateConfig, config)
    store = Store.open(loaded.store) if Store.is_there(loaded.store) else None
    teacher = find_teacher(loaded.teacher, store.teachers() if store else ()) or guess_teacher(loaded.teacher)
    teaching = make_teaching(loaded.teacher, teacher, None, retry_failed=retry_failed)
    return survey_missing(store, read_problems(loaded.problems), teaching)


def test_only_what_was_cut_is_made_again_when_the_limit_grows(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    first = generate(write_config(tmp_path, max_tokens=70))
    assert first.truncated > 5 and first.traces > 5
    kept = {trace.trace_id: trace.created_at for trace in open_store(tmp_path / "config.yaml").iter_traces()}
    again = generate(write_config(tmp_path, max_tokens=70))
    assert (again.results, again.present) == (0, 60)
    assert survey(tmp_path / "config.yaml").truncated == first.truncated
    grown = generate(write_config(tmp_path, max_tokens=500))
    assert (grown.present, grown.traces, grown.truncated) == (first.traces, first.truncated, 0)
    now = {trace.trace_id: trace.created_at for trace in open_store(tmp_path / "config.yaml").iter_traces()}
    assert len(now) == 60 and now.items() >= kept.items()
    lowered = generate(write_config(tmp_path, max_tokens=10))
    assert (lowered.present, lowered.results) == (60, 0)


def test_more_samples_keep_those_that_are_there(write_config: Write, generate: Generate, tmp_path: Path) -> None:
    generate(write_config(tmp_path, problems=20))
    counts = generate(write_config(tmp_path, samples=3))
    assert (counts.present, counts.traces) == (20, 40)


def test_failures_are_kept_and_made_again_only_when_asked(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    config = write_config(tmp_path, problems=20)
    lines = config.with_name("problems.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows[3]["question"] += " (refused)"
    config.with_name("problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = generate(config)
    assert (counts.failed, counts.traces) == (1, 19)
    (failed,) = open_store(config).attempts()
    assert failed.kind is AttemptKind.FAILED and "HTTP 400" in failed.reason and failed.problem.id == "3"
    assert generate(config).results == 0
    assert "HTTP 400" in str(counts.last_failure)
    assert (survey(config).missing, survey(config).failed) == (0, 1)
    assert survey(config, retry_failed=True).missing == 1
    assert (generate(config, retry_failed=True).failed, len(list(open_store(config).attempts()))) == (1, 1)


def test_a_failure_that_was_asked_again_and_cut_is_made_again_when_the_limit_grows() -> None:
    marks = AttemptMarks()
    marks.add("t", AttemptKind.FAILED, 70)
    assert marks.failed == {"t"}
    marks.add("t", AttemptKind.TRUNCATED, 70)
    assert not marks.failed and marks.was_cut_at("t", 70) and not marks.was_cut_at("t", 500)
    marks.add("t", AttemptKind.FAILED, 500)
    assert marks.failed == {"t"}


def test_a_dry_run_knows_what_is_missing_and_what_it_takes(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    price = {"tokens": 10.0, "hour": 3.6}
    config = write_config(tmp_path, problems=20, max_tokens=100, price=price)
    before = survey(config)
    assert (before.present, before.missing, before.expected_tokens) == (0, 20, 2_000)
    assert before.expected_seconds is None and not (tmp_path / "store").exists()
    counts = generate(config)
    write_summary(tmp_path / "store", counts)
    assert survey(config).missing == 0
    after = survey(write_config(tmp_path, max_tokens=100, price=price, samples=2))
    assert (after.present, after.missing, after.tokens_are_measured) == (20, 20, True)
    assert after.expected_tokens == pytest.approx(counts.tokens, rel=0.01)
    assert after.expected_seconds == pytest.approx(counts.seconds, rel=0.02)
    assert after.expected_cost == pytest.approx(counts.cost, rel=0.02)


def test_every_trace_names_its_request(write_config: Write, generate: Generate, tmp_path: Path) -> None:
    config = write_config(tmp_path, problems=5, samples=2)
    generate(config)
    hashes = {trace.metadata[REQUEST_HASH] for trace in open_store(config).iter_traces()}
    assert len(hashes) == 10
    other = write_config(tmp_path / "other", problems=5, samples=2, system="Be brief.")
    generate(other)
    assert hashes.isdisjoint({trace.metadata[REQUEST_HASH] for trace in open_store(other).iter_traces()})


def test_a_system_text_examples_and_the_template_make_another_teacher(write_config: Write, tmp_path: Path) -> None:
    settings: list[dict[str, Any]] = [
        {},
        {"system": "Be brief."},
        {"template": "Solve: {{ question }}"},
        {"examples": [{"question": "1+1", "answer": "2"}]},
        {"temperature": 0.5},
        {"seed": 1},
    ]
    made = [guess_teacher(load_config(GenerateConfig, write_config(tmp_path, **one)).teacher) for one in settings]
    assert len({teacher.fingerprint for teacher in made}) == len(settings)
    same = [{"max_tokens": 9}, {"deadline_seconds": 5.0}, {"logprobs": 3}, {"max_in_flight": 2}, {"samples": 4}]
    for limits in same:
        config = load_config(GenerateConfig, write_config(tmp_path, **limits))
        assert guess_teacher(config.teacher).fingerprint == made[0].fingerprint


def test_a_problem_that_the_template_can_not_take_is_turned_away_alone(
    write_config: Write, generate: Generate, tmp_path: Path
) -> None:
    config = write_config(
        tmp_path, problems=6, template="{% if 'jar number 2 ' not in question %}{{question}}{% endif %}"
    )
    counts = generate(config)
    assert (counts.traces, counts.rejected) == (5, 1)
    (rejected,) = open_store(config).rejections()
    assert isinstance(rejected, Rejection) and rejected.stage == "prompt" and rejected.subject == "2"
    with pytest.raises(ConfigError, match=r"teacher\.template"):
        generate(write_config(tmp_path, template="{% for %}"))


def completion(text: str, finish_reason: FinishReason = FinishReason.STOP) -> Completion:
    return Completion("k", "p", text, finish_reason, None, None, None, None, 5, 0.1)


@pytest.mark.parametrize(
    ("text", "required", "cut"),
    [
        ("#### 4", False, None),
        ("<think>2+2</think>4", True, None),
        ("2+2</think>4", True, None),
        ("<think>so the answer is 4", False, "it ends before </think>"),
        ("so the answer is 4", True, "it ends before </think>"),
        ("<think>a</think> <think>the answer is 4", False, "it ends before </think>"),
    ],
)
def test_what_ends_in_its_thinking_is_no_answer(text: str, required: bool, cut: str | None) -> None:
    assert find_cut(completion(text), ReasoningConfig(required=required), 99) == cut
    assert find_cut(completion(text, FinishReason.LENGTH), MARKS, 99) == "not finished within 99 tokens"


def test_thinking_is_found_with_or_without_its_opening_mark() -> None:
    assert find_reasoning("<think>2+2</think>4", MARKS) == Span(start=0, end=18)
    assert find_reasoning("2+2</think>4", MARKS) == Span(start=0, end=11)
    assert find_reasoning("so 4", MARKS) is None
    assert find_reasoning("a</reasoning>4", ReasoningConfig(open="<reasoning>", close="</reasoning>")) == Span(
        start=0, end=13
    )
    assert isinstance(Failure("k", "r").reason, str)
