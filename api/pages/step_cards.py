"""The steps of a trace as cards: as many as a page can carry, the rest when it is asked for."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from tracewright.api.pages.prose import ProseBudget, ProseRenderer

MAX_STEP_CHARS = 6_000
"""Of one card; the whole step is a link away."""
PAGE_BYTES = 120_000
"""Of one page's cards; a page as a whole stays under 300 kB."""
CARD_BYTES = 620
"""What a card weighs beside its text."""
DOUBTFUL = 0.5
"""Below it a confidence has the colour of what is wrong."""
QUESTION = -1
HEAT_BOUNDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
"""Probabilities between which a token has one colour; above the last it has none."""
MAX_USES = 12
MAX_REASON_CHARS = 600


@dataclass(frozen=True)
class StepCard:
    """One step as it is shown."""

    index: int
    body: Markup
    confidence: float | None
    check: str
    reason: str
    uses: tuple[int, ...]
    more_uses: int
    corrected_by: int | None
    hidden_chars: int
    source: str | None
    """The text as it was written, where what is shown reads otherwise: what a reviewer begins with who rewrites it. Of
    a step that is shown in part there is nothing to begin with."""

    @property
    def is_doubtful(self) -> bool:
        """Whether it is likelier wrong than right."""
        return self.confidence is not None and self.confidence < DOUBTFUL

    @property
    def uses_text(self) -> str:
        """What it builds on, as the module reads it."""
        return " ".join(map(str, self.uses))


@dataclass(frozen=True)
class StepCards:
    """Some of a trace's cards, and where the others begin."""

    cards: tuple[StepCard, ...]
    next_index: int | None
    total: int
    has_tokens: bool
    has_confidence: bool
    """Whether any step of the trace has one."""


@dataclass
class CardMaker:
    """Makes the cards of one page."""

    prose: ProseRenderer
    trace: dict[str, Any]
    is_heat: bool = False
    """Whether tokens are coloured by their probability; maths is then shown as its source."""
    budget: ProseBudget = field(default_factory=ProseBudget)

    def make(self, start: int = 0, limit_bytes: int = PAGE_BYTES) -> StepCards:
        """The cards from a step on until the page is full."""
        steps, weight, cards = self.trace["steps"], 0, list[StepCard]()
        index = start
        while index < len(steps) and (weight < limit_bytes or not cards):
            cards.append(self.make_one(index))
            made = cards[-1]
            weight += CARD_BYTES + len(made.body.encode()) + len(made.reason) + len((made.source or "").encode())
            index += 1
        has_tokens = bool(self.trace.get("token_count"))
        has_confidence = any(step["confidence"] is not None for step in steps)
        return StepCards(tuple(cards), index if index < len(steps) else None, len(steps), has_tokens, has_confidence)

    def make_one(self, index: int) -> StepCard:
        """One step's card."""
        step = self.trace["steps"][index]
        text = step["text"].strip("\n")
        shown = text[:MAX_STEP_CHARS]
        body = self._colour(step) if self.is_heat else self.prose.render(shown, self.budget)
        is_plain = self.is_heat or body == escape(shown)
        uses = list(dict.fromkeys(step["depends_on"] or []))
        return StepCard(
            index=index,
            body=body,
            confidence=step["confidence"],
            check=step["check"]["outcome"],
            reason=step["check"]["reason"][:MAX_REASON_CHARS],
            uses=tuple(uses[:MAX_USES]),
            more_uses=max(0, len(uses) - MAX_USES),
            corrected_by=step["corrected_by"],
            hidden_chars=len(text) - len(shown),
            source="" if len(text) > len(shown) else None if is_plain else shown,
        )

    def _colour(self, step: dict[str, Any]) -> Markup:
        ends, logprobs = self.trace.get("token_ends") or (), self.trace.get("token_logprobs") or ()
        start = step["span"]["start"]
        end = min(step["span"]["end"], start + MAX_STEP_CHARS)
        return colour_tokens(self.trace["text"], start, end, ends, logprobs)


def colour_tokens(text: str, start: int, end: int, ends: Sequence[int], logprobs: Sequence[float]) -> Markup:
    """The text between two characters, its tokens coloured by the probability that the teacher gave them."""
    parts, place = list[Markup](), start
    for token in range(bisect_right(ends, start), min(len(ends), len(logprobs))):
        if place >= end:
            break
        token_end = min(end, ends[token])
        piece, place = text[place:token_end], token_end
        probability = math.exp(min(0.0, logprobs[token]))
        heat = bisect_right(HEAT_BOUNDS, probability)
        if piece and heat < len(HEAT_BOUNDS):
            parts.append(Markup('<span class="h{}" title="{}">{}</span>').format(heat, f"{probability:.2g}", piece))
        else:
            parts.append(escape(piece))
    return Markup("").join([*parts, escape(text[place:end])])
