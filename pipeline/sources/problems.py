"""Problems from files, data sets and programs that write them, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tracewright.pipeline.config import ArithmeticConfig, ProblemsConfig
from tracewright.pipeline.sources.arithmetic_problems import draw_problems
from tracewright.pipeline.sources.dataset_rows import count_dataset, read_dataset
from tracewright.pipeline.sources.delta_rows import count_delta, read_delta
from tracewright.pipeline.sources.jsonl import count_lines, read_jsonl
from tracewright.pipeline.sources.parquet_rows import count_rows, read_parquet
from tracewright.pipeline.sources.problem_rows import ProblemReader, is_parquet
from tracewright.pipeline.sources.reasoning_gym_problems import draw_reasoning_gym
from tracewright.pipeline.sources.repeats import SeenRows
from tracewright.pipeline.sources.rows import Place, Row, RowError, check_input_file, counted, reject_row
from tracewright.schemas import InputError, Problem, Rejection


def read_problems(config: ProblemsConfig) -> Iterator[Problem | Rejection]:
    """Every row of the config's file or data set, in order, as a problem or a rejection; or the problems to be written.

    Rows are read as they are asked for, one at a time; of those that went by, a digest (about 150 bytes) is kept, to
    find repeated ids. `limit` counts problems, not rejections. Deterministic but for the rejections' `created_at`.

    Raises:
        MissingInputError: there is no such file.
        InputError: the file can't be read or holds no row (where it holds blank lines only, at the end), or there are
            fewer arithmetic problems than are asked for.
    """
    if config.arithmetic is not None:
        return _draw(config.arithmetic)
    if config.reasoning_gym is not None:
        return draw_reasoning_gym(config.reasoning_gym)
    if config.path is not None and config.file_format != "delta":
        check_input_file(config.path)
    return _limited(_read_rows(config), config.limit)


def count_problems(config: ProblemsConfig) -> int | None:
    """How many problems and rejections there will be at most; None where only reading tells, as for a pipe.

    Raises:
        MissingInputError, InputError: as for `read_problems`.
    """
    if config.arithmetic is not None:
        return config.arithmetic.count
    if config.reasoning_gym is not None:
        return config.reasoning_gym.count
    rows = _count_rows(config)
    return rows if config.limit is None or rows is None else min(rows, config.limit)


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


def _count_rows(config: ProblemsConfig) -> int | None:
    if config.dataset is not None:
        return count_dataset(config.dataset, config.revision)
    path = config.place
    if config.file_format == "delta":
        return count_delta(path, _delta_version(config))
    check_input_file(path)
    if not path.is_file():
        return None
    return count_rows(path) if is_parquet(config) else count_lines(path)


def _delta_version(config: ProblemsConfig) -> int | None:
    """A Delta table's revision is a version's number."""
    if config.revision is None:
        return None
    if not config.revision.isdigit():
        raise InputError(f"problems.revision is {config.revision!r}, expected the number of a Delta table's version")
    return int(config.revision)


def _draw(config: ArithmeticConfig) -> Iterator[Problem]:
    return draw_problems(config.count, config.operators, config.seed, config.held_out)


def _limited(problems: Iterator[Problem | Rejection], limit: int | None) -> Iterator[Problem | Rejection]:
    taken = 0
    for problem in problems:
        yield problem
        taken += isinstance(problem, Problem)
        if taken == limit:
            return


def _read_rows(config: ProblemsConfig) -> Iterator[Problem | Rejection]:
    reader = ProblemReader.from_config(config)
    seen = SeenRows()
    for row in counted(_open_rows(config, reader.columns), config.place):
        yield row if isinstance(row, Rejection) else _read_row(row, reader, seen)


def _open_rows(config: ProblemsConfig, columns: list[str]) -> Iterator[Row | Rejection]:
    if config.dataset is not None:
        return read_dataset(config.dataset, columns, config.revision)
    if config.file_format == "delta":
        return read_delta(config.place, columns, _delta_version(config))
    return read_parquet(config.place, columns) if is_parquet(config) else read_jsonl(config.place)


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
