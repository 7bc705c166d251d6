"""Two traces of one problem side by side: what they have in common, and the place where they part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from tracewright.api.pages.prose import ProseBudget, ProseRenderer
from tracewright.api.pages.step_cards import MAX_STEP_CHARS

MAX_STEPS = 60
"""Of each trace, after the steps that both have."""
_CONTEXT_CHARS = 2_000


@dataclass(frozen=True)
class ColumnStep:
    """A step of one of the two."""

    index: int
    body: Markup
    confidence: float | None
    check: str
    reason: str


@dataclass(frozen=True)
class Column:
    """One of the two, from where they part."""

    trace: dict[str, Any]
    steps: tuple[ColumnStep, ...]
    hidden_steps: int


@dataclass(frozen=True)
class Comparison:
    """Both, and how many steps they begin with in common."""

    common: int
    left: Column
    right: Column

    @property
    def is_same(self) -> bool:
        """Whether they never part."""
        return not self.left.steps and not self.right.steps


def compare(prose: ProseRenderer, left: dict[str, Any], right: dict[str, Any]) -> Comparison:
    """Two traces, step by step."""
    ours, theirs = ([step["text"] for step in trace["steps"]] for trace in (left, right))
    common = 0
    while common < min(len(ours), len(theirs)) and ours[common] == theirs[common]:
        common += 1
    parting = _count_common(ours[common], theirs[common]) if common < min(len(ours), len(theirs)) else 0
    budget = ProseBudget()
    return Comparison(
        common,
        _make_column(prose, left, common, parting, budget),
        _make_column(prose, right, common, parting, budget),
    )


def _count_common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return min(len(one), len(other)) if place is None else place


def _make_column(prose: ProseRenderer, trace: dict[str, Any], common: int, parting: int, budget: ProseBudget) -> Column:
    shown = trace["steps"][common : common + MAX_STEPS]
    steps = tuple(
        ColumnStep(
            index=common + place,
            body=_mark(step["text"].strip("\n"), parting) if place == 0 else _render(prose, step, budget),
            confidence=step["confidence"],
            check=step["check"]["outcome"],
            reason=step["check"]["reason"][:300],
        )
        for place, step in enumerate(shown)
    )
    return Column(trace, steps, max(0, len(trace["steps"]) - common - MAX_STEPS))


def _render(prose: ProseRenderer, step: dict[str, Any], budget: ProseBudget) -> Markup:
    return prose.render(step["text"].strip("\n")[: MAX_STEP_CHARS // 4], budget)


def _mark(text: str, parting: int) -> Markup:
    """The step in which they part, as it is written, with a mark where they do."""
    start = max(0, parting - _CONTEXT_CHARS)
    before = ("… " if start else "") + text[start:parting]
    after = text[parting : parting + _CONTEXT_CHARS]
    more = " …" if len(text) > parting + _CONTEXT_CHARS else ""
    mark = Markup('<span class="parting"><span class="unseen">here they part: </span></span>')
    return escape(before) + mark + Markup("<b>{}</b>").format(after) + escape(more)
