"""Teacher, control, student and int8 student on the same problems: what each step of the line cost and brought."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracewright.distill.cards import describe_difference
from tracewright.distill.evaluation import Answered, Evaluation, PairedDifference, compare_paired
from tracewright.distill.loss_curve import LossRecord, read_losses
from tracewright.distill.manifest import TrainingManifest
from tracewright.distill.quantization_report import QuantizationReport
from tracewright.distill.sizes import measure_tensors
from tracewright.schemas import InputError, Problem

TEACHER, CONTROL, STUDENT, QUANTIZED = "teacher", "control", "student", "student, int8"


@dataclass(frozen=True)
class Contender:
    """One model of the comparison."""

    name: str
    checkpoint: Path
    parameters: int
    tensor_bytes: int
    evaluation: Evaluation
    losses: tuple[LossRecord, ...] = ()
    """Its training's loss curve; empty where it was not trained here."""


def make_contender(name: str, checkpoint: Path, evaluation: Evaluation) -> Contender:
    """A model with what its folder says of it."""
    sizes = measure_tensors(checkpoint)
    return Contender(name, checkpoint, sizes.parameters, sizes.bytes, evaluation, read_losses(checkpoint))


@dataclass(frozen=True)
class DemoStudents:
    """What the end of the line gave: four models and the papers of the two that were made here."""

    teacher: Contender
    control: Contender
    student: Contender
    quantized: Contender
    student_manifest: TrainingManifest
    control_manifest: TrainingManifest
    quantization: QuantizationReport
    seconds: dict[str, float]
    """Wall time by stage: distill, quantize, evaluate."""

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """In the order of the table."""
        return self.teacher, self.control, self.student, self.quantized

    @property
    def size_ratio(self) -> float:
        """Bytes of the int8 student's tensors, as a share of the student's in float32."""
        return self.quantization.size_ratio

    @property
    def output_loss_gain(self) -> PairedDifference:
        """What the output loss brought: student minus control."""
        return compare_paired(self.student.evaluation, self.control.evaluation)

    @property
    def quantization_change(self) -> PairedDifference:
        """What quantizing changed: int8 student minus student."""
        return compare_paired(self.quantized.evaluation, self.student.evaluation)

    @property
    def conclusion(self) -> str:
        """What the table says, in two sentences."""
        problems = len(self.student.evaluation.answers)
        gain = self.output_loss_gain
        clear = "" if gain.low > 0 or gain.high < 0 else f", which {problems:,} problems can't tell from nothing"
        return (
            f"Learning the teacher's distributions beside its text brought {describe_difference(gain)} over the same "
            f"student on the text alone, one seed{clear}. Int8 changed {describe_difference(self.quantization_change)} "
            f"at {100 * self.size_ratio:.1f} % of the size."
        )

    def side_by_side(self) -> tuple[Problem, dict[str, Answered]]:
        """The first hard problem that not all models solve, or the first of the hardest, with each model's answer.

        Raises:
            InputError: no problem was asked.
        """
        rows = list(zip(*(contender.evaluation.answers for contender in self.contenders), strict=True))
        if not rows:
            raise InputError("the models were asked no problem, expected at least one: give `problems`")
        hardest = max(row[0].problem.level or 0 for row in rows)
        hard = [row for row in rows if (row[0].problem.level or 0) == hardest]
        chosen = next((row for row in hard if len({answer.correct for answer in row}) > 1), hard[0])
        names = (contender.name for contender in self.contenders)
        return chosen[0].problem, dict(zip(names, chosen, strict=True))


def select_answers(evaluation: Evaluation, problems: list[Problem]) -> Evaluation:
    """An evaluation of these problems alone, in their order; its seconds are shared out by tokens.

    Raises:
        InputError: one of them was not asked.
    """
    answers = {answer.problem.content_id: answer for answer in evaluation.answers}
    missing = [problem for problem in problems if problem.content_id not in answers]
    if missing:
        raise InputError(
            f"the teacher was not asked {len(missing)} of the {len(problems)} problems ({missing[0].question!r} for "
            "one), expected its answers to all of them: evaluate the teacher on the same problems"
        )
    chosen = tuple(answers[problem.content_id] for problem in problems)
    tokens = sum(answer.tokens for answer in chosen)
    return Evaluation(chosen, evaluation.seconds * tokens / max(1, evaluation.tokens))
