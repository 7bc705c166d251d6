"""Answer cases from a file to verdicts in a file: one JSON object a line, same order, same count."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from tracewright.pipeline.config.faults import list_faults
from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.verifier import DEFAULT_TIMEOUT_SECONDS, AnswerVerifier
from tracewright.schemas.errors import MissingInputError
from tracewright.schemas.verdict import Outcome, Verdict

_MAX_REASON_CHARS = 1_000


def verify_file(
    cases: Path, out: Path, workers: int = 1, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
) -> dict[str, int]:
    """Write a verdict for every line of `cases` to `out`, and count the outcomes.

    A line that is no case gets an `error` verdict in its place.

    Raises:
        MissingInputError: there is no file `cases`.
    """
    if not cases.is_file():
        raise MissingInputError(f"no file {cases}: expected answer cases, one JSON object a line; check the path")
    counts: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
    with AnswerVerifier(workers, timeout_seconds) as verifier, out.open("w", encoding="utf-8") as results:
        verifier.start()
        for verdict in _verdicts(cases, verifier):
            counts[verdict.outcome.value] += 1
            results.write(verdict.model_dump_json() + "\n")
    return dict(counts)


def _verdicts(path: Path, verifier: AnswerVerifier) -> Iterator[Verdict]:
    """A verdict for every line, in order; lines that are no case are put aside and come back in their place."""
    refused: deque[tuple[int, Verdict]] = deque()

    def cases() -> Iterator[AnswerCase]:
        with path.open("rb") as lines:
            for number, line in enumerate(lines):
                try:
                    yield AnswerCase.model_validate_json(line)
                except ValidationError as error:
                    refused.append(
                        (number, Verdict(outcome=Outcome.ERROR, method="input", reason=_describe(line, error)))
                    )

    number = 0
    for verdict in verifier.verify_many(cases()):
        while refused and refused[0][0] == number:
            yield refused.popleft()[1]
            number += 1
        yield verdict
        number += 1
    for _, verdict in refused:
        yield verdict


def _describe(line: bytes, error: ValidationError) -> str:
    """What is wrong with a line: where, what was received, what was expected, and the nearest known name."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return f"the line is no JSON ({first['msg']}): expected one object with gold and prediction"
    faults = list_faults(AnswerCase, json.loads(line), error)
    return f"the line is not an answer case: {'; '.join(faults)}"[:_MAX_REASON_CHARS]
