"""Fitting, predicting and refusing, on traces with planted errors."""

import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tracewright.pipeline.confidence import (
    Calibration,
    NotEnoughData,
    TraceSample,
    calibration_figures,
    fit,
    sample_trace,
)
from tracewright.pipeline.confidence.metrics import auroc, expected_calibration_error
from tracewright.pipeline.confidence.model import fit_hinge_model
from tracewright.pipeline.confidence.samples import FOLDS, MIN_STEPS, build_table
from tracewright.schemas import Signals

NOW = datetime(2025, 1, 1, tzinfo=UTC)
FAMILY = "f" * 24


@pytest.fixture(scope="module")
def samples(plant_traces) -> list[TraceSample]:
    return [sample_trace(trace) for trace in plant_traces(problems=500, samples=2, seed=1)]


@pytest.fixture(scope="module")
def calibration(samples) -> Calibration:
    calibration = fit(samples, FAMILY, NOW)
    assert isinstance(calibration, Calibration)
    return calibration


def with_top(sample: TraceSample, rng: random.Random) -> TraceSample:
    """The same sample with what a top-k would give: noise that follows the logprobs."""

    def add(signals: Signals | None) -> Signals | None:
        if signals is None:
            return None
        noise = -signals.mean_logprob * rng.uniform(0.5, 2)
        return signals.model_copy(update={"entropy": noise, "self_certainty": 9 - noise, "margin": 5 - noise})

    return replace(sample, signals=tuple(map(add, sample.signals)))


def predict_known(calibration: Calibration, samples: list[TraceSample]) -> tuple[list[float], list[bool]]:
    pairs = [
        (value, right)
        for sample in samples
        for value, right in zip(calibration.predict(sample.signals, sample.chars), sample.rights, strict=True)
        if value is not None and right is not None
    ]
    return [value for value, _ in pairs], [right for _, right in pairs]


def test_confidence_is_honest_and_ranks_on_problems_never_seen(calibration, plant_traces):
    fresh = [sample_trace(trace) for trace in plant_traces(problems=600, samples=1, seed=2)]
    values, rights = predict_known(calibration, fresh)
    assert expected_calibration_error(values, rights) < 0.03
    assert (auroc(values, rights) or 0.0) == pytest.approx(calibration.figures.auroc, abs=0.02)
    assert (auroc(values, rights) or 0.0) > 0.95
    assert all(0.0 < value < 1.0 for value in values)


def test_counts_are_those_of_the_samples(calibration, samples):
    known = [right for sample in samples for right in sample.rights if right is not None]
    assert (calibration.steps, calibration.wrong) == (len(known), known.count(False))
    assert calibration.traces == len(samples)
    assert calibration.problems == len({sample.problem_id for sample in samples})
    assert sum(point.count for point in calibration.curve) == calibration.steps


def test_it_ranks_no_worse_than_single_signals(calibration):
    assert set(calibration.baselines) == {"mean_logprob", "lowest_window"}
    for figures in calibration.baselines.values():
        assert calibration.figures.auroc >= figures.auroc - 0.005
        assert calibration.figures.brier <= figures.brier + 0.002


def test_no_problem_is_in_two_folds_and_every_fold_has_wrong_steps(samples):
    table = build_table(samples)
    assert not isinstance(table, NotEnoughData)
    for problem in np.unique(table.problems):
        assert len(set(table.folds[table.problems == problem])) == 1
    wrong_by_fold = np.bincount(table.folds[~table.rights], minlength=FOLDS)
    assert len(wrong_by_fold) == FOLDS and wrong_by_fold.min() > 0


def test_noise_gets_a_confidence_that_says_nothing(samples):
    rng = random.Random(4)
    shuffled = [replace(sample, rights=tuple(rng.random() < 0.8 for _ in sample.rights)) for sample in samples]
    calibration = fit(shuffled, FAMILY, NOW)
    assert isinstance(calibration, Calibration)
    assert calibration.figures.auroc == pytest.approx(0.5, abs=0.06)
    values, _ = predict_known(calibration, shuffled)
    assert np.quantile(values, [0.05, 0.95]) == pytest.approx([0.8, 0.8], abs=0.1)


def test_the_same_samples_give_the_same_version_in_any_order_and_at_any_time(calibration, samples):
    again = fit(samples, FAMILY, datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(again, Calibration)
    assert again.version == calibration.version
    turned = fit(samples[::-1], FAMILY, NOW)
    assert isinstance(turned, Calibration)
    signals, chars = samples[0].signals, samples[0].chars
    assert turned.predict(signals, chars) == pytest.approx(calibration.predict(signals, chars), abs=1e-4)


def test_other_samples_give_another_version(calibration, samples):
    other = fit(samples[: len(samples) // 2], FAMILY, NOW)
    assert isinstance(other, Calibration)
    assert other.version != calibration.version


def test_another_teacher_is_refused_with_a_reason(calibration):
    assert calibration.applies_to(FAMILY)
    assert not calibration.applies_to("another")
    assert calibration.why_not("another") == (
        f"calibration {calibration.version} was fitted on teacher {FAMILY}, not on another"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [({"features": ("tokens",)}, "other features"), ({"window_tokens": 99}, "other windows")],
)
def test_a_calibration_of_other_signals_is_refused(calibration, change, words):
    stale = calibration.model_copy(update=change)
    assert words in (stale.why_not(FAMILY) or "")


def test_a_step_without_signals_has_no_confidence(calibration, samples):
    sample = next(sample for sample in samples if len(sample.signals) >= 3)
    signals = (sample.signals[0], None, *sample.signals[2:])
    values = calibration.predict(signals, sample.chars)
    assert [value is None for value in values] == [step is None for step in signals]
    assert calibration.predict([None], [3]) == [None]
    assert calibration.predict([], []) == []


def test_what_a_top_k_gives_is_used_where_every_step_has_it(samples):
    rng = random.Random(6)
    rich = [with_top(sample, rng) for sample in samples]
    calibration = fit(rich, FAMILY, NOW)
    assert isinstance(calibration, Calibration)
    assert "entropy" in calibration.features
    assert None not in calibration.predict(rich[0].signals, rich[0].chars)
    assert set(calibration.predict(samples[0].signals, samples[0].chars)) == {None}
    mixed = fit([*rich[:-1], samples[-1]], FAMILY, NOW)
    assert isinstance(mixed, Calibration)
    assert "entropy" not in mixed.features


def test_too_few_steps_give_a_reason(samples):
    lack = fit(samples[:5], FAMILY, NOW)
    assert isinstance(lack, NotEnoughData)
    assert lack.reason == f"{lack.steps} steps of known truth, {MIN_STEPS} are needed"


def test_no_samples_give_a_reason():
    assert fit([], FAMILY, NOW) == NotEnoughData(f"0 steps of known truth, {MIN_STEPS} are needed", 0, 0, 0)


def test_too_few_wrong_steps_give_a_reason(samples):
    flawless = [sample for sample in samples if all(sample.rights)]
    lack = fit(flawless, FAMILY, NOW)
    assert isinstance(lack, NotEnoughData)
    assert lack.reason == f"{lack.steps} right and 0 wrong steps of known truth, 25 of each are needed"


def test_wrong_steps_of_one_problem_are_not_enough(samples):
    flawless = [sample for sample in samples if all(sample.rights)]
    flawed = next(sample for sample in samples if not all(sample.rights))
    lack = fit([*flawless, *([flawed] * 40)], FAMILY, NOW)
    assert isinstance(lack, NotEnoughData)
    assert lack.reason == "the wrong steps come from 1 problems, 10 are needed"


def test_unchecked_steps_are_not_fitted_on(samples):
    blind = [replace(sample, rights=(None,) * len(sample.rights)) for sample in samples]
    lack = fit(blind, FAMILY, NOW)
    assert isinstance(lack, NotEnoughData) and lack.steps == 0


def test_figures_count_only_steps_of_known_truth_and_confidence():
    rng = np.random.default_rng(0)
    values = rng.random(1000)
    rights = (rng.random(1000) < values).tolist()
    figures = calibration_figures([*values, None, 0.5], [*rights, True, None], "v")
    assert not isinstance(figures, NotEnoughData)
    assert (figures.steps, figures.version) == (1000, "v")
    assert figures.wrong_share == pytest.approx(1 - np.mean(rights))
    assert figures.auroc == pytest.approx(auroc(values, rights))
    assert figures.ece < 0.05


def test_figures_of_right_steps_alone_are_refused():
    lack = calibration_figures([0.9] * 500, [True] * 500, "v")
    assert isinstance(lack, NotEnoughData)
    assert "500 right and 0 wrong" in lack.reason


def test_the_plain_numbers_are_scikit_learns_model():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(2000, 3))
    rights = rng.random(2000) < 1 / (1 + np.exp(-features[:, 0] + 0.5 * features[:, 1]))
    model = fit_hinge_model(features, rights)
    terms = np.clip(features, model.lows, model.highs)
    bends = [np.maximum(terms[:, i] - knot, 0) for i, row in enumerate(model.knots) for knot in row]
    terms = np.column_stack([terms, *bends])
    scaled = (terms - terms.mean(axis=0)) / terms.std(axis=0)
    reference = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(scaled, rights)
    assert model.logits(features) == pytest.approx(reference.decision_function(scaled), abs=1e-3)


def test_predicting_does_not_import_scikit_learn(calibration, tmp_path):
    (tmp_path / "calibration.json").write_text(calibration.model_dump_json(), encoding="utf-8")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tracewright.pipeline.confidence import load_calibration, step_signals\n"
        "from tracewright.schemas import Span\n"
        f"calibration = load_calibration(Path({str(tmp_path / 'calibration.json')!r}))\n"
        "signals = step_signals([-0.1, -0.2], [Span(start=0, end=2)])\n"
        "assert calibration.predict(signals, [2])[0] is not None\n"
        "assert 'sklearn' not in sys.modules and 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
