"""How many traces of 20 steps one core cuts into steps, gives signals and checks in a second.

Three ways of writing the same sums: bare lines, numbered sentences, and GSM8K's annotations. Each trace is new, with
numbers of its own: nothing is remembered from one to the next. Python's collector runs as rarely as in the processes
that score beside the engine. Times are of this thread's processor, so that what else runs on the machine does not
count; the figure is the median of five rounds.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tracewright.pipeline.collector import collect_rarely
from tracewright.pipeline.confidence import step_signals
from tracewright.pipeline.steps import check_steps, segment, token_spans
from tracewright.schemas import Span

STEPS = 20
TRACES = 150
"""Of each style in a round."""
ROUNDS = 5
TOP = 5
_CHARACTERS_A_TOKEN = 3


@dataclass(frozen=True)
class Sample:
    """A completion as an engine gives it."""

    question: str
    text: str
    ends: tuple[int, ...]
    logprobs: tuple[float, ...]
    tops: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Spent:
    """Seconds of one round, by part."""

    segment: float
    signals: float
    check: float

    @property
    def total(self) -> float:
        """All parts."""
        return self.segment + self.signals + self.check


Write = Callable[[int, int, str, int, int], str]
STYLES: dict[str, Write] = {
    "lines": lambda number, a, sign, b, c: f"{a}{sign}{b}={c}\n",
    "sentences": lambda number, a, sign, b, c: (
        f"{number}. We take {a} {sign} {b} = {c}, so there are {c} marbles now.\n"
    ),
    "annotated": lambda number, a, sign, b, c: f"Then there are {a}{sign}{b}=<<{a}{sign}{b}={c}>>{c} marbles.\n",
}


def run(seed: int = 0) -> dict[str, Any]:
    """The figures of `bench score`."""
    with collect_rarely():
        return _measure(random.Random(seed))


def _measure(rng: random.Random) -> dict[str, Any]:
    rounds: dict[str, list[Spent]] = {name: [] for name in STYLES}
    checked = failed = 0
    for number in range(ROUNDS + 1):
        for name, write in STYLES.items():
            spent, outcomes = time_parts([draw(rng, write) for _ in range(TRACES)])
            if number:  # the first round warms up
                rounds[name].append(spent)
                checked += len(outcomes)
                failed += outcomes.count("fails")
    steps = TRACES * STEPS
    return {
        "traces_per_second": statistics.median(
            len(STYLES) * TRACES / sum(one.total for one in parts) for parts in zip(*rounds.values(), strict=True)
        ),
        "steps_per_trace": STEPS,
        "styles": {
            name: {
                "traces_per_second": statistics.median(TRACES / one.total for one in spent),
                "segment_us_per_step": statistics.median(one.segment for one in spent) / steps * 1e6,
                "signals_us_per_step": statistics.median(one.signals for one in spent) / steps * 1e6,
                "check_us_per_step": statistics.median(one.check for one in spent) / steps * 1e6,
            }
            for name, spent in rounds.items()
        },
        "false_alarms": failed / checked,
    }


def draw(rng: random.Random, write: Write) -> Sample:
    """A problem of 20 sums and its solution, with logprobs for tokens of three characters."""
    value = rng.randint(100, 900)
    question, lines = f"Tom has {value} marbles.", list[str]()
    for number in range(1, STEPS + 1):
        change, is_gain = rng.randint(1, 90), value < 100 or rng.random() < 0.5
        question += f" He {'finds' if is_gain else 'loses'} {change}."
        result = value + change if is_gain else value - change
        lines.append(write(number, value, "+" if is_gain else "-", change, result))
        value = result
    text = "".join(lines)
    ends = tuple(min(end, len(text)) for end in range(_CHARACTERS_A_TOKEN, len(text) + _CHARACTERS_A_TOKEN, 3))
    tops = tuple(tuple(sorted((-rng.expovariate(1) for _ in range(TOP)), reverse=True)) for _ in ends)
    return Sample(f"{question} How many has he now?", text, ends, tuple(row[0] for row in tops), tops)


def time_parts(samples: Sequence[Sample]) -> tuple[Spent, list[str]]:
    """The seconds that each part takes of all samples, and what the checks say."""
    clock = time.thread_time
    started = clock()
    cut = [segment(sample.text) for sample in samples]
    tokens: list[list[Span]] = [token_spans(spans, sample.ends) for spans, sample in zip(cut, samples, strict=True)]
    segmented = clock()
    for sample, spans in zip(samples, tokens, strict=True):
        step_signals(sample.logprobs, spans, sample.tops)
    signalled = clock()
    checks = [
        check_steps(sample.question, [sample.text[span.start : span.end] for span in spans])
        for sample, spans in zip(samples, cut, strict=True)
    ]
    checked = clock()
    if any(len(spans) != STEPS for spans in cut):
        raise ValueError(f"expected {STEPS} steps a trace, got {sorted({len(spans) for spans in cut})}")
    outcomes = [step.check.outcome.value for trace in checks for step in trace]
    return Spent(segmented - started, signalled - segmented, checked - signalled), outcomes
