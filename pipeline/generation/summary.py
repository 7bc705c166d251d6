"""The summary of a store's last run, as a file that other programs read."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tracewright.pipeline.generation.counts import GenerationCounts
from tracewright.pipeline.store.disk import make_folder, write_durably

SUMMARY = Path("logs") / "generate.json"


def summarize(counts: GenerationCounts) -> dict[str, Any]:
    """The counts and what follows from them."""
    return {
        **asdict(counts),
        "tokens_per_second": round(counts.tokens_per_second, 1),
        "accepted_share": round(counts.accepted_share, 4),
        "failed_share": round(counts.failed_share, 4),
    }


def write_summary(store: Path, counts: GenerationCounts) -> None:
    """Keep it in the store, unless the run had nothing to do: then the one before still says more.

    Raises:
        StoreError: the disk is full or can't be written.
    """
    if counts.results:
        path = store / SUMMARY
        make_folder(path.parent)
        write_durably(path, json.dumps(summarize(counts), indent=1).encode())


def read_summary(store: Path) -> GenerationCounts | None:
    """The last run's counts; None where there are none that can be read."""
    try:
        kept = json.loads((store / SUMMARY).read_text(encoding="utf-8"))
        return GenerationCounts(**{one.name: kept[one.name] for one in fields(GenerationCounts)})
    except (OSError, ValueError, KeyError, TypeError):
        return None
