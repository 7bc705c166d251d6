"""What a trace may hold beside its question and its text, and how to see whether it does.

A format names what it holds of these; an export counts the rest and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracewright.pipeline.exporting.labels import Labelled
from tracewright.schemas.ids import make_id
from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.trace import SOURCE_RATINGS

UNKNOWN = "unknown"

GOLD = "the gold answer"
KIND = "how answers are compared"
PROBLEM_ID = "the problem's id"
PROBLEM_PARTS = "options, pictures, tests and further accepted answers of the problem"
DOMAIN = "the domain"
LEVEL = "the level"
SOURCE = "the source"
LICENSE = "the licence"
REVISION = "the revision of the problem's source"
MODEL = "the model"
MODEL_REVISION = "the model's revision"
TEACHER = "the teacher's sampling, precision, tokenizer and template"
SAMPLE = "the sample's number"
PROMPT = "the prompt as the teacher was given it"
STEPS = "where the steps begin and end"
CHECKS = "what was found out: verdict, checks, confidence"
LABELS = "people's ratings of the steps"
TOKENS = "tokens and their logprobs"
NOTES = "the importer's notes"


def _has_parts(one: Labelled) -> bool:
    problem = one.trace.problem
    return bool(problem.choices or problem.images or problem.tests or problem.accepted_answers)


SEE: Mapping[str, Callable[[Labelled], bool]] = {
    GOLD: lambda one: one.trace.problem.answer is not None,
    KIND: lambda one: one.trace.problem.answer_kind is not AnswerKind.MATH,
    PROBLEM_ID: lambda one: True,
    PROBLEM_PARTS: _has_parts,
    DOMAIN: lambda one: one.trace.problem.domain is not None,
    LEVEL: lambda one: one.trace.problem.level is not None,
    SOURCE: lambda one: True,
    LICENSE: lambda one: one.trace.problem.license is not None,
    REVISION: lambda one: one.trace.problem.revision is not None,
    MODEL: lambda one: one.trace.teacher.model != UNKNOWN,
    MODEL_REVISION: lambda one: one.trace.teacher.revision != UNKNOWN,
    TEACHER: lambda one: one.trace.teacher.template_hash != UNKNOWN,
    SAMPLE: lambda one: True,
    PROMPT: lambda one: one.trace.prompt != one.trace.problem.question,
    STEPS: lambda one: len(one.trace.steps) > 1,
    CHECKS: lambda one: True,
    LABELS: lambda one: one.is_rated,
    TOKENS: lambda one: bool(one.trace.token_ids),
    NOTES: lambda one: bool(one.trace.metadata.keys() - {SOURCE_RATINGS}),
}
"""By name, whether a trace has it."""


def find_losses(one: Labelled, held: frozenset[str]) -> list[str]:
    """What the trace has and a format that holds `held` does not keep."""
    return [name for name, see in SEE.items() if name not in held and see(one)]


def has_derived_id(one: Labelled) -> bool:
    """Whether the problem's id follows from question and answer, so that a reader makes the same."""
    problem = one.trace.problem
    return problem.id == make_id("problem", problem.question, problem.answer)
