"""`rescore`, `rollouts` and `rewards`: what the traces of a store, and their steps, are worth."""

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
    """Add the commands to the command line."""
    app.command("rescore")(rescore)
    app.command("rollouts")(rollouts)
    app.command("rewards")(rewards)


def rescore(
    store: Annotated[Path, typer.Argument(help="The store's folder.")],
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit every teacher's calibration anew, also where it is up to date.")
    ] = False,
    with_rollouts: Annotated[
        bool, typer.Option("--rollouts", help="Take what `tracewright rollouts` found into the confidence.")
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

    counts = flow(store, refit, with_rollouts)
    _show(store, counts)
    if as_json:
        typer.echo(json.dumps(_summarize(counts)))


def rollouts(
    config: Annotated[Path, typer.Argument(help="The config that the traces were generated with.")],
    continuations: Annotated[int, typer.Option(min=1, help="From each step.")] = 8,
    budget_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of all continuations beside the store, earlier calls included.")
    ] = None,
    where: Annotated[str | None, typer.Option(help='A filter, such as: outcome == "incorrect"')] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Continue from every step of a store's traces by their own teacher: the share that ends right is a step's value.

    Run again it makes only what is missing, also after a kill; the values are in STORE/rollouts/values.parquet, and
    `tracewright rescore STORE --rollouts` takes them into the confidence.
    """
    from tracewright.pipeline.config import GenerateConfig, load_config
    from tracewright.pipeline.filter import parse_filter
    from tracewright.pipeline.store import Store

    loaded = load_config(GenerateConfig, config)
    chosen = None if where is None else parse_filter(where)
    Store.open(loaded.store)
    configure_prefect(loaded.store)
    from tracewright.flows.rollouts import Wanted
    from tracewright.flows.rollouts import rollouts as flow

    counts = flow(loaded, Wanted(chosen, continuations, budget_tokens))
    say(
        f"{loaded.store}: {counts.made:,} continuations made ({counts.right:,} right, {counts.tokens:,} tokens), "
        f"{counts.present:,} were there, {counts.failed:,} failed, {counts.passed_over:,} traces passed over"
        f"{'; the budget is spent' if counts.out_of_budget else ''}"
    )
    if as_json:
        typer.echo(json.dumps(vars(counts)))


def rewards(
    store: Annotated[Path, typer.Argument(help="The store's folder.")],
    base_url: Annotated[str, typer.Option(help="Of vLLM with `--runner pooling`: http://127.0.0.1:8000")],
    model: Annotated[str, typer.Option(help="The name under which the reward model is served.")],
    step_mark: Annotated[
        str, typer.Option(help="What the model reads after every step: the token of its server's step_tag_id.")
    ] = "<extra_0>",
    where: Annotated[str | None, typer.Option(help='A filter, such as: outcome == "incorrect"')] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Ask a learned process reward model for every step of a store's traces; its numbers stay apart from confidence.

    They go to STORE/rewards/MODEL/. Run again it asks for what is missing.
    """
    from tracewright.pipeline.confidence.reward_model import RewardModelSettings
    from tracewright.pipeline.filter import parse_filter
    from tracewright.pipeline.rewards import rewards_folder
    from tracewright.pipeline.store import Store

    chosen = None if where is None else parse_filter(where)
    name = model.strip("/").replace("/", "--")
    folder = rewards_folder(Store.open(store), name)
    configure_prefect(store)
    from tracewright.flows.rewards import rewards as flow

    counts = flow(store, name, RewardModelSettings(base_url, model, step_mark=step_mark), chosen)
    say(f"{folder}: {counts.traces:,} traces scored ({counts.steps:,} steps), {counts.present:,} were there")
    if as_json:
        typer.echo(json.dumps(vars(counts)))


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
