"""Which problems a checkpoint is asked on the command line."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from tracewright.flows.progress import say
from tracewright.pipeline.config import ProblemsConfig
from tracewright.pipeline.sources import draw_problems, read_problems
from tracewright.schemas import InputError, Problem

ARITHMETIC = "arithmetic"
_COUNT, _LEVELS, _SEED = 1000, (1, 2), 2


def read_questions(source: str, limit: int | None) -> list[Problem]:
    """The problems of a file, or of `arithmetic`: held-out ones that nothing is trained on.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is no file of problems, or holds none.
    """
    if source == ARITHMETIC:
        return list(islice(draw_problems(limit or _COUNT, _LEVELS, seed=_SEED, held_out=True), limit))
    try:
        config = ProblemsConfig(path=Path(source), limit=limit)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise InputError(
            f"--problems {source}: {message}; expected a .jsonl or .parquet file, or {ARITHMETIC}"
        ) from error
    rows = list(read_problems(config))
    problems = [row for row in rows if isinstance(row, Problem)]
    if len(problems) < len(rows):
        first = next(row for row in rows if not isinstance(row, Problem))
        say(f"{len(rows) - len(problems):,} rows are no problems and are left out; the first: {first.reason}")
    if not problems:
        raise InputError(f"{source} holds no problem, expected rows with a question and an answer: name another file")
    return problems
