"""The flows that a Prefect server can start: by name (`generate/generate`, `curate/curate` …) or at set times.

Each takes JSON alone, is the same flow as its command, and can be run again after any kill: what is there it leaves.
`schedules.yaml` says when they run. What a flow is made of is imported by its run: a generation needs no trainer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tracewright.flows.devices import lease_for_teacher, lease_one
from tracewright.pipeline.config import GenerateConfig, load_config
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.locks import WriterLock
from tracewright.pipeline.store.store import LOCKS
from tracewright.schemas import StoreBusyError

Answer = dict[str, Any] | State[Any]


@flow
def generate(config: Path, retry_failed: bool = False) -> Answer:
    """Problems → traces: what the config's store lacks. Skipped while an earlier run is at it."""
    from tracewright.flows.generate import generate as run
    from tracewright.pipeline.generation import summarize

    loaded = load_config(GenerateConfig, config)
    store = Store.open(loaded.store, create=True)
    try:
        with _only_run(store), lease_for_teacher(loaded.teacher):
            return summarize(run.fn(loaded, None, retry_failed))
    except StoreBusyError as busy:
        return Completed(name="Skipped", message=str(busy))


@flow
def rescore(store: Path, refit: bool = False) -> Answer:
    """Old rows → verdicts, checks and confidence by the installed versions."""
    from tracewright.flows.rescore import rescore as run

    counts = run.fn(store, refit)
    return {"traces": counts.traces, "scored_anew": counts.stale}


@flow
def curate(store: Path, name: str, where: str | None = None) -> Answer:
    """Traces → a slice worth training on."""
    from tracewright.flows.curate import curate as run

    curated = run.fn(store, name, where)
    return {"slice": name, "kept": curated.slice.funnel[-1].rows_out}


@flow
def release(
    store: Path,
    out: Path,
    name: str,
    version: str | None = None,
    where: str | None = None,
    slice_name: str | None = None,
    numbered: bool = False,
) -> Answer:
    """A slice or a filter → an immutable release in `out`; with `numbered`, as schedules need, in `out-1`, `out-2` …"""
    from tracewright.flows.release import release as run

    folder = next(_free_folders(out)) if numbered else out
    manifest = run.fn(store, folder, name=name, version=version, where=where, slice_name=slice_name)
    return {"release": str(folder), "version": manifest.version, "rows": manifest.rows}


@flow
def distill(config: Path) -> Answer:
    """A release → a student; a killed training goes on, a finished one is taken."""
    from tracewright.distill.config import DistillConfig
    from tracewright.flows.distill import distill as run

    loaded = load_config(DistillConfig, config)
    with lease_one():
        manifests = run.fn(loaded)
    return {name: {"checkpoint": str(loaded.out / name), "run": manifest.run} for name, manifest in manifests.items()}


@flow
def quantize(checkpoint: Path, release: Path, out: Path) -> Answer:
    """A checkpoint → its int8 version."""
    from tracewright.flows.distill import quantize as run

    report = run.fn(checkpoint, release, out)
    return {"checkpoint": str(out), "size_ratio": report.size_ratio}


FLOWS: dict[str, Flow[..., Answer]] = {one.name: one for one in (generate, rescore, curate, release, distill, quantize)}
"""By the name that their deployments begin with; it stays what it is."""


@contextmanager
def _only_run(store: Store) -> Generator[None]:
    """Before anything is waited for: a daily run of a weekly job would wait for its device six times over."""
    lock = WriterLock(store.local / LOCKS / "generate-run.lock")
    try:
        yield
    finally:
        lock.release()


def _free_folders(out: Path) -> Iterator[Path]:
    return (folder for number in count(1) if not (folder := out.with_name(f"{out.name}-{number}")).exists())
