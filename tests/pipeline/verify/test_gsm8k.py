"""The verifier against other people's labels of other people's solutions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracewright.pipeline.verify import verify_answer

SOLUTIONS = Path("../shared/data/gsm8k/example_model_solutions.jsonl")
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@pytest.mark.skipif(not SOLUTIONS.exists(), reason=f"no GSM8K solutions at {SOLUTIONS}")
def test_verdicts_on_gsm8k_solutions_are_their_labels() -> None:
    wrong: list[str] = []
    for number, line in enumerate(SOLUTIONS.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        for model in MODELS:
            verdict = verify_answer(row["ground_truth"], row[model]["solution"])
            if (verdict.outcome == "correct") != row[model]["is_correct"]:
                wrong.append(f"{number} {model}: {verdict.reason}")
    assert wrong == []
