"""`store info`, `store history`, `store export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tracewright.flows.progress import console, say

app = typer.Typer(no_args_is_help=True, help="The versioned table of traces.")


@app.command("info")
def info(store: Annotated[Path, typer.Argument(help="The store's folder.")]) -> None:
    """Counts: traces by outcome, attempts, rejected rows."""
    import polars as pl

    from tracewright.pipeline.store import Store

    opened = Store.open(store)
    frame = opened.frame()
    table = Table("what", "count", title=f"{store}, version {opened.version()}")
    table.add_row("traces", f"{frame.height:,}")
    for outcome, count in frame.group_by("outcome").agg(pl.len()).sort("outcome").iter_rows():
        table.add_row(f"  {outcome}", f"{count:,}")
    table.add_row("problems", f"{frame['question_hash'].n_unique():,}")
    table.add_row("steps", f"{frame['step_count'].sum():,}")
    table.add_row("attempts", f"{len(opened.attempt_ids()):,}")
    table.add_row("rejected rows", f"{sum(1 for _ in opened.rejections()):,}")
    console.print(table)


@app.command("history")
def history(store: Annotated[Path, typer.Argument(help="The store's folder.")]) -> None:
    """Every version of the traces, the newest first."""
    from tracewright.pipeline.store import Store

    table = Table("version", "committed", "operation", title=str(store))
    for commit in Store.open(store).history():
        table.add_row(str(commit.version), commit.committed_at.isoformat(timespec="seconds"), commit.operation)
    console.print(table)


@app.command("export")
def export(
    store: Annotated[Path, typer.Argument(help="The store's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    format_name: Annotated[str, typer.Option("--format", help="jsonl")] = "jsonl",
) -> None:
    """The traces as a file in another format."""
    from tracewright.pipeline.store import Store

    count = Store.open(store).export(format=format_name, out=out)
    say(f"{out}: {count:,} traces")
