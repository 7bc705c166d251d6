"""What checks and verdict say about a step's truth."""

import json
from pathlib import Path

import pytest

from tracewright.pipeline.confidence import step_truth
from tracewright.schemas import Outcome, Span, Step, StepCheck

CASES = json.loads((Path(__file__).parent / "truth_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["fact"])
def test_step_truth(case):
    steps = [
        Step(text="x", span=Span(start=i, end=i + 1), check=StepCheck.model_validate({"outcome": check, "reason": ""}))
        for i, check in enumerate(case["checks"])
    ]
    assert step_truth(steps, Outcome(case["outcome"])) == case["truth"]
