"""What a teacher's engine is, whatever runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tracewright.pipeline.engines.running_confidence import EarlyStop
from tracewright.schemas import FinishReason


@dataclass(frozen=True)
class Request:
    """One completion to make."""

    key: str
    """The id of the trace that it will be."""
    question: str
    seed: int
    system: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    """Questions with their answers, shown as earlier turns."""
    prefix: str = ""
    """The beginning of the answer, which the engine goes on from; the completion has what follows it alone."""
    prefix_ids: tuple[int, ...] | None = None
    """The prefix's tokens, where they are known: those that the teacher drew, which its text may not give back."""
    early_stop: EarlyStop | None = None
    """When to give it up; None: never."""
    greedy: bool = False
    """Take the likeliest token each time, whatever the engine's sampling: for evaluation."""


@dataclass(frozen=True)
class ScoringRequest:
    """A text that somebody else wrote, for the engine to say how likely each of its tokens is."""

    token_ids: tuple[int, ...]
    """All of it, what it answers to included."""
    start: int
    """The first place that is wanted, 1 or more: before the first token there is nothing to go by."""


@dataclass(frozen=True)
class Distributions:
    """The likeliest tokens at each of a text's places: a completion's, its end included, or those that were to be
    scored. n tokens, k of them; raw logprobs."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top_ids: tuple[tuple[int, ...], ...]
    """n × k, the likeliest first."""
    top_logprobs: tuple[tuple[float, ...], ...]
    vocabulary: int
    """The number of the tokenizer's tokens."""


@dataclass(frozen=True)
class Completion:
    """What the engine made of a request. T tokens; the end token is not among them."""

    key: str
    prompt: str
    text: str
    finish_reason: FinishReason
    token_ids: tuple[int, ...] | None
    token_logprobs: tuple[float, ...] | None
    """T raw logprobs (temperature 1, before any sampling filter) of the sampled tokens, natural logarithm."""
    token_ends: tuple[int, ...] | None
    """T counts: the characters of `text` that are complete after each token."""
    top_logprobs: tuple[tuple[float, ...], ...] | None
    """T × k raw logprobs of the likeliest tokens, in falling order."""
    token_count: int
    seconds: float
    prompt_token_count: int = 0
    """0 where the engine does not say."""
    distributions: Distributions | None = None
    """None unless they were asked for."""
    ended: str = ""
    """What the engine calls its end, where that is more than `finish_reason` says."""


@dataclass(frozen=True)
class Failure:
    """A request that gave no completion; the others are not touched by it."""

    key: str
    reason: str


class RequestDrawer:
    """Draws requests one at a time as places become free, and knows when to wait for a result instead."""

    def __init__(self, requests: Iterable[Request | None]) -> None:
        self._requests = iter(requests)
        self.ended = False
        """Whether no request will ever follow."""

    def draw(self) -> Request | None:
        """The next request; None where there is none now."""
        if self.ended:
            return None
        try:
            return next(self._requests)
        except StopIteration:
            self.ended = True
            return None


class Engine(Protocol):
    """Runs requests and gives each result as soon as it is there: no batch waits for its longest sample."""

    @property
    def name(self) -> str:
        """The engine with its version, as a trace's provenance has it."""
        ...

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        """The results in the order in which they are finished; requests are drawn as places become free.

        A None among the requests says that none is to be had before the next result is taken; it is not drawn again
        until then, and with nothing in flight it ends the stream.

        Raises:
            EngineError: the engine died or hangs; what was given before stands.
        """
        ...

    def close(self) -> None:
        """Stop the engine and wait until nothing of it runs."""
        ...
