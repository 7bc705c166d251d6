"""Verification of many answers, from any thread and inside asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from tracewright.pipeline.verify.cases import AnswerCase
from tracewright.pipeline.verify.policy import Policy
from tracewright.pipeline.verify.verifier import DEFAULT_TIMEOUT_SECONDS, verify_answer
from tracewright.schemas.problem import AnswerKind
from tracewright.schemas.verdict import Verdict


class AnswerVerifier:
    """Verifies answers with a pool of killable workers; use it as a context manager."""

    def __init__(self, workers: int = 1, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        self.workers = workers
        self.timeout_seconds = timeout_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; a second call does nothing."""

    def verify(
        self,
        gold: str,
        completion: str,
        *,
        kind: AnswerKind | str = AnswerKind.MATH,
        policy: Policy | None = None,
        choices: Sequence[str] = (),
        accepted_answers: Sequence[str] = (),
        truncated: bool = False,
    ) -> Verdict:
        """As `verify_answer`, with the pool's workers."""
        return verify_answer(
            gold,
            completion,
            kind=kind,
            policy=policy,
            choices=choices,
            accepted_answers=accepted_answers,
            truncated=truncated,
            timeout_seconds=self.timeout_seconds,
        )

    async def verify_async(self, case: AnswerCase) -> Verdict:
        """Verify without holding up the event loop."""
        return await asyncio.to_thread(self._verify_case, case)

    def verify_many(self, cases: Iterable[AnswerCase]) -> Iterator[Verdict]:
        """The verdicts in the order of the cases, as they are ready."""
        return map(self._verify_case, cases)

    def _verify_case(self, case: AnswerCase) -> Verdict:
        return self.verify(
            case.gold,
            case.prediction,
            kind=case.kind,
            policy=case.policy,
            choices=case.choices,
            accepted_answers=case.accepted_answers,
            truncated=case.truncated,
        )
