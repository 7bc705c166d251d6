"""`curate`: a store's traces through the stages of a config, into a slice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tracewright.flows.progress import console, say
from tracewright.flows.runtime import configure_prefect


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("curate")(curate)


def curate(
    store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")],
    config: Annotated[Path | None, typer.Option(help="The slice's name, a filter and the stages, as YAML.")] = None,
    name: Annotated[str | None, typer.Option(help="The slice's name; the config's, or `curated`.")] = None,
    where: Annotated[str | None, typer.Option(help="A filter for what comes in; the config's where left out.")] = None,
    at: Annotated[int | None, typer.Option(help="A version of the store; the newest where left out.")] = None,
    reviews: Annotated[int | None, typer.Option(help="Reviews up to this number; all published, left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Keep the traces that every stage lets through, as a slice; the others stay in the store, each with a reason."""
    from tracewright.pipeline.config import load_config
    from tracewright.pipeline.curate import CurateConfig
    from tracewright.pipeline.store import Store

    plan = load_config(CurateConfig, config) if config else None
    opened = Store.open(store)
    configure_prefect(store)
    from tracewright.flows.curate import STAGES
    from tracewright.flows.curate import curate as run

    curated = run(
        store,
        name or (plan.name if plan else "curated"),
        where or (plan.where if plan else None),
        plan.stages if plan else STAGES,
        at,
        reviews,
    )
    funnel = curated.slice.funnel
    table = Table("stage", "in", "kept", "turned away", title=f"slice {curated.slice.name}")
    for count in funnel:
        reasons = ", ".join(f"{rows:,} × {reason}" for reason, rows in count.reasons.items())
        table.add_row(count.stage, f"{count.rows_in:,}", f"{count.rows_out:,}", reasons)
    console.print(table)
    kept = len(curated.slice.trace_ids or ())
    command = f"tracewright release create {opened.path} --slice {curated.slice.name} …"
    left = f"{kept:,} traces kept; release them with: {command}"
    say(left if kept else "no trace is left: the table says which stage turned them away")
    if as_json:
        stages = [count.model_dump(mode="json") for count in funnel]
        typer.echo(json.dumps({"slice": curated.slice.name, "kept": kept, "stages": stages}))
