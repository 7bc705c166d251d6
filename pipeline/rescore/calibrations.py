"""Which calibration each teacher of a store has: one that is up to date, or one fitted on the store's own steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tracewright.pipeline.confidence import (
    Calibration,
    NotEnoughData,
    TraceSample,
    find_calibration,
    fit,
    sample_trace,
    save_calibration,
)
from tracewright.pipeline.confidence.samples import MAX_FIT_STEPS, is_sampled
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.rescore.traces import Chosen, FindRollouts, check_again
from tracewright.pipeline.scoring import NO_LOGPROBS
from tracewright.pipeline.steps import CHECKER_VERSION
from tracewright.pipeline.store import TraceRewriter
from tracewright.pipeline.store.table import StoredFile
from tracewright.schemas import TeacherRef

FOLDER = "calibration"
"""Of the store."""


@dataclass
class Family:
    """The traces of one teacher, whatever its seed."""

    teacher: TeacherRef
    fingerprints: set[str] = field(default_factory=set[str])
    steps: int = 0
    """Of those traces that have signals."""
    rolled_out_steps: int = 0


def find_families(rewriter: TraceRewriter, files: Sequence[StoredFile], rollouts: FindRollouts) -> dict[str, Family]:
    """The teachers of these shards by family, from four columns."""
    teachers: dict[str, TeacherRef] = {}
    names: dict[str, str] = {}
    families: dict[str, Family] = {}
    for file in files:
        table = rewriter.read_columns(
            file, ["trace_id", "teacher", "teacher.fingerprint", "step_count", "confidence_reason"]
        )
        prints = table["teacher.fingerprint"].to_pylist()
        for place, fingerprint in enumerate(prints):
            if fingerprint not in teachers:
                teachers[fingerprint] = TeacherRef.model_validate(table["teacher"][place].as_py())
                names[fingerprint] = teachers[fingerprint].family
        columns = (table[name].to_pylist() for name in ("trace_id", "step_count", "confidence_reason"))
        for fingerprint, trace_id, steps, reason in zip(prints, *columns, strict=True):
            teacher = teachers[fingerprint]
            family = families.setdefault(names[fingerprint], Family(teacher))
            family.fingerprints.add(fingerprint)
            family.steps += steps if reason != NO_LOGPROBS else 0
            family.rolled_out_steps += steps if rollouts(trace_id) is not None else 0
    return families


def choose_for(
    rewriter: TraceRewriter,
    files: Sequence[StoredFile],
    store: Path,
    family: Family,
    rollouts: FindRollouts,
    *,
    refit: bool,
) -> Chosen:
    """The family's calibrations: one that is there and up to date, else one fitted on its steps, then kept.

    With `refit` it is fitted anew even so.
    """
    alone = None if refit else _find_current(store, family.teacher, with_rollouts=False)
    reason: str | None = None
    if alone is None:
        alone, reason = _fit(_sample(rewriter, files, family, family.steps, None), store, family)
    rolled_out = None
    if family.rolled_out_steps:
        rolled_out = None if refit else _find_current(store, family.teacher, with_rollouts=True)
        if rolled_out is None:
            samples = _sample(rewriter, files, family, family.rolled_out_steps, rollouts)
            rolled_out, _ = _fit(samples, store, family)
    return Chosen(alone, rolled_out, reason or "")


def _find_current(store: Path, teacher: TeacherRef, *, with_rollouts: bool) -> Calibration | None:
    folder = store / FOLDER
    for place in (folder, embedded.checkpoint_path() / FOLDER):
        found = find_calibration(place, teacher, with_rollouts=with_rollouts)
        if found and found.applies_to(teacher.family) and found.checker_version == CHECKER_VERSION:
            save_calibration(found, folder)
            return found
    return None


def _fit(samples: Iterable[TraceSample], store: Path, family: Family) -> tuple[Calibration | None, str | None]:
    """A fresh calibration, kept; or none and why."""
    fitted = fit(list(samples), family.teacher.family, datetime.now(UTC))
    if isinstance(fitted, NotEnoughData):
        return None, f"too little to calibrate this teacher on: {fitted.reason}"
    save_calibration(fitted, store / FOLDER)
    return fitted, None


def _sample(
    rewriter: TraceRewriter, files: Sequence[StoredFile], family: Family, steps: int, rollouts: FindRollouts | None
) -> Iterator[TraceSample]:
    """What fitting needs of the family's traces: of all problems, or of a share of them that fits into memory."""
    if not steps:
        return
    share = MAX_FIT_STEPS / steps
    for file in files:
        for trace in rewriter.iter_traces(file):
            if trace.teacher.fingerprint not in family.fingerprints:
                continue
            found = rollouts(trace.trace_id) if rollouts else None
            wanted = (rollouts is None or found is not None) and is_sampled(trace.problem.content_id, share)
            if wanted:
                yield sample_trace(check_again(trace), found)
