"""A row's columns to a problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tracewright.pipeline.config import ColumnsConfig, ProblemsConfig
from tracewright.pipeline.sources.gsm8k import HUMAN_MARK, final_answer
from tracewright.pipeline.sources.problem_parts import read_choices, read_images, read_tests
from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    build_problem,
    require_text,
    show_value,
    take_answer,
    take_text,
    take_texts,
)
from tracewright.schemas import AnswerKind, Problem

_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "prompt"),
    "answer_kind": ("answer_kind", "kind"),
}
"""Names under which a column is looked for where no other is given."""
_LEVEL = re.compile(r"[^0-9]*([0-9]{1,9})[^0-9]*")
_MAX_ID_CHARACTERS = 1_000


@dataclass(frozen=True)
class ProblemReader:
    """Makes problems of rows, by one config."""

    config: ProblemsConfig
    names: Mapping[str, tuple[str, ...]]
    """For each of our names, the columns that may hold it."""

    @classmethod
    def from_config(cls, config: ProblemsConfig) -> Self:
        """The reader for the config's columns."""
        given = config.columns.model_dump(exclude_none=True)
        if "prompt" in given:
            given["question"] = given.pop("prompt")
        ours = [name for name in ColumnsConfig.model_fields if name != "prompt"]
        return cls(
            config, {name: (given[name],) if name in given else _OTHER_NAMES.get(name, (name,)) for name in ours}
        )

    @property
    def columns(self) -> list[str]:
        """Every column that a problem may be made of."""
        return [column for columns in self.names.values() for column in columns]

    def read(self, values: Values) -> Problem:
        """The problem in a row.

        Raises:
            RowError: a value is missing or of the wrong kind.
        """
        answer = take_answer(values, *self.names["answer"])
        if self.config.format == "gsm8k":
            if answer is None:
                raise RowError("no `answer`, expected a solution that ends in #### and the answer")
            answer = final_answer(answer, HUMAN_MARK)
        choices = read_choices(values, *self.names["choices"])
        tests = read_tests(values, *self.names["tests"])
        return build_problem(
            id=self._id(values),
            question=require_text(values, *self.names["question"]),
            answer=answer,
            answer_kind=self._answer_kind(values, has_choices=bool(choices), has_tests=bool(tests)),
            accepted_answers=take_texts(values, *self.names["accepted_answers"]),
            choices=choices,
            tests=tests,
            images=read_images(values, *self.names["images"]),
            domain=take_text(values, *self.names["domain"]) or self.config.domain,
            level=self._level(values),
            source=self.config.source or take_text(values, *self.names["source"]) or self._file_name(),
            revision=self.config.revision or take_text(values, *self.names["revision"]),
            license=self.config.license or take_text(values, *self.names["license"]),
        )

    def _id(self, values: Values) -> str | None:
        given = take_answer(values, *self.names["id"])
        if given is not None and len(given) > _MAX_ID_CHARACTERS:
            raise RowError(f"the id has {len(given)} characters, expected at most {_MAX_ID_CHARACTERS}")
        return given

    def _answer_kind(self, values: Values, *, has_choices: bool, has_tests: bool) -> AnswerKind:
        given = take_text(values, *self.names["answer_kind"])
        if given is not None:
            try:
                return AnswerKind(given)
            except ValueError as error:
                known = ", ".join(AnswerKind)
                raise RowError(f"the answer kind is {show_value(given)}, expected one of {known}") from error
        if self.config.answer_kind is not None:
            return self.config.answer_kind
        return AnswerKind.CHOICE if has_choices else AnswerKind.CODE if has_tests else AnswerKind.MATH

    def _level(self, values: Values) -> int | None:
        """A whole number, or a text that holds one, such as `Level 5`; a text without any says nothing."""
        (name,) = self.names["level"]
        text = take_answer(values, name)
        if text is None or not any(character.isdigit() for character in text):
            return None
        found = _LEVEL.fullmatch(text)
        if found is None:
            raise RowError(f"`{name}` is {show_value(values[name])}, expected a whole number")
        return int(found[1])

    def _file_name(self) -> str:
        if self.config.dataset is not None:
            return self.config.dataset.name
        return self.config.place.stem.encode(errors="replace").decode()


def is_parquet(config: ProblemsConfig) -> bool:
    """Whether the config's file is Parquet; GSM8K comes both ways."""
    if config.path is None or config.file_format == "jsonl":
        return False
    return config.file_format == "parquet" or config.path.suffix.lower() in (".parquet", ".pq")
