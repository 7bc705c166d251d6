"""How far the confidence of a release's steps can be trusted: measured, or the reason why it can't be."""

from __future__ import annotations

from pathlib import Path

from tracewright.pipeline.confidence import NotEnoughData, calibration_figures, load_calibration
from tracewright.pipeline.release.tally import Tally
from tracewright.schemas.errors import MissingInputError
from tracewright.schemas.release import CalibrationFigures, TeacherShare

FOLDER = "calibration"
"""Of the store."""
_UNKNOWN_VERSION = "unknown"


def measure_calibration(tally: Tally) -> tuple[CalibrationFigures | None, str | None]:
    """The figures over the checked steps of the released teachers' traces in the store, released or not.

    Over all of them, since a release of right traces holds no wrong steps to tell right ones from.

    Returns:
        The figures, or None and why there are none.
    """
    if tally.steps_with_confidence == 0:
        return None, "no step of this release has a confidence"
    confidences, rights = tally.checked_steps(tally.fingerprints)
    version = ", ".join(sorted(tally.calibration_versions)) or _UNKNOWN_VERSION
    figures = calibration_figures(confidences.tolist(), rights.tolist(), version)
    return (None, figures.reason) if isinstance(figures, NotEnoughData) else (figures, None)


def share_with_figures(tally: Tally, store: Path) -> tuple[TeacherShare, ...]:
    """The teachers' shares, each with the figures that its calibration was given when it was fitted."""
    return tuple(
        share.model_copy(update={"calibration": _find_figures(share.teacher.family, tally, store)})
        for share in tally.teacher_shares()
    )


def _find_figures(family: str, tally: Tally, store: Path) -> CalibrationFigures | None:
    for version in sorted(tally.calibration_versions):
        try:
            fitted = load_calibration(store / FOLDER / f"{family}-{version}.json")
        except MissingInputError:
            continue
        return CalibrationFigures(
            version=version,
            steps=fitted.steps,
            wrong_share=fitted.wrong / fitted.steps if fitted.steps else 0.0,
            **fitted.figures.model_dump(),
        )
    return None
