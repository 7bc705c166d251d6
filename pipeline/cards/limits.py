"""What a release does not show, derived from its own figures: each sentence stands where its figures say so."""

from __future__ import annotations

from collections.abc import Callable

from tracewright.schemas.release import UNKNOWN, ReleaseManifest
from tracewright.schemas.teacher import TeacherRef
from tracewright.schemas.verdict import CheckOutcome, Outcome

HUMAN = "human"
"""What importers call people."""
GOOD_AUROC = 0.8
"""Below, confidence ranks too poorly to choose by."""
GOOD_ECE = 0.05
"""Above, a confidence of 0.9 does not mean right nine times in ten."""
SMALL_TEST_ROWS = 200
"""Fewer leave an accuracy uncertain by more than 4 points."""


def find_limits(manifest: ReleaseManifest) -> list[str]:
    """The sentences, in a fixed order; none of them holds text from outside."""
    return [sentence for rule in _RULES for sentence in rule(manifest)]


def share(part: int, whole: int) -> str:
    """A part as a percentage with one decimal; only none and all are 0.0 % and 100.0 %."""
    text = f"{100 * part / whole:.1f}" if whole else "0.0"
    if text == "100.0" and part < whole:
        return ">99.9 %"
    return "<0.1 %" if text == "0.0" and part else f"{text} %"


def is_on_record(teacher: TeacherRef) -> bool:
    """Whether it is known how the teacher was prompted and sampled; of imported traces it is not."""
    return teacher.template_hash != UNKNOWN


def is_human(teacher: TeacherRef) -> bool:
    """Whether people wrote the traces."""
    return teacher.model == HUMAN


def _answers(manifest: ReleaseManifest) -> list[str]:
    found: list[str] = []
    wrong = manifest.outcomes.get(Outcome.INCORRECT, 0)
    unknown = sum(manifest.outcomes.get(outcome, 0) for outcome in (Outcome.UNVERIFIABLE, Outcome.ERROR))
    if wrong:
        found.append(f"{wrong:,} traces ({share(wrong, manifest.rows)}) end in a wrong answer: filter by `outcome`.")
    if unknown:
        found.append(
            f"The answers of {unknown:,} traces ({share(unknown, manifest.rows)}) could not be checked; they may be "
            "right or wrong."
        )
    if manifest.outcomes.get(Outcome.CORRECT):
        found.append("A correct answer does not prove the way to it: two mistakes can cancel.")
    return found


def _steps(manifest: ReleaseManifest) -> list[str]:
    steps = sum(manifest.checks.values())
    unchecked = manifest.checks.get(CheckOutcome.UNCHECKED, 0)
    found: list[str] = []
    if manifest.rows_with_failed_step:
        traces = manifest.rows_with_failed_step
        found.append(f"{traces:,} traces ({share(traces, manifest.rows)}) hold a step that fails its check.")
    if unchecked:
        found.append(f"{unchecked:,} steps ({share(unchecked, steps)}) make no claim that could be checked.")
    return found


def _confidence(manifest: ReleaseManifest) -> list[str]:
    steps = sum(manifest.checks.values())
    without = steps - manifest.steps_with_confidence
    found: list[str] = []
    if without == steps:
        found.append("No step has a confidence.")
    elif without:
        found.append(f"{without:,} steps ({share(without, steps)}) have no confidence.")
    figures = manifest.calibration
    if figures is not None and figures.auroc < GOOD_AUROC:
        found.append(f"Confidence tells right from wrong steps poorly (AUROC {figures.auroc:.3f}).")
    if figures is not None and figures.ece > GOOD_ECE:
        found.append(
            f"Confidence is off by {figures.ece:.3f} on average (ECE): read it as a rank, not as a probability."
        )
    if figures is not None:
        found.append(
            "The calibration figures over the store include steps that the calibration may have been fitted on; where "
            "a teacher has cross-validated figures, trust those."
        )
    return found


def _breadth(manifest: ReleaseManifest) -> list[str]:
    found: list[str] = []
    if len(manifest.teachers) == 1 and not is_human(manifest.teachers[0].teacher):
        found.append("All traces come from one teacher and share its habits and its mistakes.")
    if manifest.domains.keys() == {UNKNOWN}:
        found.append("The domains of its problems are not on record.")
    elif len(manifest.domains) == 1:
        found.append("All problems come from one domain; nothing is known of others.")
    if len(manifest.sources) == 1:
        found.append("All problems come from one source, those of the test split too: it measures that source alone.")
    return found


def _splits(manifest: ReleaseManifest) -> list[str]:
    test = manifest.splits.get("test", 0)
    found: list[str] = []
    if not test:
        found.append("There is no test split: no problem of this release belongs to the held-out tenth.")
    elif test < SMALL_TEST_ROWS:
        found.append(f"The test split has {test:,} traces: too few to measure small differences.")
    if not manifest.splits.get("train"):
        found.append("There is no train split: every problem of this release belongs to the held-out tenth.")
    return found


def _curation(manifest: ReleaseManifest) -> list[str]:
    stages = {count.stage for count in manifest.funnel}
    found: list[str] = []
    if not any("duplicates" in stage for stage in stages):
        found.append("No stage removed duplicates.")
    elif not any("near_duplicates" in stage for stage in stages):
        found.append("Only exact duplicates were removed; problems and texts that say nearly the same may remain.")
    if not any("decontaminat" in stage for stage in stages):
        found.append(
            "It was not compared with public benchmarks: do not report results on a benchmark without doing so."
        )
    else:
        found.append(
            "It was compared only with the benchmarks that the curation names, and by runs of the same words: problems "
            "that were reworded or translated are not found so."
        )
    if manifest.review_watermark == 0:
        found.append("No person has reviewed its traces.")
    return found


def _origin(manifest: ReleaseManifest) -> list[str]:
    found: list[str] = []
    people = sum(share.traces for share in manifest.teachers if is_human(share.teacher))
    unknown = sum(share.traces for share in manifest.teachers if not is_on_record(share.teacher)) - people
    if people:
        found.append(
            f"{people:,} traces were written by people; who they are and what they were told is not on record. Where a "
            "source takes the gold answer from the same solution, as GSM8K does, their agreement says nothing."
        )
    if unknown:
        found.append(f"How the teachers of {unknown:,} traces were prompted and sampled is not on record.")
    unlicensed = manifest.licenses.get(UNKNOWN, 0)
    if unlicensed:
        found.append(
            f"{unlicensed:,} traces ({share(unlicensed, manifest.rows)}) come from problems without a known licence."
        )
    found.extend(
        f"{rows:,} traces lack {what}, which this format can't hold." for what, rows in manifest.not_carried.items()
    )
    return found


_RULES: tuple[Callable[[ReleaseManifest], list[str]], ...] = (
    _answers,
    _steps,
    _confidence,
    _breadth,
    _splits,
    _curation,
    _origin,
)
