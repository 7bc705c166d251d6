"""Going through a store and scoring anew what is not up to date.

Shard by shard, each replaced in one commit: killed at any point, the same call finishes the rest, and a store that is
up to date is not written to. Writers may add traces meanwhile; what they add is for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tracewright.pipeline.confidence import Rollout
from tracewright.pipeline.rescore.calibrations import choose_for, find_families
from tracewright.pipeline.rescore.changes import RescoreCounts
from tracewright.pipeline.rescore.traces import VERSION_COLUMNS, Chosen, FindRollouts, is_current, rescore_trace
from tracewright.pipeline.store import Store, TraceRewriter
from tracewright.pipeline.store.table import StoredFile
from tracewright.schemas import Trace


def no_rollouts(_trace_id: str) -> Sequence[Rollout | None] | None:
    """No trace was rolled out."""
    return None


def rescore_store(
    store: Store,
    report: Callable[[RescoreCounts], None],
    *,
    refit: bool = False,
    rollouts: FindRollouts = no_rollouts,
) -> RescoreCounts:
    """Bring verdicts, checks and confidence up to the installed versions; a second call changes nothing.

    The texts, tokens, steps and ids of the traces stay as they are, older versions of the store too. A teacher whose
    calibration is missing or was fitted on other checks gets one from the store's own steps; with `refit` every
    teacher does. Memory: one shard, and what fitting keeps of 200,000 steps.

    Raises:
        StoreError: another call is at work, or the disk is full; shards that were committed stay.
        InputError, IntegrityError: a calibration beside the store is torn or was changed.
    """
    counts = RescoreCounts()
    with store.rewriter() as rewriter:
        files = rewriter.files()
        families = find_families(rewriter, files, rollouts)
        chosen: dict[str, Chosen] = {}
        for name, family in families.items():
            one = choose_for(rewriter, files, store.path, family, rollouts, refit=refit)
            versions = [fitted.version for fitted in (one.calibration, one.with_rollouts) if fitted]
            counts.calibrations[name] = ", ".join(versions) or one.reason
            chosen |= dict.fromkeys(family.fingerprints, one)
        for file in files:
            stale = _find_stale(rewriter, file, chosen, rollouts)
            if any(stale):
                rewriter.replace(file, _rescore(rewriter.iter_traces(file), stale, chosen, rollouts, counts))
                counts.rewritten_shards += 1
            counts.shards += 1
            counts.traces += len(stale)
            counts.stale += sum(stale)
            report(counts)
    return counts


def _find_stale(
    rewriter: TraceRewriter, file: StoredFile, chosen: Mapping[str, Chosen], rollouts: FindRollouts
) -> list[bool]:
    """For each row of a shard whether it has to be scored anew."""
    table = rewriter.read_columns(file, ["trace_id", "teacher.fingerprint", *VERSION_COLUMNS])
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    return [
        not is_current(tuple(versions), chosen[fingerprint], rollouts(trace_id))
        for trace_id, fingerprint, *versions in rows
    ]


def _rescore(
    traces: Iterable[Trace],
    stale: Sequence[bool],
    chosen: Mapping[str, Chosen],
    rollouts: FindRollouts,
    counts: RescoreCounts,
) -> Iterator[Trace]:
    """A shard's traces, the stale ones scored anew."""
    for trace, is_stale in zip(traces, stale, strict=True):
        if not is_stale:
            yield trace
            continue
        scored = rescore_trace(trace, chosen[trace.teacher.fingerprint], rollouts(trace.trace_id))
        counts.changes.add(trace, scored)
        yield scored
