"""The embedded teacher's model card."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open

from tracewright.distill.evaluation import Evaluation
from tracewright.distill.teacher import TeacherTraining
from tracewright.pipeline.confidence import Calibration, NotEnoughData

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


def write_teacher_card(
    out: Path, config: TeacherTraining, evaluation: Evaluation, calibration: Calibration | NotEnoughData, seconds: float
) -> None:
    """Write README.md beside the checkpoint; every figure in it was just measured."""
    rows: list[str] = []
    for level in evaluation.levels:
        accuracy = evaluation.accuracy([level])
        low, high = accuracy.interval
        rows.append(f"| {level} | {accuracy.problems:,} | {accuracy.share:.1%} | {low:.1%} to {high:.1%} |")
    parameters, vocabulary = _count_parameters(out / "model.safetensors")
    text = _CARD.format(
        parameters=parameters,
        vocabulary=vocabulary,
        rows="\n".join(rows),
        steps=config.steps,
        batch=config.batch_size,
        minutes=seconds / 60,
        seed=config.seed,
        calibration=_describe(calibration),
    )
    (out / "README.md").write_text(text)


def _count_parameters(weights: Path) -> tuple[int, int]:
    with safe_open(weights, "numpy") as tensors:
        shapes = {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    total = 0
    for shape in shapes.values():
        size = 1
        for dimension in shape:
            size *= dimension
        total += size
    return total, shapes["model.embed_tokens.weight"][0]


def _describe(calibration: Calibration | NotEnoughData) -> str:
    if isinstance(calibration, NotEnoughData):
        return f"not calibrated: {calibration.reason}."
    figures = calibration.figures
    return (
        f"calibrated on {calibration.steps:,} checked steps at temperature 1, cross-validated by problem: "
        f"AUROC {figures.auroc:.3f}, ECE {figures.ece:.4f}, Brier {figures.brier:.4f}."
    )
