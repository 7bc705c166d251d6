"""Figures on real step-by-step answers with labelled first mistakes; skipped where the data is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tracewright.pipeline.steps import check_steps, first_failed_step, segment

MISTAKE = Path("../shared/data/mistake")
STYLES: dict[str, Callable[[list[str]], str]] = {
    "lines": "\n".join,
    "paragraphs": "\n\n".join,
    "numbered": lambda steps: "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)),
    "bulleted": lambda steps: "\n".join(f"- {step}" for step in steps),
    "step by step": lambda steps: "\n".join(f"Step {number}: {step}" for number, step in enumerate(steps, start=1)),
    "headings": lambda steps: "\n\n".join(f"### Step {number}\n{step}" for number, step in enumerate(steps, start=1)),
}

pytestmark = pytest.mark.skipif(not MISTAKE.is_dir(), reason=f"labelled mistakes are looked for in {MISTAKE}")


def read_rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (MISTAKE / name).read_text(encoding="utf-8").splitlines()]


def find_starts(text: str, steps: list[str]) -> set[int]:
    """Where the steps after the first begin in the joined text, with what marks them."""
    ends, place = [], 0
    for step in steps[:-1]:
        place = text.index(step, place) + len(step)
        ends.append(place + len(text[place:]) - len(text[place:].lstrip()))
    return set(ends)


def test_first_failed_step_is_the_labelled_one() -> None:
    # A row without a mistake but with a wrong answer is mislabelled.
    rows = read_rows("multistep_arithmetic.jsonl")
    labelled = [row for row in rows if row["mistake_index"] is not None]
    found = sum(first_failed_step(check_steps(r["input"], r["steps"])) == r["mistake_index"] for r in labelled)
    assert found / len(labelled) >= 0.98


def test_error_free_answers_raise_no_alarm() -> None:
    rows = read_rows("multistep_arithmetic.jsonl")
    clean = [row for row in rows if row["mistake_index"] is None and row["answer"] == row["target"]]
    assert len(clean) > 10
    assert all(first_failed_step(check_steps(row["input"], row["steps"])) is None for row in clean)


def test_ordering_puzzles_raise_no_alarm() -> None:
    rows = read_rows("logical_deduction.jsonl")
    assert all(first_failed_step(check_steps(row["input"], row["steps"])) is None for row in rows)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["multistep_arithmetic.jsonl", "logical_deduction.jsonl"])
def test_joined_steps_are_cut_where_they_were_joined(name: str, style: str) -> None:
    wanted = cut = both = 0
    for row in read_rows(name):
        text = STYLES[style](row["steps"])
        expected = find_starts(text, row["steps"])
        found = {span.start for span in segment(text)} - {0}
        wanted, cut, both = wanted + len(expected), cut + len(found), both + len(expected & found)
    assert both / wanted >= 0.95
    assert both / cut >= 0.95
