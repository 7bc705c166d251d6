"""Rows that belong together, brought together on disk: memory for a part of them, whatever their order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tracewright.pipeline.exporting.labels import Labelled
from tracewright.schemas.ids import hash_content
from tracewright.schemas.trace import Trace

_BUCKETS = 64


def group_by(traces: Iterable[Labelled], key: Callable[[Labelled], tuple[str, ...]]) -> Iterator[list[Labelled]]:
    """The traces of each key, by sample; the groups in an order that the keys alone decide.

    A sixty-fourth of the traces is in memory at a time; the others lie in the folder for temporary files.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{bucket:02d}.jsonl" for bucket in range(_BUCKETS)]
        files = [path.open("w", encoding="utf-8") for path in paths]
        try:
            for one in traces:
                bucket = int(hash_content(*key(one))[:8], 16) % _BUCKETS
                labels = ",".join("" if label is None else str(label) for label in one.labels)
                files[bucket].write(f"{labels}\n{one.trace.model_dump_json()}\n")
        finally:
            for file in files:
                file.close()
        for path in paths:
            yield from _groups(path, key)


def _groups(path: Path, key: Callable[[Labelled], tuple[str, ...]]) -> Iterator[list[Labelled]]:
    groups: dict[tuple[str, ...], list[Labelled]] = {}
    with path.open(encoding="utf-8") as lines:
        for labels in lines:
            trace = Trace.model_validate_json(next(lines))
            given = labels.rstrip("\n").split(",") if trace.steps else []
            one = Labelled(trace, tuple(int(label) if label else None for label in given))
            groups.setdefault(key(one), []).append(one)
    for name in sorted(groups):
        yield sorted(groups[name], key=lambda one: (one.trace.sample, one.trace.trace_id))
