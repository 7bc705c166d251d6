"""The calibration that ships with the embedded teacher: whole, of the installed checks, and as its card says."""

from tracewright.pipeline.confidence import Calibration, load_calibration
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.steps import CHECKER_VERSION


def load_shipped() -> Calibration:
    (path,) = (embedded.checkpoint_path() / "calibration").glob("*.json")
    return load_calibration(path)


def test_it_was_fitted_on_the_installed_checkers_checks():
    assert load_shipped().checker_version == CHECKER_VERSION, "run `tracewright teacher measure` again"


def test_it_is_honest_and_better_than_single_signals():
    shipped = load_shipped()
    assert shipped.figures.auroc >= 0.9 and shipped.figures.ece <= 0.03
    for single in shipped.baselines.values():
        assert shipped.figures.auroc > single.auroc and shipped.figures.brier < single.brier
    assert shipped.with_top and not shipped.with_rollouts


def test_its_card_has_its_figures():
    shipped, card = load_shipped(), (embedded.checkpoint_path() / "README.md").read_text()
    assert f"calibrated on {shipped.steps:,} checked steps" in card
    assert f"AUROC {shipped.figures.auroc:.3f}, ECE {shipped.figures.ece:.4f}" in card
