"""What a file of existing traces says of each of them, before anything is segmented, checked or verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import Values, show_value
from tracewright.schemas import FinishReason, Problem, Span, TeacherRef, make_id

UNKNOWN_MODEL = "unknown"
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
_SAMPLE_HEX_DIGITS = 12
_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "abort": FinishReason.ABORT,
    "content_filter": FinishReason.ABORT,
    "error": FinishReason.ERROR,
}


@dataclass(frozen=True)
class ImportedStep:
    """A step as the file has it."""

    span: Span
    """In characters of the trace's text."""
    rating: int | None = None
    """A person's label: −1 wrong, 0 neutral, +1 right; None where there is none."""


@dataclass(frozen=True)
class ImportedTrace:
    """One completion from a file, with all that the file says of it."""

    problem: Problem
    model: str
    """The teacher's name; `human` for people, `unknown` where the file doesn't say."""
    revision: str | None
    sample: int
    """The file's own number where it has one; else derived from the text, so that the same text has the same id."""
    prompt: str
    """What the teacher was given, as far as the file tells; chat turns are joined by blank lines."""
    text: str
    reasoning: Span | None = None
    """The part of `text` that is thinking, its marks included."""
    finish_reason: FinishReason = FinishReason.STOP
    metadata: dict[str, str] = field(default_factory=lambda: {})
    """The source's own labels."""
    steps: tuple[ImportedStep, ...] = ()
    """The source's own steps; joined they are `text`. Empty where it has none."""
    teacher: TeacherRef | None = None
    """The whole teacher, where the file has it: with it a trace keeps its id."""


@dataclass(frozen=True)
class BadPart:
    """One of a row's traces that can't be used."""

    part: str
    reason: str


@dataclass(frozen=True)
class Origin:
    """Where a file's rows come from, as far as the row itself doesn't say."""

    file_name: str
    source: str | None = None
    license: str | None = None


RowReader = Callable[[Values, Origin], Iterator[ImportedTrace | BadPart]]
"""Reads the traces of one row; raises RowError where nothing, or nothing further, can be read from it."""


def find_reasoning(text: str) -> Span | None:
    """The thinking, marks included. Without an opening mark it begins the text, without a closing one it ends it."""
    start, close = text.find(THINK_OPEN), text.rfind(THINK_CLOSE)
    if close < 0:
        return None if start < 0 else Span(start=start, end=len(text))
    return Span(start=start if 0 <= start < close else 0, end=close + len(THINK_CLOSE))


def finish_reason_of(given: str | None, text: str) -> FinishReason:
    """The stated reason; where there is none, `length` for a text that is cut off in its thinking, else `stop`."""
    if given is None:
        is_cut = THINK_OPEN in text and THINK_CLOSE not in text
        return FinishReason.LENGTH if is_cut else FinishReason.STOP
    try:
        return _FINISH_REASONS[given.lower()]
    except KeyError as error:
        known = ", ".join(_FINISH_REASONS)
        raise RowError(f"the finish reason is {show_value(given)}, expected one of {known}") from error


def sample_from_text(text: str) -> int:
    """A sample number for a completion that has none: the same for the same text in any file, in any order."""
    return int(make_id("sample", text)[:_SAMPLE_HEX_DIGITS], 16)


def join_steps(texts: list[str], ratings: list[int | None], separator: str) -> tuple[str, tuple[ImportedStep, ...]]:
    """One text of the steps' texts, and their spans in it: a separator belongs to the step before it."""
    spans: list[ImportedStep] = []
    parts: list[str] = []
    start = 0
    for index, (text, rating) in enumerate(zip(texts, ratings, strict=True)):
        part = text if index == len(texts) - 1 else text + separator
        spans.append(ImportedStep(Span(start=start, end=start + len(part)), rating))
        parts.append(part)
        start += len(part)
    return "".join(parts), tuple(spans)
