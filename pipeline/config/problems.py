"""Which problems a run works on: a file's, a data set's, a Delta table's, or those that a program writes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from tracewright.pipeline.config.paths import ConfigPath, ModelName
from tracewright.schemas import AnswerKind
from tracewright.schemas.base import Frozen

ProblemFormat = Literal["jsonl", "parquet", "gsm8k", "delta"]

MAX_ARITHMETIC_OPERATORS = 5
_FORMATS_BY_SUFFIX: dict[str, ProblemFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


_ORIGINS = {
    "path": "a file",
    "dataset": "a data set",
    "reasoning_gym": "problems that reasoning-gym writes",
    "arithmetic": "problems that tracewright writes",
}
_WRITTEN = ("reasoning_gym", "arithmetic")


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


class DatasetConfig(Frozen):
    """A data set that the `datasets` library reads: a folder of its own or in the hub's layout, or a hub name."""

    name: ModelName
    """For example `openai/gsm8k`, or `./data/problems`."""
    subset: str | None = None
    """What the hub calls a configuration, for example `main`."""
    split: str = Field(default="train", min_length=1)


class ReasoningGymConfig(Frozen):
    """Problems that the `reasoning-gym` package writes; it is not among tracewright's own requirements."""

    task: str = Field(min_length=1)
    """One of its tasks, for example `chain_sum`."""
    count: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)
    settings: dict[str, JsonValue] = {}
    """The task's own, for example {min_terms: 3}."""


class ProblemsConfig(Frozen):
    """Where the problems come from: `path`, `dataset`, `reasoning_gym` or `arithmetic`."""

    path: ConfigPath | None = None
    """A file of problems, one a row, or the folder of a Delta table."""
    dataset: DatasetConfig | None = None
    reasoning_gym: ReasoningGymConfig | None = None
    format: ProblemFormat | None = None
    """Guessed from the file's suffix where left out; `gsm8k` has to be said. A data set may be `gsm8k` too."""
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
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            listed = ", ".join(f"{name} ({what})" for name, what in _ORIGINS.items())
            raise ValueError(f"expected one of {listed}")
        others = sorted(self.model_fields_set - {*_ORIGINS})
        if given[0] in _WRITTEN and others:
            raise ValueError(f"{given[0].replace('_', '-')} problems take no {', '.join(others)}: leave it out")
        if self.dataset is not None and self.format not in (None, "gsm8k"):
            raise ValueError(f"a data set is read by `datasets`: leave format: {self.format} out")
        if self.path is not None and self.format is None and self._guess_format() is None:
            known = ", ".join(_FORMATS_BY_SUFFIX)
            raise ValueError(f"no format, and {self.path.name} ends in none of {known}: add format: jsonl, for example")
        return self

    @property
    def file_format(self) -> ProblemFormat:
        """The format as given, or as the file's suffix says.

        Raises:
            ValueError: there is no file.
        """
        found = self.format or self._guess_format()
        if self.path is None or found is None:
            raise ValueError("these problems are in no file and have no format")
        return found

    @property
    def place(self) -> Path:
        """The file, or what stands for one in messages."""
        if self.path is not None:
            return self.path
        if self.dataset is not None:
            return Path(self.dataset.name)
        return Path(self.reasoning_gym.task if self.reasoning_gym else "arithmetic")

    def _guess_format(self) -> ProblemFormat | None:
        if self.path is not None and (self.path / "_delta_log").is_dir():
            return "delta"
        return None if self.path is None else _FORMATS_BY_SUFFIX.get(self.path.suffix.lower())
