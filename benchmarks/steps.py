"""How fast completions become checked steps, and what the checks find on real solutions.

`bench steps`. One process, one core, each text seen once, times in CPU seconds. The long traces are worked solutions of
random problems with 19 operators, 20 steps each, one token a character: the embedded teacher's format at the length
that the limit names. GSM8K's solutions and the labelled mistakes are measured where `../shared/data` is.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tracewright.pipeline.confidence import step_signals
from tracewright.pipeline.sources.arithmetic import (
    OPERATORS,
    Expression,
    Node,
    format_expression,
    is_within_limits,
    work_solution,
)
from tracewright.pipeline.steps import check_steps, first_failed_step, segment, token_spans

TRACES = 600
OPERATIONS = 19
WARM_UP_TRACES = 20
DATA = Path("../shared/data")
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def run(seed: int = 0) -> dict[str, Any]:
    """Traces per second with the microseconds that each part takes, and the alarms on real solutions."""
    rng = random.Random(seed)
    problems = [_draw_long(rng) for _ in range(TRACES)]
    pairs = [(format_expression(problem), work_solution(problem)) for problem in problems]
    _measure(pairs[:WARM_UP_TRACES])
    figures = {f"worked_{key}": value for key, value in _measure(pairs).items()}
    if (DATA / "gsm8k").is_dir():
        figures |= _measure_gsm8k()
    if (DATA / "mistake").is_dir():
        figures |= _measure_mistakes()
    return figures


def _draw_long(rng: random.Random) -> Expression:
    """An expression grown operation by operation, so that no value on the way is too large."""
    expression: Expression = rng.randint(1, 99)
    operations = 0
    while operations < OPERATIONS:
        other: Expression = rng.randint(1, 99)
        if operations + 2 <= OPERATIONS and rng.random() < 0.5:
            other = Node(rng.choice(OPERATORS), rng.randint(1, 9), rng.randint(1, 9))
        pair = (expression, other) if rng.random() < 0.7 else (other, expression)
        grown = Node(rng.choice(OPERATORS), *pair)
        if is_within_limits(grown):
            operations += 1 + isinstance(other, Node)
            expression = grown
    return expression


def _measure(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Segmenting with token spans, signals of one token a character, and checks."""
    seconds = [0.0, 0.0, 0.0]
    steps = 0
    for question, text in pairs:
        logprobs = [-0.05] * len(text)
        start = time.process_time()
        spans = segment(text)
        tokens = token_spans(spans, range(1, len(text) + 1))
        cut = time.process_time()
        step_signals(logprobs, tokens)
        signalled = time.process_time()
        check_steps(question, [text[span.start : span.end] for span in spans])
        end = time.process_time()
        for place, part in enumerate((cut - start, signalled - cut, end - signalled)):
            seconds[place] += part
        steps += len(spans)
    total = sum(seconds)
    parts = {
        f"microseconds_a_step_{name}": 1e6 * part / steps
        for name, part in zip(("segment", "signals", "checks"), seconds, strict=True)
    }
    return {"traces_a_second": len(pairs) / total, "steps_a_trace": steps / len(pairs), **parts}


def _measure_gsm8k() -> dict[str, Any]:
    rows = list(_read_rows(DATA / "gsm8k" / "example_model_solutions.jsonl"))
    solutions = [(row["question"], row[model]) for row in rows for model in MODELS]
    speed = _measure([(question, solution["solution"]) for question, solution in solutions])
    correct = [(question, s["solution"]) for question, s in solutions if s["is_correct"]]
    wrong = [(question, s["solution"]) for question, s in solutions if not s["is_correct"]]
    return {
        **{f"gsm8k_{key}": value for key, value in speed.items()},
        "gsm8k_correct": len(correct),
        "gsm8k_alarms_on_correct": _count_alarms(correct),
        "gsm8k_wrong": len(wrong),
        "gsm8k_alarms_on_wrong": _count_alarms(wrong),
    }


def _measure_mistakes() -> dict[str, Any]:
    """The labelled first mistakes; a row without one and with a wrong answer is mislabelled and left out."""
    rows = list(_read_rows(DATA / "mistake" / "multistep_arithmetic.jsonl"))
    labelled = [row for row in rows if row["mistake_index"] is not None]
    clean = [row for row in rows if row["mistake_index"] is None and row["answer"] == row["target"]]
    return {
        "mistakes": len(labelled),
        "mistakes_found_at_their_step": sum(_first_failed(row) == row["mistake_index"] for row in labelled),
        "mistakes_clean": len(clean),
        "mistakes_alarms_on_clean": sum(_first_failed(row) is not None for row in clean),
    }


def _first_failed(row: dict[str, Any]) -> int | None:
    return first_failed_step(check_steps(row["input"], row["steps"]))


def _count_alarms(pairs: Sequence[tuple[str, str]]) -> int:
    return sum(first_failed_step(check_steps(question, text.splitlines())) is not None for question, text in pairs)


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
