"""Splits go by clusters of problems, whole, and the held-out tenth is always in `test`."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tracewright.pipeline.release.splits import normalise, plan_splits
from tracewright.schemas import is_held_out
from tracewright.schemas.ids import HELD_OUT_SHARE

QUESTIONS = [f"{number}+1" for number in range(4_000)]


def by_last_digit(questions: Sequence[str]) -> list[int]:
    """Ten clusters for each thousand questions."""
    return [int(question.split("+")[0]) // 10 for question in questions]


def in_test(plan: dict[str, str]) -> set[str]:
    return {question for question, split in plan.items() if split == "test"}


@pytest.mark.parametrize("test_share", [0.0, HELD_OUT_SHARE, 0.3, 1.0])
def test_the_test_split_has_its_share_and_all_held_out(test_share: float) -> None:
    chosen = in_test(plan_splits(QUESTIONS, test_share=test_share, seed=1))
    assert {question for question in QUESTIONS if is_held_out(question)} <= chosen
    assert abs(len(chosen) / len(QUESTIONS) - max(test_share, HELD_OUT_SHARE)) < 0.02


def test_white_space_does_not_change_a_split() -> None:
    spaced = [f" What  is\n{number} + 1 ? " for number in range(200)]
    plain = plan_splits([f"What is {number} + 1 ?" for number in range(200)], test_share=0.5, seed=1)
    assert plan_splits(spaced, test_share=0.5, seed=1) == plain
    assert {normalise(question) for question in spaced} == plain.keys()


def test_a_cluster_is_in_one_split_and_with_a_held_out_member_in_test() -> None:
    plan = plan_splits(QUESTIONS, test_share=0.5, seed=1, cluster=by_last_digit)
    for start in range(0, len(QUESTIONS), 10):
        together = QUESTIONS[start : start + 10]
        assert len({plan[question] for question in together}) == 1
        if any(map(is_held_out, together)):
            assert plan[together[0]] == "test"
    assert 0 < len(in_test(plan)) < len(QUESTIONS)


def test_the_order_of_the_questions_does_not_matter() -> None:
    shuffled = random.Random(0).sample(QUESTIONS, len(QUESTIONS))
    plans = [plan_splits(order, test_share=0.4, seed=2, cluster=by_last_digit) for order in (QUESTIONS, shuffled)]
    assert plans[0] == plans[1]
