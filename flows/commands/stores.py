"""`store info`, `history`, `export`, `compact`, `vacuum`, `remove`, `migrate`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tracewright.flows.progress import console, say
from tracewright.schemas import InputError

app = typer.Typer(no_args_is_help=True, help="The versioned table of traces.")


@app.command("info")
def info(store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")]) -> None:
    """Counts: traces by outcome, attempts, rejected rows."""
    import polars as pl

    from tracewright.pipeline.store import Store

    opened = Store.open(store)
    frame = opened.frame()
    table = Table("what", "count", title=f"{opened.path}, version {opened.version()}")
    table.add_row("traces", f"{frame.height:,}")
    for outcome, count in frame.group_by("outcome").agg(pl.len()).sort("outcome").iter_rows():
        table.add_row(f"  {outcome}", f"{count:,}")
    table.add_row("problems", f"{frame['question_hash'].n_unique():,}")
    table.add_row("steps", f"{frame['step_count'].sum():,}")
    table.add_row("attempts", f"{len(opened.attempt_ids()):,}")
    table.add_row("rejected rows", f"{sum(1 for _ in opened.rejections()):,}")
    console.print(table)


@app.command("history")
def history(store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")]) -> None:
    """Every version of the traces, the newest first."""
    from tracewright.pipeline.store import Store

    opened = Store.open(store)
    gone = opened.gone_versions()
    table = Table("version", "committed", "operation", "", title=str(opened.path))
    for commit in opened.history():
        left = "vacuumed" if commit.version in gone else ""
        table.add_row(str(commit.version), commit.committed_at.isoformat(timespec="seconds"), commit.operation, left)
    console.print(table)
    for removal in opened.removals.read():
        say(f"taken down {removal.started_at:%Y-%m-%d}: {len(removal.trace_ids):,} traces: {removal.reason}")


@app.command("export")
def export(
    store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    format_name: Annotated[
        str, typer.Option("--format", help="jsonl, messages, prompt-completion, openr1, prm800k or csv")
    ] = "jsonl",
    where: Annotated[str | None, typer.Option(help="A filter; all traces where left out.")] = None,
    at: Annotated[int | None, typer.Option(help="A version of the store; the newest where left out.")] = None,
) -> None:
    """The traces as a file in another format; what it can't hold is listed."""
    from tracewright.pipeline.filter import parse_filter
    from tracewright.pipeline.store import Store

    chosen = parse_filter(where) if where else None
    exported = Store.open(store).export(out, format_name, at, chosen)
    say(f"{out}: {exported.traces:,} traces")
    for what, count in exported.left_out.items():
        say(f"left out, since {format_name} can't hold it: {what} (of {count:,} traces)")


@app.command("compact")
def compact(store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")]) -> None:
    """Join small shards into larger ones: a new version with the same rows."""
    from tracewright.pipeline.store import Store

    for done in Store.open(store).compact():
        say(f"{done.table}: {done.shards_before:,} shards became {done.shards_after:,}")


@app.command("vacuum")
def vacuum(
    store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")],
    keep_hours: Annotated[
        float, typer.Option(min=0, help="Versions that were the newest within this time stay.")
    ] = 168.0,
) -> None:
    """Delete the files of old versions that no release and no slice points to."""
    from tracewright.pipeline.release import vacuum_store
    from tracewright.pipeline.store import Store

    for done in vacuum_store(Store.open(store), timedelta(hours=keep_hours)):
        say(f"{done.table}: {done.files:,} files deleted ({done.size_bytes / 2**20:,.1f} MiB)")


@app.command("migrate")
def migrate(store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")]) -> None:
    """Bring a store that an older tracewright made up to this one's schema."""
    from tracewright.pipeline.store import Store
    from tracewright.schemas import SCHEMA_VERSION

    for done in Store.open(store).migrate():
        say(f"{done.table}: {done.shards:,} shards written again")
    say(f"{store}: schema version {SCHEMA_VERSION}")


@app.command("remove")
def remove(
    store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")],
    where: Annotated[str | None, typer.Option(help="Which traces: a filter.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; stays on record, and readers of releases are told.")] = None,
    finish: Annotated[bool, typer.Option("--finish", help="Only finish takedowns that were cut short.")] = False,
) -> None:
    """Takedown: the traces leave every version of the store, and releases that hold them are withdrawn."""
    from tracewright.pipeline.release import finish_takedowns, take_down
    from tracewright.pipeline.store import Store

    if finish == (where is not None or reason is not None):
        raise InputError("either --finish alone, or --where EXPR with --reason TEXT, is expected")
    if not finish and (where is None or reason is None):
        raise InputError("a takedown needs both --where EXPR and --reason TEXT: the reason stays on record")
    opened = Store.open(store)
    for removal in finish_takedowns(opened) if finish else [take_down(opened, where or "", reason or "")]:
        say(f"{store}: {len(removal.trace_ids):,} traces taken down, record {removal.removal_id}")
        say(f"withdrawn: {', '.join(removal.releases) or 'no release held one'}")
        for name in removal.unreachable:
            say(f"{name} is not where the register says or can't be read: withdraw it with `release yank` by hand")
