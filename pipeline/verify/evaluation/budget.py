"""How much work one comparison of two answers may be, all its evaluations together."""

from __future__ import annotations

from contextvars import ContextVar

from tracewright.pipeline.verify.failures import LimitError
from tracewright.pipeline.verify.limits import MAX_COMPARISON_MS


class Budget:
    """Work that is still allowed, in milliseconds as they were estimated: the same on every machine."""

    def __init__(self) -> None:
        self._spent_ms = 0.0

    def spend(self, milliseconds: float) -> None:
        """Take note of work.

        Raises:
            LimitError: it is too much, this time and every time after.
        """
        self._spent_ms += milliseconds
        if self._spent_ms > MAX_COMPARISON_MS:
            raise LimitError("the comparison takes too much work")


_BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def begin_comparison() -> None:
    """Let all evaluations from here on, in this thread or task, share a new budget."""
    _BUDGET.set(Budget())


def current_budget() -> Budget:
    """The budget of the comparison under way; a new one where there is none."""
    return _BUDGET.get() or Budget()
