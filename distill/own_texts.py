"""What a student writes to the release's own questions, for stages that learn from it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tracewright.distill.batches import Example
from tracewright.distill.course import Course
from tracewright.distill.greedy import generate
from tracewright.schemas import InputError


@dataclass(frozen=True)
class Question:
    """A released problem with its gold answer."""

    prompt: tuple[int, ...]
    """In the student's chat template."""
    text: str
    gold: str


@dataclass(frozen=True)
class OwnText:
    """A student's answer to it; the completion ends with the end token where the student came to one."""

    question: Question
    completion: tuple[int, ...]
    finished: bool

    @property
    def example(self) -> Example:
        """As tokens to learn from."""
        return Example(self.question.prompt, self.completion)


def read_questions(course: Course) -> tuple[Question, ...]:
    """The different questions of the run's lessons that have a gold answer, in the release's order.

    Raises:
        InputError: none has.
    """
    wanted = {lesson.trace_id: lesson.example.prompt for lesson in course.data.lessons}
    found: dict[str, Question] = {}
    for row in course.release.iter_rows("train", columns=("trace_id", "messages", "gold")):
        if row["gold"] is not None and row["trace_id"] in wanted:
            text = row["messages"][0]["content"]
            found.setdefault(text, Question(wanted[row["trace_id"]], text, row["gold"]))
    if not found:
        raise InputError(
            f"{course.config.release} has no gold answers, expected some to pay the student by: use stages that learn "
            "from the teacher, or a release of problems with answers"
        )
    return tuple(found.values())


def draw_questions(questions: Sequence[Question], count: int, seed: int, start: int) -> Iterator[list[Question]]:
    """Batches without end; each step's draw depends on the seed and the step alone."""
    step = start
    while True:
        rng = random.Random(f"{seed}/{step}")  # noqa: S311 - reproducible, nothing secret
        yield rng.choices(questions, k=count)
        step += 1


def write_texts(
    model: Any, course: Course, questions: Sequence[Question], *, max_tokens: int, temperature: float, seed: int
) -> list[OwnText]:
    """The student's own texts, drawn at a temperature; the seed decides them."""
    torch.manual_seed(seed)
    prompts = [question.prompt for question in questions]
    end = course.teacher.tokenizer.eos_token_id
    model.eval()
    texts = generate(model, course.teacher.tokenizer, prompts, max_tokens, temperature=temperature)
    model.train()
    return [
        OwnText(question, tuple(tokens), bool(tokens) and tokens[-1] == end)
        for question, tokens in zip(questions, texts, strict=True)
    ]
