"""Figures on real solutions of grade-school problems; skipped where the data is not there."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tracewright.pipeline.steps import check_steps, first_failed_step
from tracewright.schemas import CheckOutcome

GSM8K = Path("../shared/data/gsm8k")
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
PLANTED_ERRORS = 500
ANNOTATION = re.compile(r"<<([^<>\n]*)=([^<>=\n]*)>>\$?(-?[\d,]*\.?\d*)")

pytestmark = pytest.mark.skipif(not GSM8K.is_dir(), reason=f"real solutions are looked for in {GSM8K}")


class Solution(NamedTuple):
    question: str
    steps: list[str]
    is_correct: bool


class Planted(NamedTuple):
    kind: str
    solution: Solution
    step: int


def read_rows(name: str) -> Iterator[dict]:
    with (GSM8K / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def read_model_solutions() -> list[Solution]:
    return [
        Solution(row["question"], row[model]["solution"].splitlines(), row[model]["is_correct"])
        for row in read_rows("example_model_solutions.jsonl")
        for model in MODELS
    ]


def count_annotations(solutions: list[Solution]) -> tuple[int, int]:
    """All annotations, and those with a claim that was checked."""
    found = checked = 0
    for solution in solutions:
        for text, step in zip(solution.steps, check_steps(solution.question, solution.steps), strict=True):
            starts = {claim.start for claim in step.claims if claim.outcome is not CheckOutcome.UNCHECKED}
            places = [match.start() for match in re.finditer(r"<<[^\n]*?>>", text)]
            found += len(places)
            checked += sum(place in starts for place in places)
    return found, checked


def count_alarms(solutions: list[Solution]) -> int:
    return sum(first_failed_step(check_steps(s.question, s.steps)) is not None for s in solutions)


def change_digit(rng: random.Random, number: str) -> str:
    places = [index for index, character in enumerate(number) if character.isdigit()]
    place = rng.choice(places)
    return number[:place] + rng.choice([d for d in "0123456789" if d != number[place]]) + number[place + 1 :]


def swap_sign(rng: random.Random, expression: str) -> str | None:
    places = [match.start() for match in re.finditer(r"(?<=[\d.)])\s*[+\-*/]", expression)]
    if not places:
        return None
    place = rng.choice(places)
    sign = re.compile(r"[+\-*/]").search(expression, place)
    other = {"+": "-", "-": "+", "*": "/", "/": "*"}[sign.group()]
    return expression[: sign.start()] + other + expression[sign.end() :]


def drop_term(rng: random.Random, expression: str) -> str | None:
    terms = [match.span() for match in re.finditer(r"\s*[+\-*/]\s*\d[\d,.]*(?!\s*[(%])", expression)]
    if not terms:
        return None
    start, end = rng.choice(terms)
    return expression[:start] + expression[end:]


def plant(rng: random.Random, solution: Solution) -> Planted | None:
    """One error in one annotated equation, or None where the one drawn has no place for it or keeps its value."""
    places = [
        (index, match) for index, text in enumerate(solution.steps) for match in ANNOTATION.finditer(text) if match[3]
    ]
    if not places:
        return None
    index, match = rng.choice(places)
    text = solution.steps[index]
    expression, result, shown = match.groups()
    kind = rng.choice(["digit in both", "digit in result", "digit shown", "sign", "term"])
    if kind in ("sign", "term"):
        changed = (swap_sign if kind == "sign" else drop_term)(rng, expression)
        if changed is None or is_same_value(expression, changed):
            return None
        new = text[: match.start(1)] + changed + text[match.end(1) :]
    else:
        number = change_digit(rng, shown)
        if read_decimal(number) == read_decimal(shown):
            return None
        start, end = match.span(3)
        if kind == "digit in result":
            number, (start, end) = change_digit(rng, result), match.span(2)
        new = text[:start] + number + text[end:]
        if kind == "digit in both":
            new = new[: match.start(2)] + number.replace(",", "") + new[match.end(2) :]
    steps = [*solution.steps[:index], new, *solution.steps[index + 1 :]]
    return Planted(kind, Solution(solution.question, steps, False), index)


def read_decimal(number: str) -> float:
    return float(number.replace(",", "") or "nan")


def is_same_value(one: str, other: str) -> bool:
    """Whether the checker sees no difference between the two expressions: then nothing was planted."""
    (checked,) = check_steps("", [f"{one}={other}"])
    return checked.check.outcome is CheckOutcome.HOLDS


def plant_errors(seed: int, count: int) -> list[Planted]:
    rng = random.Random(seed)
    correct = [s for s in read_model_solutions() if s.is_correct and count_alarms([s]) == 0]
    planted: list[Planted] = []
    while len(planted) < count:
        one = plant(rng, rng.choice(correct))
        if one is not None:
            planted.append(one)
    return planted


def test_annotations_are_checked() -> None:
    found, checked = count_annotations(read_model_solutions()[::4])
    assert found > 3_000
    assert checked / found >= 0.95


def test_correct_traces_raise_few_alarms() -> None:
    correct = [solution for solution in read_model_solutions() if solution.is_correct]
    alarms = count_alarms(correct)
    assert alarms / len(correct) <= 0.003, f"{alarms} alarms on {len(correct)} correct traces"


def test_planted_errors_are_found() -> None:
    planted = plant_errors(seed=20_240, count=PLANTED_ERRORS)
    found = [first_failed_step(check_steps(p.solution.question, p.solution.steps)) == p.step for p in planted]
    assert sum(found) / PLANTED_ERRORS >= 0.97
