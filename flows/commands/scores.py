"""`rescore`: what a store's traces are worth, by the installed versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tracewright.flows.commands.jobs import JSON_OPTION
from tracewright.flows.progress import console, say
from tracewright.flows.runtime import configure_prefect

if TYPE_CHECKING:
    from tracewright.pipeline.rescore import RescoreCounts


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("rescore")(rescore)


def rescore(
    store: Annotated[Path, typer.Argument(help="The store's folder.")],
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit every teacher's calibration anew, also where it is up to date.")
    ] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Bring verdicts, checks and confidence up to the installed versions; the traces themselves stay untouched.

    Run again it changes nothing; killed, the same command finishes the rest. A teacher without a calibration that is
    up to date gets one from the store's own steps, where they are enough.
    """
    from tracewright.pipeline.store import Store

    Store.open(store)
    configure_prefect(store)
    from tracewright.flows.rescore import rescore as flow

    counts = flow(store, refit)
    _show(store, counts)
    if as_json:
        typer.echo(json.dumps(_summarize(counts)))


def _show(store: Path, counts: RescoreCounts) -> None:
    rows = counts.changes.rows()
    if rows:
        table = Table("what", "change", "count", title=f"{store}: what scoring anew changed")
        for of, change, count in rows:
            table.add_row(of, change, f"{count:,}")
        console.print(table)
    for family, version in counts.calibrations.items():
        say(f"teacher {family}: {version}")
    say(f"{store}: {counts.traces:,} traces, {counts.stale:,} scored anew in {counts.rewritten_shards:,} shards")


def _summarize(counts: RescoreCounts) -> dict[str, Any]:
    return {
        "traces": counts.traces,
        "stale": counts.stale,
        "shards": counts.shards,
        "rewritten_shards": counts.rewritten_shards,
        "calibrations": counts.calibrations,
        "changes": [{"of": of, "change": change, "count": count} for of, change, count in counts.changes.rows()],
    }
