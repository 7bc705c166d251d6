"""What a store knows of the samples that a run would ask for."""

from __future__ import annotations

from collections.abc import Callable

from tracewright.pipeline.generation.teaching import Teaching
from tracewright.pipeline.store import Store


class Settled:
    """Which samples need not be asked for, and which of them came out correct."""

    def __init__(self, store: Store, teaching: Teaching, has_trace: Callable[[str], bool]) -> None:
        """Read the store's attempts and, where it matters, its verdicts."""
        self._teaching = teaching
        self._has_trace = has_trace
        self._attempts = store.attempt_marks()
        needs_verdicts = teaching.until_correct is not None
        self._correct = store.trace_ids(teaching.teacher.fingerprint, correct=True) if needs_verdicts else set[str]()

    def holds(self, trace_id: str) -> bool:
        """Whether the sample is finished, was cut at a limit no lower than the present one, or failed for good.

        Given up early counts while that is wanted.
        """
        if self._has_trace(trace_id):
            return True
        if trace_id in self._attempts.stopped and self._teaching.early_stop is not None:
            return True
        failed = trace_id in self._attempts.failed and not self._teaching.retry_failed
        return failed or self._attempts.was_cut_at(trace_id, self._teaching.max_tokens)

    def is_failed(self, trace_id: str) -> bool:
        """Whether it is settled by a failure alone."""
        return trace_id in self._attempts.failed and not self._has_trace(trace_id)

    def is_cut(self, trace_id: str) -> bool:
        """Whether it is settled by a completion that a limit cut."""
        return trace_id in self._attempts.cut_at and not self._has_trace(trace_id) and not self.is_failed(trace_id)

    def is_correct(self, trace_id: str) -> bool:
        """Whether it is known to have been solved; only where a number of correct traces is asked for."""
        return trace_id in self._correct
