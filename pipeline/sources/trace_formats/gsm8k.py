"""GSM8K: people's solutions, and the four models' solutions that were published beside the test problems.

The solutions are kept as they are, calculator annotations (`<<48/2=24>>`) and final mark included.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracewright.pipeline.sources.gsm8k import HUMAN_MARK, MODEL_MARK, final_answer
from tracewright.pipeline.sources.imported import BadPart, ImportedTrace, Origin
from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    as_object,
    as_text,
    build_problem,
    require_text,
    show_value,
    take_answer,
)
from tracewright.schemas import Problem

HUMAN = "human"
_NOT_MODELS = ("id", "question", "ground_truth")


def read_human_solution(values: Values, origin: Origin) -> Iterator[ImportedTrace]:
    """`question` and `answer`, a person's solution whose last line is `#### ANSWER`."""
    solution = require_text(values, "answer")
    problem = _problem(values, origin, final_answer(solution, HUMAN_MARK))
    yield ImportedTrace(problem, HUMAN, None, 0, problem.question, solution)


def read_model_solutions(values: Values, origin: Origin) -> Iterator[ImportedTrace | BadPart]:
    """`question`, `ground_truth` and, under each model's name, `{"is_correct": bool, "solution": str}`."""
    problem = _problem(values, origin, final_answer(require_text(values, "ground_truth"), MODEL_MARK, HUMAN_MARK))
    models = [as_text(name, "a model's name") for name in values if name not in _NOT_MODELS]
    if not models:
        raise RowError("no model's solution beside `question` and `ground_truth`")
    for model in models:
        try:
            yield _model_solution(problem, model, values)
        except RowError as error:
            yield BadPart(model, str(error))


def _model_solution(problem: Problem, model: str, values: Values) -> ImportedTrace:
    given = as_object(values[model], model)
    label = given.get("is_correct")
    if not isinstance(label, bool):
        raise RowError(f"`is_correct` is {show_value(label)}, expected true or false")
    solution = require_text(given, "solution")
    return ImportedTrace(
        problem, model, None, 0, problem.question, solution, metadata={"is_correct": str(label).lower()}
    )


def _problem(values: Values, origin: Origin, gold: str) -> Problem:
    return build_problem(
        id=take_answer(values, "id"),
        question=require_text(values, "question"),
        answer=gold,
        source=origin.source or origin.file_name,
        license=origin.license,
    )
