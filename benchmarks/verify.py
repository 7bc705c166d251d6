"""The answer verifier beside math-verify: accuracy, false positives, time for each case and throughput.

Both judge the same cases one after another, warm, in rounds that take turns. math-verify runs in its own process (it
needs the main thread, and some answers would take this process with them), set up as well as it can be: LaTeX and plain
expressions, boxes first, formulas without dollar signs given some. Cases that rest on a convention are judged and
timed too, but counted on their own.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewright.pipeline.verify import AnswerCase, AnswerVerifier
from tracewright.schemas.errors import InputError, MissingInputError
from tracewright.schemas.problem import AnswerKind

TABLES = Path(__file__).resolve().parents[1] / "tests" / "pipeline" / "verify" / "cases"
ROUNDS = 5
PEER_TIMEOUT_SECONDS = 2
"""As long as our own limit; math-verify's alarm."""
PEER_KILL_SECONDS = 6.0
"""An answer that holds math-verify longer, past its own alarms, costs it the case and a new process."""
_PEER_START_SECONDS = 120.0
_MAX_BARE_WORDS = 4


@dataclass(frozen=True)
class LabelledCase:
    """A case with what is right about it; a convention where the label rests on one."""

    case: AnswerCase
    equal: bool
    convention: str | None = None


@dataclass(frozen=True)
class Judged:
    """One round: what was called correct and how long each case took."""

    correct: tuple[bool, ...]
    seconds: tuple[float, ...]


def run(cases: Path | None, seed: int) -> dict[str, Any]:
    """The figures of `bench verify`: of the mathematics among `cases`, or among the repository's own tables.

    `cases` has one JSON object a line: gold, prediction, expected_equal and perhaps kind, policy and convention.
    """
    labelled = read_cases(cases)
    random.Random(seed).shuffle(labelled)
    mathematics = [item for item in labelled if item.case.kind is AnswerKind.MATH]
    with AnswerVerifier(workers=1) as verifier, _Peer() as peer:
        verifier.start()
        # The first round is not counted: it warms both up.
        _, *rounds = [(judge_ours(verifier, mathematics), peer.judge(mathematics)) for _ in range(ROUNDS + 1)]
        everything = judge_ours(verifier, labelled)
    ours, theirs = rounds[-1]
    seconds = sorted(second for ours, _ in rounds for second in ours.seconds)
    accuracy, false_positives = _score(mathematics, ours)
    peer_accuracy, peer_false_positives = _score(mathematics, theirs)
    all_accuracy, all_false_positives = _score(labelled, everything)
    return {
        "accuracy": accuracy,
        "false_positives": false_positives,
        "median_ms": statistics.median(seconds) * 1000,
        "p99_ms": seconds[int(len(seconds) * 0.99)] * 1000,
        "peer_accuracy": peer_accuracy,
        "peer_false_positives": peer_false_positives,
        "peer_median_ms": statistics.median(theirs.seconds) * 1000,
        "speedup": statistics.median(sum(theirs.seconds) / sum(ours.seconds) for ours, theirs in rounds),
        "cases": len(mathematics),
        "all_kinds": {"cases": len(labelled), "accuracy": all_accuracy, "false_positives": all_false_positives},
        "conventions": _by_convention(labelled, everything),
    }


def read_cases(path: Path | None) -> list[LabelledCase]:
    """The labelled cases of a file, or of the repository's tables; rows without a label are left out.

    Raises:
        MissingInputError: there is no such file.
        InputError: no row of it has a label.
    """
    if path is None:
        tables = [table for table in sorted(TABLES.glob("*.json")) if table.stem not in ("code", "hostile", "policies")]
        kinds = {"choice": "choice", "text": "text"}
        rows = [
            {"kind": kinds.get(table.stem, "math"), **row} for table in tables for row in json.loads(table.read_text())
        ]
    elif path.is_file():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        raise MissingInputError(f"no file {path}: expected labelled answer cases, one JSON object a line")
    labelled = [_label(row) for row in rows if "expected_equal" in row or "correct" in row]
    if not labelled:
        raise InputError(f"{path or TABLES} holds no labelled case: a row needs gold, prediction and expected_equal")
    return labelled


def _label(row: dict[str, Any]) -> LabelledCase:
    equal = row["expected_equal"] if "expected_equal" in row else row["correct"]
    return LabelledCase(AnswerCase.model_validate(row), bool(equal), row.get("convention"))


def judge_ours(verifier: AnswerVerifier, labelled: Sequence[LabelledCase]) -> Judged:
    """One round of ours."""
    correct: list[bool] = []
    seconds: list[float] = []
    for item in labelled:
        started = time.perf_counter()
        correct.append(verifier.verify_case(item.case).outcome == "correct")
        seconds.append(time.perf_counter() - started)
    return Judged(tuple(correct), tuple(seconds))


def _score(labelled: Sequence[LabelledCase], judged: Judged) -> tuple[float, float]:
    """Accuracy, and the share of wrong answers that are called correct; cases with a convention left out."""
    pairs = [
        (item.equal, correct) for item, correct in zip(labelled, judged.correct, strict=True) if not item.convention
    ]
    accuracy = sum(equal == correct for equal, correct in pairs) / len(pairs)
    wrong = [correct for equal, correct in pairs if not equal]
    return accuracy, sum(wrong) / max(len(wrong), 1)


def _by_convention(labelled: Sequence[LabelledCase], judged: Judged) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for item, correct in zip(labelled, judged.correct, strict=True):
        if item.convention:
            count = counts.setdefault(item.convention, {"cases": 0, "agree": 0})
            count["cases"] += 1
            count["agree"] += item.equal == correct
    return counts


class _Peer:
    """math-verify in a process of its own, started again when an answer hangs or ends it."""

    def __init__(self) -> None:
        self._process = self._start()

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(Path(__file__).resolve()), "--peer"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._process = process
        if self._read(_PEER_START_SECONDS) is None:
            raise RuntimeError("math-verify did not start: is it installed?")
        return process

    def judge(self, labelled: Sequence[LabelledCase]) -> Judged:
        """One round of math-verify; a case that it does not survive is not correct and took as long as it took."""
        correct: list[bool] = []
        seconds: list[float] = []
        for item in labelled:
            started = time.perf_counter()
            answer = self._ask({"gold": item.case.gold, "prediction": item.case.prediction})
            correct.append(bool(answer and answer["correct"]))
            seconds.append(answer["seconds"] if answer else time.perf_counter() - started)
            if answer is None:
                self.__exit__()
                self._start()
        return Judged(tuple(correct), tuple(seconds))

    def _ask(self, question: dict[str, str]) -> dict[str, Any] | None:
        if self._process.stdin is None:
            return None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        return self._read(PEER_KILL_SECONDS)

    def _read(self, timeout_seconds: float) -> dict[str, Any] | None:
        stream = self._process.stdout
        if stream is None or not select.select([stream], [], [], timeout_seconds)[0]:
            return None
        line = stream.readline()
        return json.loads(line) if line else None


def _serve_peer() -> None:
    """Judge questions from stdin with math-verify, and time it without the pipe."""
    import logging

    from math_verify import parse, verify
    from math_verify.parser import ExprExtractionConfig, LatexExtractionConfig

    logging.disable(logging.CRITICAL)
    targets = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        started = time.perf_counter()
        try:
            gold, given = (
                parse(_delimited(question[key]), targets, parsing_timeout=PEER_TIMEOUT_SECONDS)
                for key in ("gold", "prediction")
            )
            correct = bool(gold and given and verify(gold, given, timeout_seconds=PEER_TIMEOUT_SECONDS))
        except Exception:  # noqa: BLE001 - what it can't judge is not correct
            correct = False
        print(json.dumps({"correct": correct, "seconds": time.perf_counter() - started}), flush=True)


def _delimited(text: str) -> str:
    """A bare formula between dollar signs, without which math-verify takes no LaTeX; other texts as they are."""
    has_marks = re.search(r"\$|\\\(|\\\[|\\boxed", text)
    words = re.findall(r"(?<![\\\w])[A-Za-z]{3,}", text)
    return text if has_marks or len(words) > _MAX_BARE_WORDS or "\n" in text else f"${text}$"


if __name__ == "__main__" and "--peer" in sys.argv:
    _serve_peer()
