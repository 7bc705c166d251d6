"""Problems from files and from this repository's arithmetic, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tracewright.pipeline.config import ArithmeticConfig, ProblemsConfig
from tracewright.pipeline.sources.arithmetic_problems import draw_problems
from tracewright.pipeline.sources.jsonl import count_lines, read_jsonl
from tracewright.pipeline.sources.parquet_rows import count_rows, read_parquet
from tracewright.pipeline.sources.problem_rows import ProblemReader, is_parquet
from tracewright.pipeline.sources.repeats import SeenRows
from tracewright.pipeline.sources.rows import Place, Row, RowError, check_input_file, counted, reject_row
from tracewright.schemas import Problem, Rejection


def read_problems(config: ProblemsConfig) -> Iterator[Problem | Rejection]:
    """Every row of the config's file, in order, as a problem or a rejection; or the arithmetic problems it asks for.

    Rows are read as they are asked for, one at a time; of those that went by, a digest (about 150 bytes) is kept, to
    find repeated ids. `limit` counts problems, not rejections. Deterministic but for the rejections' `created_at`.

    Raises:
        MissingInputError: there is no such file.
        InputError: the file can't be read or holds no row (where it holds blank lines only, at the end), or there are
            fewer arithmetic problems than are asked for.
    """
    if config.arithmetic is not None:
        return _draw(config.arithmetic)
    path = _path(config)
    check_input_file(path)
    return _limited(_read_file(path, config), config.limit)


def count_problems(config: ProblemsConfig) -> int | None:
    """How many problems and rejections there will be at most; None where only reading tells, as for a pipe.

    Raises:
        MissingInputError, InputError: as for `read_problems`.
    """
    if config.arithmetic is not None:
        return config.arithmetic.count
    path = _path(config)
    check_input_file(path)
    if not path.is_file():
        return None
    rows = count_rows(path) if is_parquet(config) else count_lines(path)
    return rows if config.limit is None else min(rows, config.limit)


def write_problems(path: Path, problems: Iterable[Problem]) -> int:
    """Write the problems as JSONL that `read_problems` reads back as they were, and count them.

    The file is written aside and renamed: it is there whole, or not at all.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    count = 0
    with aside.open("w", encoding="utf-8", newline="\n") as file:
        for problem in problems:
            file.write(problem.model_dump_json(exclude_defaults=True) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return count


def _path(config: ProblemsConfig) -> Path:
    if config.path is None:
        raise ValueError("a ProblemsConfig has a path or arithmetic")
    return config.path


def _draw(config: ArithmeticConfig) -> Iterator[Problem]:
    return draw_problems(config.count, config.operators, config.seed, config.held_out)


def _limited(problems: Iterator[Problem | Rejection], limit: int | None) -> Iterator[Problem | Rejection]:
    taken = 0
    for problem in problems:
        yield problem
        taken += isinstance(problem, Problem)
        if taken == limit:
            return


def _read_file(path: Path, config: ProblemsConfig) -> Iterator[Problem | Rejection]:
    reader = ProblemReader.from_config(config)
    rows = read_parquet(path, reader.columns) if is_parquet(config) else read_jsonl(path)
    seen = SeenRows()
    for row in counted(rows, path):
        yield row if isinstance(row, Rejection) else _read_row(row, reader, seen)


def _read_row(row: Row, reader: ProblemReader, seen: SeenRows) -> Problem | Rejection:
    try:
        problem = reader.read(row.values)
        _check_new(problem, row.place, seen)
    except RowError as error:
        return reject_row(row.place, str(error), row.as_text())
    return problem


def _check_new(problem: Problem, place: Place, seen: SeenRows) -> None:
    """Let only the first row of an id through."""
    first = seen.look_up(f"{problem.source}\0{problem.id}", problem.content_id, place.number)
    if first is None:
        return
    if first.same_content:
        raise RowError(f"repeats line {first.number}: the same id and content, which is read once")
    raise RowError(
        f"the id {problem.id[:80]!r} is on line {first.number} and again on line {place.number} with other content: "
        f"line {first.number} is kept; give one of them another id"
    )
