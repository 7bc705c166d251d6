"""`import`: existing traces into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracewright.flows.progress import StageProgress, say, show_progress


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("import")(import_files)


def import_files(
    files: Annotated[list[Path], typer.Argument(help="Files of traces, all in the same format.")],
    format_name: Annotated[
        str,
        typer.Option("--format", help="gsm8k, gsm8k-solutions, jsonl, messages, openr1, prm800k …"),
    ],
    store: Annotated[Path, typer.Option(help="The store's folder; made where it is not there.")],
    source: Annotated[
        str | None, typer.Option(help="What the source is called; the file's name where left out.")
    ] = None,
    license_name: Annotated[str | None, typer.Option("--license", help="An SPDX identifier.")] = None,
) -> None:
    """Take existing traces through the same stages as generated ones: steps, checks, verdicts, shards."""
    from tracewright.pipeline.importing import ImportCounts, import_traces
    from tracewright.pipeline.sources import read_traces
    from tracewright.pipeline.store import Store

    rows = [read_traces(file, format_name, source=source, license=license_name) for file in files]
    with Store.open(store, create=True).writer() as writer, show_progress() as progress:
        for file, traces in zip(files, rows, strict=True):
            stage = StageProgress(progress, file.name, None)

            def show(counts: ImportCounts, stage: StageProgress = stage) -> None:
                stage.update(counts.read, f"{counts.correct:,} correct")

            counts = import_traces(traces, writer, show)
            stage.finish(counts.read, f"{counts.correct:,} correct")
            say(
                f"{file}: {counts.added:,} traces added ({counts.correct:,} correct), {counts.present:,} were there, "
                f"{counts.truncated:,} cut off, {counts.rejected:,} rows rejected"
            )
            if counts.rejected:
                say(f"the first of these, the store keeps all: {counts.first_rejection}")
