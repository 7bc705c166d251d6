"""On-policy distillation: the student writes, and the teacher's distributions over what it wrote are its targets.

The mistakes that it learns to avoid are then its own, not those that its teacher would have made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracewright.distill.course import Course
from tracewright.distill.data import Lesson
from tracewright.distill.engine_scores import EngineScores
from tracewright.distill.learning import Learner, Taught, learn_batch
from tracewright.distill.own_texts import draw_questions, read_questions, write_texts
from tracewright.distill.stage_config import OnPolicyConfig


def make_on_policy_step(
    course: Course, learner: Learner, config: OnPolicyConfig, start: int, teacher: EngineScores
) -> Callable[[int, float], dict[str, Any]]:
    """A function (step, fraction of the training) → the parts of the loss; gradients are left in the learner.

    The student writes to `problems` questions, the teacher scores every token, and the config's output loss, reverse KL
    for one, is learnt at them. Nothing is learnt through the sampling itself.
    """
    questions = draw_questions(read_questions(course), config.problems, course.config.training.seed, start)

    def learn(step: int, fraction: float) -> dict[str, Any]:
        texts = write_texts(
            learner.student,
            course,
            next(questions),
            max_tokens=config.max_tokens,
            temperature=config.temperature,
            seed=course.config.training.seed * 1_000_003 + step,
        )
        lessons = [Lesson(text.example, text.question.prompt) for text in texts if text.completion]
        device = next(learner.parameters()).device
        taught = Taught(teacher.ask(lessons).to(device))
        parts = learn_batch(learner, lessons, course.config.losses, taught, fraction=fraction)
        return parts | {"tokens": sum(map(len, lessons))}

    return learn
