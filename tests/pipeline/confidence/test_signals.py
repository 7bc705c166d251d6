"""Signals against their formulas, written out the slow way."""

import json
import math
import random
from pathlib import Path

import pytest

from tracewright.pipeline.confidence import lowest_window, step_signals
from tracewright.pipeline.confidence.signals import LOGPROB_FLOOR, TAIL_TOKENS, WINDOW_TOKENS
from tracewright.schemas import InputError, Span

CASES = json.loads((Path(__file__).parent / "signal_cases.json").read_text(encoding="utf-8"))


def draw_logprobs(rng: random.Random, count: int) -> list[float]:
    return [-rng.expovariate(3) for _ in range(count)]


def draw_tops(rng: random.Random, count: int, k: int) -> list[list[float]]:
    return [sorted(draw_logprobs(rng, k), reverse=True) for _ in range(count)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["fact"])
def test_signals_worked_by_hand(case):
    spans = [None if pair is None else Span(start=pair[0], end=pair[1]) for pair in case["spans"]]
    found = step_signals(case["logprobs"], spans, case.get("top"))
    assert [signals is None for signals in found] == [expected is None for expected in case["signals"]]
    for signals, expected in zip(found, case["signals"], strict=True):
        for name, value in (expected or {}).items():
            assert getattr(signals, name) == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("seed", range(20))
def test_signals_follow_their_formulas(seed):
    rng = random.Random(seed)
    logprobs, tops = draw_logprobs(rng, 60), draw_tops(rng, 60, rng.randint(2, 7))
    start, end = sorted(rng.sample(range(61), 2))
    (signals,) = step_signals(logprobs, [Span(start=start, end=end)], tops)
    step, rows = logprobs[start:end], tops[start:end]
    width = min(WINDOW_TOKENS, len(step))
    assert signals is not None
    assert signals.tokens == len(step)
    assert signals.mean_logprob == pytest.approx(math.fsum(step) / len(step))
    assert signals.min_logprob == min(step)
    windows = [math.fsum(step[i : i + width]) / width for i in range(len(step) - width + 1)]
    assert signals.lowest_window_logprob == pytest.approx(min(windows))
    assert signals.tail_logprob == pytest.approx(math.fsum(step[-TAIL_TOKENS:]) / len(step[-TAIL_TOKENS:]))
    assert signals.position == start / 60
    assert signals.entropy == pytest.approx(math.fsum(map(entropy, rows)) / len(rows))
    assert signals.self_certainty == pytest.approx(math.fsum(-math.fsum(row) / len(row) for row in rows) / len(rows))
    assert signals.margin == pytest.approx(min(row[0] - row[1] for row in rows))


def entropy(row):
    mass = math.fsum(map(math.exp, row))
    return -math.fsum(math.exp(value) / mass * (value - math.log(mass)) for value in row)


def test_order_of_the_top_does_not_matter():
    rng = random.Random(3)
    logprobs, tops = draw_logprobs(rng, 12), draw_tops(rng, 12, 5)
    shuffled = [rng.sample(row, len(row)) for row in tops]
    spans = [Span(start=0, end=5), Span(start=5, end=12)]
    for left, right in zip(step_signals(logprobs, spans, tops), step_signals(logprobs, spans, shuffled), strict=True):
        assert left and right
        assert left.model_dump() == pytest.approx(right.model_dump())


def test_rows_of_different_length_count_by_what_they_hold():
    tops = [[-0.5, -1.0], [-0.25, -1.0, -3.0], [-0.125], []]
    (signals,) = step_signals([-0.5, -0.25, -0.125, -1.0], [Span(start=0, end=4)], tops)
    assert signals
    assert signals.self_certainty == pytest.approx((0.75 + 4.25 / 3 + 0.125) / 3)
    assert signals.margin == pytest.approx(0.5)
    assert signals.entropy == pytest.approx((entropy(tops[0]) + entropy(tops[1]) + 0.0) / 3)


@pytest.mark.parametrize("broken", [-math.inf, math.nan, -1e308, -31.0])
def test_logprobs_that_are_no_numbers_are_clamped(broken):
    (signals,) = step_signals([-0.1, broken], [Span(start=0, end=2)], [[-0.1, broken], [broken, broken]])
    assert signals
    assert signals.min_logprob == LOGPROB_FLOOR
    assert signals.margin == 0.0
    assert all(value is None or math.isfinite(value) for value in signals.model_dump().values())


def test_a_logprob_above_zero_counts_as_certain():
    (signals,) = step_signals([1e-7], [Span(start=0, end=1)])
    assert signals and signals.mean_logprob == 0.0


@pytest.mark.parametrize(
    ("spans", "tops", "words"),
    [
        ([Span(start=0, end=4)], None, "a step ends at token 4 and there are 3 logprobs"),
        ([Span(start=0, end=3)], [[-0.1]], "1 tokens have top logprobs and 3 have logprobs"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(spans, tops, words):
    with pytest.raises(InputError, match=words):
        step_signals([-0.1, -0.2, -0.3], spans, tops)


def test_the_lowest_window_slides_without_drifting():
    rng = random.Random(9)
    values = draw_logprobs(rng, 5000)
    expected = min(math.fsum(values[i : i + 16]) / 16 for i in range(len(values) - 15))
    assert lowest_window(values, 16) == pytest.approx(expected, abs=1e-9)
