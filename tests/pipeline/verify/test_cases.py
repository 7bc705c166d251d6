"""Tables of gold answers and predictions, with what a careful teacher says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.verify import AnswerCase, AnswerVerifier
from tracewright.schemas import Outcome

CASES = Path(__file__).with_name("cases")
KINDS = {"choice": "choice", "text": "text"}


def read_cases(name: str) -> list[dict[str, Any]]:
    """The rows of a table, each with the kind that its table is of."""
    rows = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return [{"kind": KINDS.get(name, "math"), **row} for row in rows]


@pytest.fixture(scope="module")
def verifier() -> Iterator[AnswerVerifier]:
    with AnswerVerifier(workers=1, timeout_seconds=20) as started:
        yield started


@pytest.mark.parametrize(
    "table",
    [
        *("numbers", "expressions", "structures", "relations", "units", "mixed", "extraction", "choice", "text"),
        *("policies", "near_misses"),
    ],
)
def test_every_row_of_the_table_is_judged_right(table: str, verifier: AnswerVerifier) -> None:
    wrong: list[str] = []
    for row in read_cases(table):
        verdict = verifier.verify_case(AnswerCase.model_validate(row))
        if (verdict.outcome is Outcome.CORRECT) != row["correct"]:
            wrong.append(f"{row['gold']!r} and {row['prediction']!r}: {verdict.outcome} ({verdict.reason})")
    assert wrong == []


def test_the_tables_hold_about_as_many_wrong_answers_as_right_ones() -> None:
    rows = [row for path in CASES.glob("*.json") for row in read_cases(path.stem) if "correct" in row]
    assert len(rows) > 1000
    assert 0.3 < sum(not row["correct"] for row in rows) / len(rows) < 0.6


@pytest.fixture(scope="module")
def impatient_verifier() -> Iterator[AnswerVerifier]:
    with AnswerVerifier(timeout_seconds=2.5) as started:
        yield started


@pytest.mark.parametrize("row", read_cases("code"), ids=lambda row: row["prediction"][:30])
def test_programs_are_judged_by_their_tests(row: dict[str, Any], impatient_verifier: AnswerVerifier) -> None:
    verdict = impatient_verifier.verify(row["gold"], row["prediction"], kind="code")
    assert verdict.outcome == row["outcome"], verdict.reason
