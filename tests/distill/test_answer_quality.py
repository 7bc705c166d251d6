"""Steps, lengths and agreement of answers, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracewright.distill.answer_quality import describe_answers, measure_calibration, measure_steps
from tracewright.distill.evaluation import Answered, Evaluation, pass_at_1_interval
from tracewright.distill.evaluation_report import write_evaluation
from tracewright.schemas import Problem

PROBLEM = Problem.model_validate({"question": "(1+1)*3", "answer": "6", "source": "worked", "level": 2})
RIGHT = "1+1=2; = 2*3\n2*3=6\n#### 6"
WRONG = "1+1=3; = 3*3\n3*3=9\n#### 9"


def answered(text: str, *, correct: bool = False, tokens: int = 10, finished: bool = True) -> Answered:
    return Answered(PROBLEM, text, correct, tokens, finished=finished)


def test_steps_that_hold_are_counted_among_those_that_could_be_judged() -> None:
    good, bad = measure_steps([answered(RIGHT)]), measure_steps([answered(WRONG)])
    assert good["hold"] == 1.0 and good["answers_without_failed_step"] == 1.0 and good["checked"] > 0
    assert bad["hold"] < 1.0 and bad["answers_without_failed_step"] == 0.0
    both = measure_steps([answered(RIGHT), answered(WRONG), answered("no step at all")])
    assert both["checked"] == good["checked"] + bad["checked"]
    assert both["answers_without_failed_step"] == 0.5 and both["interval"][0] < 0.5 < both["interval"][1]
    assert measure_steps([])["hold"] is None


def test_the_share_that_agrees_is_compared_with_how_often_it_is_right() -> None:
    sure = [answered(RIGHT, correct=True)] * 3 + [answered(WRONG)]
    fooled = [answered(WRONG)] * 2 + [answered(RIGHT, correct=True), answered(RIGHT, finished=False)]
    found = measure_calibration([*sure, *fooled], 4)
    assert found["voted_right"] == 0.5
    assert found["brier"] == pytest.approx(((0.75 - 1) ** 2 + (0.5 - 0) ** 2) / 2)
    assert found["auroc"] == 1.0
    silent = measure_calibration([answered("", finished=False)] * 2, 2)
    assert silent["voted_right"] == 0.0 and silent["brier"] == 0.0


def test_lengths_are_of_tokens_and_one_sample_has_no_calibration() -> None:
    evaluation = Evaluation(tuple(answered(RIGHT, correct=True, tokens=n) for n in (1, 2, 3, 10)), 1.0)
    found = describe_answers(evaluation, 1)
    assert found["answer_tokens"] == {"mean": 4.0, "p50": 2, "p95": 10}
    assert found["calibration"] is None
    assert describe_answers(evaluation, 2)["calibration"]["voted_right"] == 1.0


def test_an_evaluation_is_written_as_figures_table_and_plots(tmp_path: Path) -> None:
    evaluation = Evaluation(tuple(answered(RIGHT, correct=n % 3 > 0, tokens=n) for n in range(12)), 2.0)
    for samples in (1, 3):
        summary = {
            "runtime": "vllm",
            "pass@1": evaluation.accuracy().share,
            "interval": pass_at_1_interval(evaluation, samples),
            "levels": {"2": {"pass@1": 0.5, "interval": (0.4, 0.6)}},
            "tokens_per_second": 10.0,
            "latency_seconds": {"p50": 0.1, "p95": 0.2},
            "file_bytes": 1000,
            "memory_bytes": None,
            **describe_answers(evaluation, samples),
        }
        write_evaluation(tmp_path / str(samples), {"mine": summary})
    assert {path.name for path in (tmp_path / "1").iterdir()} == {"evaluation.json", "evaluation.md", "solved.svg"}
    assert (tmp_path / "3" / "calibration.svg").read_text().startswith("<svg")
    assert json.loads((tmp_path / "3" / "evaluation.json").read_text())["models"]["mine"]["calibration"]["curve"]
    table = (tmp_path / "1" / "evaluation.md").read_text()
    assert "| mine | 2 | 50.0 | 40.0 to 60.0 |" in table and "| mine | 100.0% | 6 | needs samples above 1 |" in table
