"""The embedded teacher's model card."""

from __future__ import annotations

from pathlib import Path

from tracewright.distill.arithmetic_model import VOCABULARY
from tracewright.distill.evaluation import Evaluation
from tracewright.distill.teacher import TeacherTraining
from tracewright.pipeline.confidence import Calibration, NotEnoughData
from tracewright.pipeline.engines.checkpoint import count_parameters
from tracewright.schemas.base import Frozen

_NOTE = "training.json"

_CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [arithmetic, reasoning, tracewright]
---
# tracewright/arithmetic-teacher

A Llama of {parameters:,} parameters with a vocabulary of {vocabulary} tokens that works arithmetic step by step
(+, −, ×, parentheses, 1 to 5 operators, values within ±999). It ships with tracewright so that the whole line, from
problems to a student, runs without a model hub. It knows nothing else.

| operators | held-out problems | solved, greedy | 95 % interval |
|---|---|---|---|
{rows}

It was meant to be honestly worse on 4 and 5 operators: its mistakes are what scoring, checking and curation are for.

- **Trained** by `tracewright teacher train`: {steps:,} steps of {batch} worked solutions that the same repository
  writes, {minutes:.0f} minutes on a CPU, seed {seed}. Nothing else was used; no problem of the held-out tenth
  (by a hash of the question) was ever trained on.
- **Prompt**: the expression alone, in the chat template; × and − are read as * and -.
- **Confidence of its steps**: {calibration}
- **Licence**: Apache-2.0. **Limits**: other numbers, words or layouts than those above give nonsense.
"""


class TrainingNote(Frozen):
    """How a teacher was trained, kept beside its weights."""

    config: TeacherTraining
    seconds: float


def write_training_note(out: Path, config: TeacherTraining, seconds: float) -> None:
    """Keep the settings and the time that the training took."""
    note = TrainingNote(config=config, seconds=round(seconds, 1))
    (out / _NOTE).write_text(note.model_dump_json(indent=1) + "\n")


def write_teacher_card(out: Path, evaluation: Evaluation, calibration: Calibration | NotEnoughData) -> None:
    """Write README.md beside the checkpoint; every figure in it was just measured.

    Raises:
        FileNotFoundError: the folder has no note of how the teacher was trained.
    """
    note = TrainingNote.model_validate_json((out / _NOTE).read_bytes())
    rows: list[str] = []
    for level in evaluation.levels:
        accuracy = evaluation.accuracy([level])
        low, high = accuracy.interval
        rows.append(f"| {level} | {accuracy.problems:,} | {accuracy.share:.1%} | {low:.1%} to {high:.1%} |")
    text = _CARD.format(
        parameters=count_parameters(out),
        vocabulary=len(VOCABULARY),
        rows="\n".join(rows),
        steps=note.config.steps,
        batch=note.config.batch_size,
        minutes=note.seconds / 60,
        seed=note.config.seed,
        calibration=_describe(calibration),
    )
    (out / "README.md").write_text(text)


def _describe(calibration: Calibration | NotEnoughData) -> str:
    if isinstance(calibration, NotEnoughData):
        return f"not calibrated: {calibration.reason}."
    figures = calibration.figures
    return (
        f"calibrated on {calibration.steps:,} checked steps at temperature 1, cross-validated by problem: "
        f"AUROC {figures.auroc:.3f}, ECE {figures.ece:.4f}, Brier {figures.brier:.4f}."
    )
