"""A store's old rows → verdicts, checks and confidence by the installed versions: the `rescore` flow."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from tracewright.flows.interrupts import stop_on_interrupt
from tracewright.flows.progress import StageProgress, show_progress
from tracewright.pipeline.rescore import RescoreCounts, no_rollouts, rescore_store
from tracewright.pipeline.rollouts import MIN_CONTINUATIONS, RolloutBook
from tracewright.pipeline.store import Store


@flow(name="rescore", validate_parameters=False)
def rescore(path: Path, refit: bool = False, with_rollouts: bool = False) -> RescoreCounts:
    """Bring a store up to date; run again, it finishes what is missing, and where nothing is, it writes nothing.

    With rollouts, traces that were rolled out get their confidence from signals and rollouts, the others from signals.
    """
    store = Store.open(path)
    with stop_on_interrupt(), show_progress() as progress, ExitStack() as stack:
        find = no_rollouts
        if with_rollouts:
            book = stack.enter_context(RolloutBook(store.local))
            find = partial(book.find, continuations=MIN_CONTINUATIONS)
        stage = StageProgress(progress, "rescore", None)

        def show(counts: RescoreCounts) -> None:
            stage.update(counts.traces, f"{counts.stale:,} scored anew")

        counts = rescore_store(store, show, refit=refit, rollouts=find)
        stage.finish(counts.traces, f"{counts.stale:,} scored anew")
    rows = [{"of": of, "change": change, "count": count} for of, change, count in counts.changes.rows()]
    create_table_artifact(rows, key="rescore-changes", description="What scoring anew changed")
    return counts
