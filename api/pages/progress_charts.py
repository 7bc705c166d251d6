"""A queue's burn-down and its reviewers' throughput, laid out for drawing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

WIDTH, HEIGHT = 520.0, 150.0
"""Of the plot, without its labels."""
MAX_SERIES = 4
"""Reviewers with a colour of their own; the others share the last."""
OTHERS = "others"
_MINUTE, _HOUR, _DAY = 60_000_000, 3_600_000_000, 86_400_000_000
_BUCKETS = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY)
_MOST_BUCKETS = 48
_WIDEST = 40.0
"""A bar, in pixels."""
Counts = Sequence[tuple[int, str, int]]
"""Number of the span of time since 1970, reviewer, traces judged."""


@dataclass(frozen=True)
class Tick:
    """A place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class BurnDown:
    """What is left over time, as a line and the area beneath it."""

    line: str
    area: str
    high: int
    left: int
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Block:
    """What one reviewer judged in one span of time."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True)
class Throughput:
    """What reviewers judged in each span of time, one upon the other."""

    blocks: tuple[Block, ...]
    names: tuple[str, ...]
    high: int
    span: str
    ticks: tuple[Tick, ...]


def choose_bucket(start: int, now: int) -> int:
    """The span of time, in microseconds, that one bar stands for."""
    return next((one for one in _BUCKETS if (now - start) / one <= _MOST_BUCKETS), _BUCKETS[-1])


def draw_burn_down(wanted: int, counts: Counts, bucket: int, start: int, now: int) -> BurnDown | None:
    """The judgements that are still wanted, from the queue's beginning to now."""
    if not wanted:
        return None
    done = Counter[int]()
    for place, _, count in counts:
        done[place] += count
    first, last = start // bucket, now // bucket
    left, points = wanted, [(0.0, 0.0)]
    for place in sorted(done):
        x = _x(place + 0.5, first, last)
        points.append((x, points[-1][1]))
        left -= done[place]
        points.append((x, HEIGHT * (1 - max(0, left) / wanted)))
    points.append((WIDTH, points[-1][1]))
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    area = f"{line}L{WIDTH:.0f} {HEIGHT:.0f}L0 {HEIGHT:.0f}Z"
    return BurnDown(line, area, wanted, max(0, left), _ticks(first, last, bucket))


def draw_throughput(counts: Counts, bucket: int, start: int, now: int) -> Throughput | None:
    """Bars of what was judged, one colour a reviewer."""
    if not counts:
        return None
    totals = Counter[str]()
    for _, reviewer, count in counts:
        totals[reviewer] += count
    busiest = [name for name, _ in totals.most_common()]
    names = busiest if len(busiest) <= MAX_SERIES else [*busiest[: MAX_SERIES - 1], OTHERS]
    stacks: dict[int, Counter[str]] = defaultdict(Counter)
    for place, reviewer, count in counts:
        stacks[place][reviewer if reviewer in names else OTHERS] += count
    high = max(sum(stack.values()) for stack in stacks.values())
    first, last = start // bucket, now // bucket
    width = min(_WIDEST, max(2.0, WIDTH / (last - first + 1) - 2))
    blocks = [
        block for place in sorted(stacks) for block in _stack(stacks[place], names, _x(place, first, last), width, high)
    ]
    return Throughput(tuple(blocks), tuple(names), high, _say_span(bucket), _ticks(first, last, bucket))


def _stack(stack: Counter[str], names: Sequence[str], x: float, width: float, high: int) -> list[Block]:
    y, blocks = HEIGHT, list[Block]()
    for series, name in enumerate(names):
        if not stack[name]:
            continue
        height = HEIGHT * stack[name] / high
        y -= height
        blocks.append(
            Block(round(x, 1), round(y, 1), round(width, 1), round(height, 1), series + 1, f"{name}: {stack[name]:,}")
        )
    return blocks


def _x(place: float, first: int, last: int) -> float:
    return WIDTH * max(0.0, place - first) / (last - first + 1)


def _ticks(first: int, last: int, bucket: int) -> tuple[Tick, ...]:
    form = "%H:%M" if bucket < _HOUR else "%-d %b %H:%M" if bucket < _DAY else "%-d %b"
    places = sorted({first, (first + last + 1) // 2, last})
    return tuple(
        Tick(round(_x(place, first, last), 1), datetime.fromtimestamp(place * bucket / 1e6, UTC).strftime(form))
        for place in places
    )


def _say_span(bucket: int) -> str:
    if bucket < _HOUR:
        return "minute" if bucket == _MINUTE else f"{bucket // _MINUTE} minutes"
    if bucket < _DAY:
        return "hour" if bucket == _HOUR else f"{bucket // _HOUR} hours"
    return "day" if bucket == _DAY else f"{bucket // _DAY} days"
