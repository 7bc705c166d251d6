"""What the attempts of a store say of the traces that they would have been."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracewright.schemas.trace import AttemptKind

_NO_LIMIT = 2**63 - 1


@dataclass
class AttemptMarks:
    """By trace id."""

    failed: set[str] = field(default_factory=set[str])
    """Those whose last attempt failed."""
    stopped: set[str] = field(default_factory=set[str])
    """Those that were given up early at some time."""
    cut_at: dict[str, int] = field(default_factory=dict[str, int])
    """The highest limit, in tokens, at which they were cut."""

    def add(self, trace_id: str, kind: AttemptKind, max_tokens: int | None) -> None:
        """Take one attempt, the oldest first."""
        self.failed.discard(trace_id)
        if kind is AttemptKind.FAILED:
            self.failed.add(trace_id)
        elif kind is AttemptKind.STOPPED:
            self.stopped.add(trace_id)
        else:
            self.cut_at[trace_id] = max(self.cut_at.get(trace_id, 0), _NO_LIMIT if max_tokens is None else max_tokens)

    def was_cut_at(self, trace_id: str, max_tokens: int | None) -> bool:
        """Whether it was cut at this limit or a higher one; without a limit, at any."""
        return self.cut_at.get(trace_id, -1) >= (max_tokens or 0)
