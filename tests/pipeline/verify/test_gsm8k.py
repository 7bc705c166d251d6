"""The verifier against other people's labels of other people's solutions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tracewright.pipeline.verify import verify_answer

SOLUTIONS = Path("../shared/data/gsm8k/example_model_solutions.jsonl")
PROBLEMS = Path("../shared/data/gsm8k/test.jsonl")
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


@pytest.mark.skipif(not PROBLEMS.exists(), reason=f"no GSM8K problems at {PROBLEMS}")
def test_the_result_of_prose_without_any_mark_is_found() -> None:
    rows = [json.loads(line)["answer"].rsplit("####", 1) for line in PROBLEMS.read_text(encoding="utf-8").splitlines()]
    found = [verify_answer(gold, prose.strip()).outcome == "correct" for prose, gold in rows]
    assert sum(found) / len(found) > 0.97


@pytest.mark.skipif(not PROBLEMS.exists(), reason=f"no GSM8K problems at {PROBLEMS}")
def test_the_solution_of_another_problem_is_never_correct() -> None:
    answers = [json.loads(line)["answer"] for line in PROBLEMS.read_text(encoding="utf-8").splitlines()]
    others = random.Random(7).sample(answers, len(answers))
    wrong = [
        (gold, other[-80:])
        for gold, other in zip((answer.rsplit("####", 1)[1].strip() for answer in answers), others, strict=True)
        if verify_answer(gold, other).outcome == "correct"
        and gold.replace(",", "") != other.rsplit("####", 1)[1].strip().replace(",", "")
    ]
    assert wrong == []
