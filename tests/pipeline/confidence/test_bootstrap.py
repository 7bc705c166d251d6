"""Intervals over problems: right on data whose answer is known, wider where steps of one problem go together."""

import numpy as np
import pytest

from tracewright.pipeline.confidence.bootstrap import (
    interval_over_problems,
    make_auroc_measure,
    make_brier_measure,
    make_difference,
    make_mean_measure,
)
from tracewright.pipeline.confidence.metrics import auroc, brier_score
from tracewright.schemas import InputError


def test_weights_of_one_give_the_plain_figures():
    rng = np.random.default_rng(0)
    rights = rng.random(500) < 0.8
    scores = np.round(rng.random(500) + rights, 1)
    ones = np.ones(500)
    assert make_auroc_measure(scores, rights)(ones) == pytest.approx(auroc(scores, rights))
    assert make_brier_measure(scores / 2, rights)(ones) == pytest.approx(brier_score(scores / 2, rights))


def test_a_row_taken_twice_counts_twice():
    rng = np.random.default_rng(1)
    rights, scores = rng.random(60) < 0.7, np.round(rng.random(60), 1)
    weights = rng.integers(0, 4, 60)
    repeated = np.repeat(np.arange(60), weights)
    expected = auroc(scores[repeated], rights[repeated])
    assert make_auroc_measure(scores, rights)(weights.astype(float)) == pytest.approx(expected)


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    rng = np.random.default_rng(2)
    values = rng.normal(5.0, 2.0, 4000)
    interval = interval_over_problems(make_mean_measure(values), np.arange(4000))
    assert interval.low < interval.value < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(4000), rel=0.1)


def test_rows_of_one_problem_are_drawn_together():
    rng = np.random.default_rng(3)
    values = np.repeat(rng.normal(0.0, 1.0, 100), 25)
    measure = make_mean_measure(values)
    together = interval_over_problems(measure, np.repeat(np.arange(100), 25))
    apart = interval_over_problems(measure, np.arange(2500))
    assert together.high - together.low > 4 * (apart.high - apart.low)


def test_a_paired_difference_is_narrower_than_its_parts():
    rng = np.random.default_rng(4)
    shared = rng.normal(0.0, 5.0, 1000)
    first = make_mean_measure(shared + 0.2 + rng.normal(0.0, 0.1, 1000))
    second = make_mean_measure(shared)
    difference = interval_over_problems(make_difference(first, second), np.arange(1000))
    assert 0.15 < difference.low < 0.2 < difference.high < 0.25


def test_resamples_without_a_wrong_step_are_left_out():
    rights = np.array([True] * 20 + [False])
    interval = interval_over_problems(make_auroc_measure(np.arange(21.0), rights), np.arange(21))
    assert (interval.value, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_nothing_to_draw_from_is_refused():
    with pytest.raises(InputError, match="got none"):
        interval_over_problems(make_mean_measure(np.empty(0)), np.empty(0, dtype=np.int64))
    measure = make_auroc_measure(np.arange(3.0), np.array([True] * 3))
    with pytest.raises(InputError, match="problems of both kinds"):
        interval_over_problems(measure, np.arange(3))
