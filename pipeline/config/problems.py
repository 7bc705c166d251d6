"""Which problems a run works on: a file's, or arithmetic that this repository writes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tracewright.pipeline.config.paths import ConfigPath
from tracewright.schemas import AnswerKind
from tracewright.schemas.base import Frozen

ProblemFormat = Literal["jsonl", "parquet", "gsm8k"]

MAX_ARITHMETIC_OPERATORS = 5
_FORMATS_BY_SUFFIX: dict[str, ProblemFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class ColumnsConfig(Frozen):
    """Where a file keeps what a problem needs: our name on the left, the file's column on the right.

    What is left out is looked for under its own name (`prompt` as well as `question`, `kind` as `answer_kind`).
    """

    id: str | None = None
    question: str | None = None
    prompt: str | None = None
    """The same as `question`; one of the two."""
    answer: str | None = None
    answer_kind: str | None = None
    accepted_answers: str | None = None
    choices: str | None = None
    tests: str | None = None
    images: str | None = None
    domain: str | None = None
    level: str | None = None
    source: str | None = None
    revision: str | None = None
    license: str | None = None

    @model_validator(mode="after")
    def _check_question(self) -> Self:
        if self.question is not None and self.prompt is not None:
            raise ValueError("question and prompt both name the question's column: leave one out")
        return self


class ArithmeticConfig(Frozen):
    """Problems that this repository writes: expressions over +, − and ×."""

    count: int = Field(ge=1)
    """How many different problems."""
    operators: tuple[int, ...] | dict[int, float] = (1, 2, 3)
    """Numbers of operators, 1 to 5, in equal shares; or a mapping from each to its share."""
    seed: int = 0
    held_out: bool = False
    """Whether to draw from the held-out tenth, which nothing is trained on, or from the rest."""

    @model_validator(mode="after")
    def _check_operators(self) -> Self:
        if not self.operators:
            raise ValueError("operators is empty, expected at least one number of operators")
        wrong = [n for n in self.operators if not 1 <= n <= MAX_ARITHMETIC_OPERATORS]
        if wrong:
            raise ValueError(f"operators holds {wrong[0]}, expected numbers from 1 to {MAX_ARITHMETIC_OPERATORS}")
        if isinstance(self.operators, dict) and not all(share > 0 for share in self.operators.values()):
            raise ValueError("operators holds a share that is not above 0: leave that number of operators out")
        return self


class ProblemsConfig(Frozen):
    """Where the problems come from: `path` or `arithmetic`."""

    path: ConfigPath | None = None
    """A file of problems, one a row."""
    format: ProblemFormat | None = None
    """Guessed from the file's suffix where left out; `gsm8k` has to be said."""
    columns: ColumnsConfig = ColumnsConfig()
    source: str | None = Field(default=None, min_length=1)
    """What the problems' source is called; the row's own `source`, else the file's name, where left out."""
    revision: str | None = None
    license: str | None = None
    """An SPDX identifier; the row's own where left out."""
    limit: int | None = Field(default=None, ge=1)
    """Stop after so many problems."""
    domain: str | None = None
    """For rows that don't say."""
    answer_kind: AnswerKind | None = None
    """For rows that don't say; where left out too, `choice` with choices, `code` with tests, else `math`."""
    arithmetic: ArithmeticConfig | None = None

    @model_validator(mode="after")
    def _check_one_origin(self) -> Self:
        if (self.path is None) == (self.arithmetic is None):
            raise ValueError("expected one of path (a file) and arithmetic (problems that tracewright writes)")
        others = sorted(self.model_fields_set - {"arithmetic", "path"})
        if self.arithmetic is not None and others:
            raise ValueError(f"arithmetic problems take no {', '.join(others)}: leave it out")
        if self.path is not None and self.format is None and self.path.suffix.lower() not in _FORMATS_BY_SUFFIX:
            known = ", ".join(_FORMATS_BY_SUFFIX)
            raise ValueError(f"no format, and {self.path.name} ends in none of {known}: add format: jsonl, for example")
        return self

    @property
    def file_format(self) -> ProblemFormat:
        """The format as given, or as the file's suffix says.

        Raises:
            ValueError: there is no file.
        """
        if self.path is None:
            raise ValueError("arithmetic problems are in no file and have no format")
        return self.format or _FORMATS_BY_SUFFIX[self.path.suffix.lower()]
