"""Shares, intervals, pairs and pass@k; and answers in the order in which they were asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from tracewright.distill.evaluation import (
    Answered,
    Evaluation,
    compare_paired,
    estimate_pass_at,
    evaluate_greedy,
    evaluate_sampled,
    pass_at_1_interval,
)
from tracewright.distill.evaluation_file import load_evaluation, save_evaluation
from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.sources import draw_problems
from tracewright.schemas import FinishReason, Problem

PROBLEMS = list(draw_problems(40, (1, 2), seed=5, held_out=True))


class BackwardsEngine:
    """Answers the last request first; every third with a wrong number, every seventh cut off, every tenth not."""

    name = "backwards"

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def stream(self, requests: Iterable[Request]) -> Iterator[Completion | Failure]:
        answers = {problem.question: problem.answer for problem in PROBLEMS}
        self.requests = list(requests)
        for number, request in reversed(list(enumerate(self.requests))):
            if number % 10 == 9:
                yield Failure(request.key, "lost")
                continue
            text = f"#### {answers[request.question] if number % 3 else 'nothing'}"
            reason = FinishReason.LENGTH if number % 7 == 6 else FinishReason.STOP
            yield Completion(request.key, "", text, reason, None, None, None, None, 4, number / 10)

    def close(self) -> None:
        pass


def expected(number: int) -> bool:
    return number % 3 != 0 and number % 7 != 6 and number % 10 != 9


def answered(*right: bool, level: int = 1) -> Evaluation:
    problem = PROBLEMS[0].model_copy(update={"level": level})
    return Evaluation(tuple(Answered(problem, "", one, 10, 0.5) for one in right), 2.0)


def test_answers_come_in_the_order_of_the_problems_whatever_the_engine_does_first() -> None:
    engine = BackwardsEngine()
    seen: list[int] = []
    evaluation = evaluate_greedy(engine, PROBLEMS, seen.append)
    assert [answer.problem for answer in evaluation.answers] == PROBLEMS
    assert [answer.correct for answer in evaluation.answers] == [expected(n) for n in range(40)]
    assert [answer.finished for answer in evaluation.answers] == [n % 7 != 6 and n % 10 != 9 for n in range(40)]
    assert all(request.greedy for request in engine.requests)
    assert seen == list(range(1, 41))


def test_samples_of_a_problem_stand_side_by_side_and_have_seeds_of_their_own() -> None:
    engine = BackwardsEngine()
    evaluation = evaluate_sampled(engine, PROBLEMS, samples=3)
    assert [answer.problem for answer in evaluation.answers] == [p for p in PROBLEMS for _ in range(3)]
    assert len({request.seed for request in engine.requests}) == 120
    assert not any(request.greedy for request in engine.requests)


def test_accuracy_is_counted_by_level() -> None:
    evaluation = Evaluation((*answered(True, False).answers, *answered(True, True, True, level=2).answers), 1.0)
    assert [(a.correct, a.problems) for a in (evaluation.accuracy([1]), evaluation.accuracy([2]))] == [(1, 2), (3, 3)]
    assert evaluation.accuracy().share == 0.8 and evaluation.levels == [1, 2]
    assert evaluation.of_level(2).accuracy().problems == 3


def test_latency_is_the_time_within_which_a_share_was_there() -> None:
    problem = PROBLEMS[0]
    evaluation = Evaluation(tuple(Answered(problem, "", True, 1, float(n)) for n in (5, 1, 4, 2, 3)), 5.0)
    assert [evaluation.latency(share) for share in (0.2, 0.5, 0.95, 1.0)] == [1.0, 3.0, 5.0, 5.0]
    assert (evaluation.tokens, evaluation.tokens_per_second) == (5, 1.0)


@pytest.mark.parametrize("right", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_pass_at_k_is_the_share_of_all_choices_of_k_that_hold_a_right_one(right: int, k: int) -> None:
    samples = [True] * right + [False] * (5 - right)
    choices = list(combinations(samples, k))
    assert estimate_pass_at(answered(*samples), 5, k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_the_interval_of_sampled_answers_is_over_problems() -> None:
    # Every problem is solved always or never, so that 4 samples of each say no more than one.
    once = answered(*[True] * 30, *[False] * 20)
    often = answered(*[True] * 120, *[False] * 80)
    low, high = pass_at_1_interval(often, 4)
    assert (low, high) == pytest.approx(pass_at_1_interval(once, 1), abs=0.02)
    assert high - low > 1.8 * (often.accuracy().interval[1] - often.accuracy().interval[0])


def test_a_few_problems_that_are_always_solved_do_not_prove_that_all_are() -> None:
    always, never = (answered(*[one] * 80) for one in (True, False))
    assert pass_at_1_interval(always, 8) == pytest.approx(answered(*[True] * 10).accuracy().interval)
    assert pass_at_1_interval(never, 8) == pytest.approx(answered(*[False] * 10).accuracy().interval)
    mixed = answered(*[True, False] * 40)
    assert pass_at_1_interval(mixed, 2) == pytest.approx(mixed.accuracy().interval)


def test_a_paired_difference_is_exact_about_pairs() -> None:
    ours, theirs = answered(*[True] * 60, *[False] * 40), answered(*[True] * 50, *[False] * 50)
    difference = compare_paired(ours, theirs)
    assert difference.points == pytest.approx(10.0)
    assert (difference.low, difference.high) == pytest.approx((9.80 - 6.08, 9.80 + 6.08), abs=0.01)
    same = compare_paired(ours, ours)
    assert same.points == 0.0 and (same.low, same.high) == pytest.approx((-1.92, 1.92), abs=0.01)
    assert compare_paired(theirs, ours).points == pytest.approx(-10.0)


def test_a_stored_evaluation_is_read_back_for_the_same_question_alone(tmp_path: Path) -> None:
    evaluation = evaluate_greedy(BackwardsEngine(), PROBLEMS)
    save_evaluation(tmp_path, "key", evaluation)
    read = load_evaluation(tmp_path, "key", PROBLEMS, 1)
    assert read is not None and read.answers == evaluation.answers
    assert load_evaluation(tmp_path, "other", PROBLEMS, 1) is None
    assert load_evaluation(tmp_path, "key", PROBLEMS[:-1], 1) is None
    (tmp_path / "evaluation.json").write_text("{")
    assert load_evaluation(tmp_path, "key", PROBLEMS, 1) is None


def test_a_problem_without_a_gold_answer_is_not_solved() -> None:
    open_problem = Problem.model_validate({"question": PROBLEMS[1].question, "source": "open"})
    evaluation = evaluate_greedy(BackwardsEngine(), [PROBLEMS[0], open_problem])
    assert not evaluation.answers[1].correct and evaluation.answers[1].finished
