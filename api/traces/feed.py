"""Keeping the frame up to date: from new versions of the store, and from review events of this and other processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tracewright.api.traces.frame import Frame, make_empty_frame
from tracewright.api.traces.standings import DECISIONS, Standings
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.reading import read_frame
from tracewright.pipeline.store.store import TRACES
from tracewright.pipeline.store.table import ModelTable, StoredFile
from tracewright.schemas.review import Decision

_LOG = logging.getLogger("tracewright.api")
_FILES_AT_ONCE = 64
"""Shards whose columns are read before the frame grows: what is there shows after a moment, not at the end."""


@dataclass(frozen=True)
class ReviewSummary:
    """What the reviews of one trace come to, once all events up to a sequence number are counted."""

    trace_id: str
    seq: int
    decision: Decision | None
    review_count: int
    is_blind: bool = False
    """Whether an open queue still wants judgements of the trace that nothing has led."""


class TraceFeed:
    """The newest frame, and the thread that looks for what is new."""

    def __init__(
        self,
        store: Store,
        poll_seconds: float,
        read_reviews: Callable[[int], list[ReviewSummary]],
        read_queues: Callable[[], object],
    ) -> None:
        """`read_reviews` gives the summaries of all traces with events beyond a sequence number; what `read_queues`
        gives is another one once a queue was made, closed or opened."""
        self._table = ModelTable(store.path, TRACES)
        self._delta = self._table.load()
        self._poll_seconds = poll_seconds
        self._read_reviews = read_reviews
        self._read_queues = read_queues
        self._queues: object = None
        self._frame = make_empty_frame()
        self._version = -1
        self._summaries: dict[str, ReviewSummary] = {}
        self._seen_seq = 0
        self._lock = threading.RLock()
        self._pending: list[ReviewSummary] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trace-feed", daemon=True)
        self.is_ready = threading.Event()

    @property
    def frame(self) -> Frame:
        """The newest frame, with every review event that this process has stored."""
        if self._pending:
            with self._lock:
                pending, self._pending = self._pending, []
                self._apply(pending)
        return self._frame

    def start(self) -> None:
        """Begin to look for what is new, at once and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def note(self, summaries: Iterable[ReviewSummary]) -> None:
        """Take in what this process has stored; the next frame that is asked for has it."""
        with self._lock:
            self._pending.extend(summaries)

    def refresh(self) -> None:
        """Take in what is new in the store and the events."""
        self._refresh_traces()
        self.refresh_reviews()
        with self._lock:
            if not self._frame.is_whole:
                self._frame = replace(self._frame, is_whole=True)
        self.is_ready.set()

    def refresh_reviews(self) -> None:
        """Take in the events that are new in the database, whoever stored them."""
        # With the queues what is blind may have changed of every trace.
        queues = self._read_queues()
        summaries = self._read_reviews(self._seen_seq if queues == self._queues else 0)
        with self._lock:
            self._queues = queues
            self._apply(summaries)
            self._seen_seq = max([self._seen_seq, *(summary.seq for summary in summaries)])

    def reviewed(self) -> set[str]:
        """The ids of all traces that have events."""
        with self._lock:
            return {*self._summaries, *(summary.trace_id for summary in self._pending)}

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - the service goes on with the frame it has
                _LOG.error("the frame was not refreshed: %s", type(error).__name__, exc_info=error)
            self._stop.wait(self._poll_seconds)

    def _refresh_traces(self) -> None:
        self._delta.update_incremental()
        if self._delta.version() == self._version:
            return
        version, files = self._delta.version(), self._table.list_files(self._delta)
        known = {file.path for file in self._frame.files}
        gone = known - {file.path for file in files}
        if gone:
            self._rebuild(files)
        else:
            self._append([file for file in files if file.path not in known])
        self._version = version

    def _append(self, files: list[StoredFile]) -> None:
        for start in range(0, len(files), _FILES_AT_ONCE):
            some = tuple(files[start : start + _FILES_AT_ONCE])
            frames = [read_frame(file, TRACES) for file in some]
            with self._lock:
                self._frame = self._restore(self._frame.append(some, frames), self._frame.height)

    def _rebuild(self, files: tuple[StoredFile, ...]) -> None:
        """Rows were rewritten or taken out: begin a frame anew, and show it once it is whole."""
        frame = make_empty_frame()
        for start in range(0, len(files), _FILES_AT_ONCE):
            some = files[start : start + _FILES_AT_ONCE]
            frame = frame.append(some, [read_frame(file, TRACES) for file in some])
        with self._lock:
            self._frame = self._restore(frame, 0)

    def _restore(self, frame: Frame, first: int) -> Frame:
        """With what is known of reviews on the rows from `first` on."""
        if not self._summaries:
            return frame
        new = frame.scalars["trace_id"][first:].to_list()
        return self._mark(frame, [self._summaries[trace_id] for trace_id in new if trace_id in self._summaries])

    def _apply(self, summaries: list[ReviewSummary]) -> None:
        newer: list[ReviewSummary] = []
        for summary in summaries:
            known = self._summaries.get(summary.trace_id)
            if known is None or (known.seq <= summary.seq and known != summary):
                self._summaries[summary.trace_id] = summary
                newer.append(summary)
        if newer:
            self._frame = self._mark(self._frame, newer)

    @staticmethod
    def _mark(frame: Frame, summaries: list[ReviewSummary]) -> Frame:
        if not summaries:
            return frame
        decided, counts, blind = frame.decided.copy(), frame.review_count.copy(), frame.standings.blind.copy()
        for summary in summaries:
            row = frame.row_of(summary.trace_id)
            if row is not None:
                decided[row], counts[row] = DECISIONS.index(summary.decision), summary.review_count
                blind[row] = summary.is_blind
        return frame.with_reviews(Standings(decided, counts, blind))
