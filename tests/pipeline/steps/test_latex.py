"""Competition-style solutions in LaTeX, written for this project: no alarms, most equations checked, errors found."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from tracewright.pipeline.steps import check_steps, first_failed_step, segment
from tracewright.schemas import CheckOutcome

SOLUTIONS = json.loads((Path(__file__).parent / "latex_solutions.json").read_text(encoding="utf-8"))
RESULT = re.compile(r"[\d)}!] ?= ?(\d{2,})(?=[\s.,;$\\)]|$)(?!\\cdot|\\times|\\frac|,\d)")
"""A plain number of two digits or more on the right of an equality with a number on its left."""


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in segment(text)]


def test_right_solutions_raise_no_alarm() -> None:
    alarms = [
        s["question"] for s in SOLUTIONS if first_failed_step(check_steps(s["question"], cut(s["text"]))) is not None
    ]
    assert alarms == []


def test_most_steps_with_an_equation_are_checked() -> None:
    stating = checked = 0
    for solution in SOLUTIONS:
        steps = cut(solution["text"])
        for text, step in zip(steps, check_steps(solution["question"], steps), strict=True):
            if "=" in text or "\\equiv" in text:
                stating += 1
                checked += step.check.outcome is not CheckOutcome.UNCHECKED
    assert checked / stating >= 0.8


def test_changed_results_are_found() -> None:
    rng = random.Random(3)
    found = planted = 0
    for solution in SOLUTIONS:
        for match in RESULT.finditer(solution["text"]):
            digit = rng.choice([d for d in "123456789" if d != match[1][-1]])
            text = solution["text"][: match.end(1) - 1] + digit + solution["text"][match.end(1) :]
            planted += 1
            found += first_failed_step(check_steps(solution["question"], cut(text))) is not None
    # An equation with a name may be a condition: not every digit makes it false.
    assert planted >= 100
    assert found / planted >= 0.8


def test_no_cut_inside_a_formula() -> None:
    for solution in SOLUTIONS:
        for step in cut(solution["text"]):
            assert step.count(r"\[") == step.count(r"\]")
            assert step.count(r"\(") == step.count(r"\)")
            assert step.count("$") % 2 == 0 or r"\$" in step
            assert step.count(r"\begin") == step.count(r"\end")
