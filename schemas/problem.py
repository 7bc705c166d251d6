"""A question with its gold answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import model_validator

from tracewright.schemas.base import Frozen, Integer
from tracewright.schemas.ids import make_id


class AnswerKind(StrEnum):
    """How an answer is compared with the gold one."""

    MATH = "math"
    CHOICE = "choice"
    TEXT = "text"
    CODE = "code"


class Image(Frozen):
    """A picture that belongs to a question, at the place where it stands in the question's order."""

    media_type: str
    """An IANA media type, such as `image/png`."""
    data: bytes


class CodeTest(Frozen):
    """One test of a program: run `program` after the candidate's code; it passes when it exits with 0."""

    program: str
    stdin: str = ""


class Problem(Frozen):
    """A question, its gold answer and where it comes from."""

    id: str
    """The id its source gave, or a hash of its content."""
    question: str
    answer: str | None = None
    """The gold answer, bare; None where there is none."""
    answer_kind: AnswerKind = AnswerKind.MATH
    accepted_answers: tuple[str, ...] = ()
    """Further answers that count as correct."""
    choices: tuple[str, ...] = ()
    """The options of a multiple-choice question in order: the first is A."""
    images: tuple[Image, ...] = ()
    tests: tuple[CodeTest, ...] = ()
    domain: str | None = None
    level: Integer | None = None
    """How hard by construction: operators of an arithmetic problem, level of a contest."""
    source: str
    revision: str | None = None
    license: str | None = None
    """An SPDX identifier."""

    @model_validator(mode="before")
    @classmethod
    def _derive_id(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("id") is None and isinstance(data.get("question"), str):
            return {**data, "id": make_id("problem", data["question"], data.get("answer"))}
        return data

    @model_validator(mode="after")
    def _check_question(self) -> Self:
        if not self.question.strip():
            raise ValueError("a problem needs a question: `question` is empty")
        return self

    @property
    def content_id(self) -> str:
        """A hash of what is asked and what counts as right, whatever the problem is called."""
        return make_id(
            "problem",
            self.question,
            self.answer,
            self.answer_kind,
            self.accepted_answers,
            self.choices,
            [image.data.hex() for image in self.images],
            [[test.program, test.stdin] for test in self.tests],
        )
