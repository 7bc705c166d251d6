"""A finished completion, cut into steps, and the completions that did not finish."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tracewright.schemas.base import Count, Frozen, Integer, Probability, Timestamp
from tracewright.schemas.ids import make_id
from tracewright.schemas.problem import Problem
from tracewright.schemas.teacher import TeacherRef
from tracewright.schemas.verdict import CheckOutcome, StepCheck, Verdict

REQUEST_HASH = "request"
"""The key in `Trace.metadata` of a hash of the rendered request and all that decides what an engine makes of it: the
teacher's fingerprint (model, revision, tokenizer, template, sampling), the engine with its version, and the seed."""


SOURCE_RATINGS = "step_ratings"
"""The key of a trace's metadata under which an importer leaves people's ratings of its steps: a JSON list with −1, 0, 1
or null for each step. A reviewer's label comes before them."""


class Span(Frozen):
    """A half-open range: `start` is in it, `end` is not."""

    start: Count
    end: Count

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"a span ends at or after its start: {self.start}..{self.end}")
        return self


class Signals(Frozen):
    """Raw numbers about a step, from the engine's logprobs (natural logarithm, of the sampled tokens)."""

    tokens: Count
    mean_logprob: float
    min_logprob: float
    lowest_window_logprob: float
    """The lowest mean over any window of consecutive tokens (DeepConf's lowest group confidence)."""
    tail_logprob: float
    """The mean over the step's last tokens."""
    entropy: float | None = None
    """Mean entropy of the engine's top-k, renormalised, in nats; None without top-k."""
    self_certainty: float | None = None
    """Mean over tokens of −1/k Σ log p over the top-k; None without top-k."""
    margin: float | None = None
    """The lowest difference between the logprobs of the two likeliest tokens; None without top-k."""
    position: Probability
    """Where the step begins, as a share of the trace's tokens."""


class Step(Frozen):
    """A contiguous part of a trace. The texts of all steps, joined, are the trace's text."""

    text: str
    span: Span
    """In characters (code points) of the trace's text."""
    token_span: Span | None = None
    """The tokens whose first character lies in the step; None where the engine gave no tokens."""
    signals: Signals | None = None
    confidence: Probability | None = None
    """The calibrated probability that the step is right; None where there is no calibration."""
    check: StepCheck
    depends_on: tuple[Integer, ...] = ()
    """Earlier steps, from 0, whose results this one uses; −1 is the question."""
    corrected_by: Integer | None = None
    """The later step in which the author takes this one back."""


class FinishReason(StrEnum):
    """Why the engine stopped."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    LOW_CONFIDENCE = "low_confidence"
    """Given up early: the running confidence fell below the threshold."""
    ERROR = "error"


class Trace(Frozen):
    """One finished completion of a teacher for a problem, scored and checked."""

    trace_id: str
    problem: Problem
    teacher: TeacherRef
    sample: Count
    prompt: str
    """The text that the engine was given."""
    text: str
    """The whole completion, as it came."""
    reasoning: Span | None = None
    """The part of `text` that is thinking and not the final text; None where the teacher does not mark it."""
    finish_reason: FinishReason = FinishReason.STOP
    token_ids: tuple[Integer, ...] | None = None
    token_logprobs: tuple[float, ...] | None = None
    """Of the sampled tokens, natural logarithm, at the sampling temperature's engine setting."""
    token_ends: tuple[Integer, ...] | None = None
    """For each token, the number of characters of `text` that are complete after it."""
    token_count: Count
    """0 where the text came without tokens."""
    steps: tuple[Step, ...]
    answer: str | None = None
    """The answer as extracted from the text; None where there is none."""
    verdict: Verdict
    confidence: Probability | None = None
    confidence_reason: str | None = None
    """Why there is no confidence, where there is none."""
    verifier_version: str
    checker_version: str
    calibration_version: str | None = None
    engine: str
    """What produced the text, with its version."""
    seconds: float | None = Field(default=None, ge=0.0)
    """From the request's submission to its last token."""
    created_at: Timestamp
    metadata: dict[str, str] = {}
    """What an importer found beside the trace, such as its source's own label; of a generated trace, `REQUEST_HASH`."""

    @model_validator(mode="after")
    def _check_steps_cover_text(self) -> Self:
        if "".join(step.text for step in self.steps) != self.text:
            raise ValueError("the texts of the steps, joined, must be the trace's text")
        return self

    @property
    def first_failed_step(self) -> int | None:
        """The first step, from 0, whose check fails and that the author does not take back."""
        for index, step in enumerate(self.steps):
            if step.check.outcome is CheckOutcome.FAILS and step.corrected_by is None:
                return index
        return None


def make_trace_id(problem: Problem, fingerprint: str, sample: int) -> str:
    """The id of a trace or attempt: two files may both call a problem 1, so its source and content count."""
    return make_id("trace", problem.source, problem.id, problem.content_id, fingerprint, sample)


class AttemptKind(StrEnum):
    """Why an attempt is not a trace."""

    TRUNCATED = "truncated"
    FAILED = "failed"
    STOPPED = "stopped"
    """Given up early, as the teacher was not sure enough."""


class Attempt(Frozen):
    """A completion that was cut by a limit or given up, or a request that failed; kept beside the traces."""

    trace_id: str
    """The id of the trace this would have been."""
    problem: Problem
    teacher: TeacherRef
    sample: Count
    kind: AttemptKind
    text: str
    reason: str
    finish_reason: FinishReason
    max_tokens: Integer | None = None
    token_count: Count = 0
    engine: str
    created_at: Timestamp


class Rejection(Frozen):
    """A row that a stage turned away, with the reason: nothing is dropped in silence."""

    rejection_id: str
    stage: str
    subject: str
    """The id of the row, or the place where it was read (`FILE:LINE`)."""
    reason: str
    numbers: dict[str, float] = {}
    row: str = ""
    """The row as it came, as far as it could be read; long ones are cut. Of a curation's stage, the evidence."""
    created_at: Timestamp
