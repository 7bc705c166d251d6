"""What is known of continuations, kept beside a store by prefix, so that no continuation is made twice.

Two traces that begin alike share what was found: samples of one problem often have their first steps in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from tracewright.pipeline.confidence import Rollout
from tracewright.pipeline.store import Journal
from tracewright.pipeline.store.disk import make_folder
from tracewright.pipeline.store.locks import WriterLock
from tracewright.schemas import Outcome, Trace, make_id

FOLDER = "rollouts"
"""Of the store."""
MIN_CONTINUATIONS = 4
"""Of every step, before a trace's confidence takes its rollouts into account."""
_LOCKS = "locks"


def hash_prefix(trace: Trace, end: int) -> str:
    """What makes two prefixes the same: the teacher but for its seed, the problem, and the text so far."""
    return make_id("prefix", trace.teacher.family, trace.problem.content_id, trace.text[:end])


class RolloutBook:
    """The continuations of a store's steps; one process at a time, to be used in a `with` block.

    A continuation is on the disk when `note` returns, safe from the death of this process at once and from that of the
    machine after half a second. Memory: one entry a prefix and one a trace.
    """

    def __init__(self, store: Path) -> None:
        """Take the lock and read what is there.

        Raises:
            StoreError: another process has the book, or it can't be read.
        """
        self._samples: defaultdict[str, dict[int, bool | None]] = defaultdict(dict)
        """By prefix, whether each sample ended right; None where its answer could not be judged."""
        self._traces: dict[str, tuple[str, ...]] = {}
        self._tokens: defaultdict[str, int] = defaultdict(int)
        make_folder(store / _LOCKS)
        self._lock = WriterLock(store / _LOCKS / f"{FOLDER}.lock")
        try:
            self._journal = Journal(store / FOLDER)
            for _, record in self._journal.replay():
                self._learn(record)
        except BaseException:
            self._lock.release()
            raise

    def spent(self, family: str) -> int:
        """The tokens of all continuations that a teacher has made."""
        return self._tokens[family]

    def missing(self, prefix: str, continuations: int) -> Iterator[int]:
        """Which of the prefix's first samples are not there yet."""
        known = self._samples.get(prefix, {})
        return (sample for sample in range(continuations) if sample not in known)

    def note(self, family: str, prefix: str, sample: int, outcome: Outcome, tokens: int) -> None:
        """Keep what came of a continuation."""
        self._write(
            {"family": family, "prefix": prefix, "sample": sample, "right": outcome is Outcome.CORRECT}
            | {"outcome": outcome.value, "tokens": tokens}
        )

    def note_trace(self, trace_id: str, prefixes: Sequence[str]) -> None:
        """Keep which prefixes the trace's steps end; noting it again does nothing."""
        if trace_id not in self._traces:
            self._write({"trace": trace_id, "prefixes": list(prefixes)})

    def find(self, trace_id: str, continuations: int = 1) -> list[Rollout | None] | None:
        """What came of continuing from each step of a trace; None unless every step has so many continuations.

        Those that could not be judged (the verifier ran out of time) are no wrong ones: they are left out.
        """
        prefixes = self._traces.get(trace_id)
        found = [self._samples.get(prefix, {}) for prefix in prefixes or ()]
        if not found or any(len(samples) < continuations for samples in found):
            return None
        judged = [[right for right in samples.values() if right is not None] for samples in found]
        return [Rollout(sum(rights), len(rights)) if rights else None for rights in judged]

    def trace_ids(self) -> list[str]:
        """Every trace that was begun, in the order in which they were."""
        return list(self._traces)

    def close(self) -> None:
        """Sync, and let another process in."""
        try:
            self._journal.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, record: dict[str, Any]) -> None:
        self._journal.append(record)
        self._learn(record)

    def _learn(self, record: dict[str, Any]) -> None:
        if "trace" in record:
            self._traces[record["trace"]] = tuple(record["prefixes"])
        else:
            is_judged = record["outcome"] != Outcome.ERROR.value
            self._samples[record["prefix"]][record["sample"]] = record["right"] if is_judged else None
            self._tokens[record["family"]] += record["tokens"]
