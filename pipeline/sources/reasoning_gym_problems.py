"""Problems that reasoning-gym writes (Stojanovski et al. 2025, arXiv:2505.24760): endless, and with known answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tracewright.pipeline.config import ReasoningGymConfig
from tracewright.pipeline.sources.rows import Place, RowError, reject_row
from tracewright.pipeline.sources.values import build_problem
from tracewright.schemas import AnswerKind, InputError, MissingInputError, Problem, Rejection

PACKAGE = "reasoning-gym"
_LICENSE = "Apache-2.0"
_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(\.[0-9]+)?(/[0-9]+)?")


def draw_reasoning_gym(config: ReasoningGymConfig) -> Iterator[Problem | Rejection]:
    """So many problems of a task, one at a time; the same seed and settings give the same ones.

    A numeric answer is compared as mathematics, any other as text; the package's own scorers are not used.

    Raises:
        MissingInputError: the package is not installed.
        InputError: it has no such task, or the task refuses its settings.
    """
    return _draw(_open(config), config)


def _open(config: ReasoningGymConfig) -> Any:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise MissingInputError(
            f"problems from {PACKAGE} need that package: pip install {PACKAGE}, and run the command again"
        ) from error
    if config.task not in DATASETS:
        near = ", ".join(sorted(name for name in DATASETS if name[:3] == config.task[:3])) or ", ".join(
            sorted(DATASETS)
        )
        raise InputError(f"{PACKAGE} has no task {config.task!r}, expected one of its tasks, such as {near[:300]}")
    try:
        return reasoning_gym.create_dataset(config.task, size=config.count, seed=config.seed, **config.settings)
    except (TypeError, ValueError, AssertionError) as error:
        raise InputError(f"{PACKAGE}'s task {config.task} refuses its settings: {error}") from error


def _draw(drawn: Any, config: ReasoningGymConfig) -> Iterator[Problem | Rejection]:
    place, revision = Path(f"{PACKAGE}/{config.task}"), version(PACKAGE)
    for index in range(config.count):
        try:
            entry = drawn[index]
            yield _make_problem(entry, config, index, revision)
        except (RowError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
            yield reject_row(Place(place, index + 1), f"the task gave no problem: {error}", "")


def _make_problem(entry: dict[str, Any], config: ReasoningGymConfig, index: int, revision: str) -> Problem:
    answer = entry.get("answer")
    text = None if answer is None else str(answer).strip() or None
    return build_problem(
        id=f"{config.task}-{config.seed}-{index}",
        question=str(entry["question"]),
        answer=text,
        answer_kind=AnswerKind.MATH if text is None or _NUMBER.fullmatch(text) else AnswerKind.TEXT,
        domain=config.task,
        source=PACKAGE,
        revision=revision,
        license=_LICENSE,
    )
