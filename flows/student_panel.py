"""The comparison of teacher and students, in the report's words."""

from __future__ import annotations

from tracewright.distill.comparison import Contender, DemoStudents
from tracewright.distill.evaluation import Answered, Evaluation
from tracewright.distill.manifest import TrainingManifest
from tracewright.pipeline.report import (
    LevelShare,
    LossCurve,
    LossPoint,
    ModelFigures,
    SideBySide,
    SolvedBy,
    StudentPanel,
)
from tracewright.pipeline.report.wording import format_share
from tracewright.pipeline.verify import extract_answer


def make_student_panel(students: DemoStudents) -> StudentPanel:
    """Accuracy, sizes and speed of all four models, the loss curves, one problem solved by each, and what it says."""
    notes = describe_origins(students)
    return StudentPanel(
        models=tuple(make_figures(one, note) for one, note in zip(students.contenders, notes, strict=True)),
        losses=tuple(curve for one in (students.student, students.control) for curve in list_curves(one)),
        side_by_side=solve_side_by_side(students),
        conclusion=students.conclusion,
    )


def describe_origins(students: DemoStudents) -> tuple[str, str, str, str]:
    """What each model was made from, in the order of the table."""
    return (
        "ships with tracewright",
        f"{_share(students.control_manifest)} of the teacher's parameters; learnt the text alone",
        f"{_share(students.student_manifest)} of the teacher's parameters; learnt the text and the teacher's "
        f"distributions at temperature {students.student_manifest.losses.output.temperature:g}",
        f"the student with weights and activations in int8: {format_share(students.size_ratio)} of its bytes",
    )


def _share(manifest: TrainingManifest) -> str:
    return format_share(manifest.parameters / manifest.teacher_parameters)


def make_figures(contender: Contender, note: str) -> ModelFigures:
    """One row of the table of models."""
    return ModelFigures(
        name=contender.name,
        parameters=contender.parameters,
        tensor_bytes=contender.tensor_bytes,
        tokens_per_second=contender.evaluation.tokens_per_second,
        accuracy=level_shares(contender.evaluation),
        note=note,
    )


def level_shares(evaluation: Evaluation) -> tuple[LevelShare, ...]:
    """Accuracy by level, as the report has it."""
    return tuple(
        LevelShare(level, (found := evaluation.accuracy([level])).correct, found.problems)
        for level in evaluation.levels
    )


def list_curves(contender: Contender) -> tuple[LossCurve, ...]:
    """A curve for each part of the loss of one training."""
    parts = sorted({name for record in contender.losses for name in record.losses}, reverse=True)
    return tuple(
        LossCurve(
            f"{contender.name}, {part}",
            tuple(LossPoint(record.step, record.losses[part]) for record in contender.losses),
        )
        for part in parts
    )


def solve_side_by_side(students: DemoStudents) -> SideBySide:
    """One problem and what each model wrote."""
    problem, answers = students.side_by_side()
    solutions = tuple(_show_solution(name, answered) for name, answered in answers.items())
    return SideBySide(problem.question, problem.answer or "none", solutions)


def _show_solution(model: str, answered: Answered) -> SolvedBy:
    found = extract_answer(answered.text, answered.problem.answer_kind)
    return SolvedBy(model, answered.text, found.text if found else None, answered.correct)
