"""The figures against scikit-learn's, and on cases that can be worked by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from tracewright.pipeline.confidence.metrics import (
    MIN_CURVE_COUNT,
    auroc,
    brier_score,
    expected_calibration_error,
    reliability_curve,
    wilson_interval,
)
from tracewright.schemas import InputError


def draw(seed, count, digits=None):
    rng = np.random.default_rng(seed)
    scores = rng.beta(5, 1, count)
    rights = rng.random(count) < scores**1.5
    return (scores if digits is None else scores.round(digits)), rights


@pytest.mark.parametrize("digits", [None, 2, 1, 0])
@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_that_of_scikit_learn_ties_included(seed, digits):
    scores, rights = draw(seed, 500, digits)
    assert auroc(scores, rights) == pytest.approx(roc_auc_score(rights, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_brier_is_that_of_scikit_learn(seed):
    scores, rights = draw(seed, 500)
    assert brier_score(scores, rights) == pytest.approx(brier_score_loss(rights, scores), abs=1e-12)


@pytest.mark.parametrize("bins", [1, 5, 10])
def test_ece_agrees_with_scikit_learns_bins_of_equal_mass(bins):
    scores, rights = draw(7, 1000)
    accuracy, confidence = calibration_curve(rights, scores, n_bins=bins, strategy="quantile")
    assert expected_calibration_error(scores, rights, bins) == pytest.approx(
        np.mean(abs(accuracy - confidence)), abs=2e-3
    )


def test_auroc_needs_both_kinds():
    assert auroc([0.1, 0.9], [True, True]) is None


def test_ece_of_one_value_is_its_distance_from_the_share():
    assert expected_calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)


def test_ece_does_not_depend_on_the_order_of_tied_rows():
    scores, rights = draw(3, 400, 1)
    order = np.random.default_rng(0).permutation(400)
    found = expected_calibration_error(scores[order], rights[order])
    assert found == pytest.approx(expected_calibration_error(scores, rights), abs=1e-12)


def test_ece_of_honest_confidence_is_small_and_of_boasting_is_not():
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    rights = rng.random(20_000) < scores
    assert expected_calibration_error(scores, rights) < 0.02
    assert expected_calibration_error(scores**0.3, rights) > 0.2


def test_every_row_is_in_one_point_of_the_curve():
    scores, rights = draw(5, 3000)
    curve = reliability_curve(scores, rights)
    assert sum(point.count for point in curve) == 3000
    assert sum(point.count * point.accuracy for point in curve) == pytest.approx(rights.sum())
    assert [point.confidence for point in curve] == sorted(point.confidence for point in curve)
    assert all(point.count >= MIN_CURVE_COUNT for point in curve)
    assert all(point.low <= point.accuracy <= point.high for point in curve)


def test_few_rows_make_one_point():
    (point,) = reliability_curve([0.2, 1.0], [False, True])
    assert (point.confidence, point.accuracy, point.count) == (0.6, 0.5, 2)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # The intervals of R's binom.confint(method = "wilson").
    [(0, 10, 0.0, 0.2775328), (10, 10, 0.7224672, 1.0), (5, 10, 0.2365931, 0.7634069), (90, 100, 0.8256343, 0.9447708)],
)
def test_wilson_intervals(hits, count, low, high):
    assert wilson_interval(hits, count) == pytest.approx((low, high), abs=1e-6)


def test_nothing_counted_says_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("scores", "rights"), [([], []), ([0.1], [True, False])])
def test_rows_that_do_not_fit_are_refused(scores, rights):
    with pytest.raises(InputError, match="one score for each row"):
        brier_score(scores, rights)
