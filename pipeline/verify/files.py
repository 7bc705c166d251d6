"""Answer cases from a file to verdicts in a file: one JSON object a line, same order, same count."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.verifier import DEFAULT_TIMEOUT_SECONDS, AnswerVerifier
from tracewright.schemas.errors import MissingInputError
from tracewright.schemas.verdict import Outcome, Verdict


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
                    refused.append((number, Verdict(outcome=Outcome.ERROR, method="input", reason=_describe(error))))

    number = 0
    for verdict in verifier.verify_many(cases()):
        while refused and refused[0][0] == number:
            yield refused.popleft()[1]
            number += 1
        yield verdict
        number += 1
    for _, verdict in refused:
        yield verdict


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"the line is not an answer case: {place + ': ' if place else ''}{first['msg']}"
