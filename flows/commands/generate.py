"""`generate`: problems → traces, what a run would take, and what failed once more."""

from __future__ import annotations

import json
import textwrap
from contextlib import nullcontext
from dataclasses import asdict
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tracewright.flows.progress import console
from tracewright.flows.runtime import configure_serving

if TYPE_CHECKING:
    from tracewright.pipeline.config import GenerateConfig
    from tracewright.pipeline.generation import GenerationCounts, Survey

_MAX_REASON_CHARACTERS = 200


class Runner(StrEnum):
    """Where partitions run."""

    LOCAL = "local"
    RAY = "ray"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("generate")(generate)


def generate(
    config: Annotated[Path, typer.Argument(help="A YAML file; its paths are relative to itself.")],
    runner: Annotated[Runner, typer.Option(help="Where partitions run.")] = Runner.LOCAL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is there, what is missing and its cost.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Make failed requests again, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Ask a teacher for every trace that the store does not hold yet; run again, it finishes what is missing.

    A config in short:

        problems: {path: problems.jsonl}
        teacher: {engine: embedded, samples: 2}
        store: ./store
    """
    from tracewright.pipeline.config import GenerateConfig, load_config
    from tracewright.pipeline.generation import summarize
    from tracewright.pipeline.sources import count_problems
    from tracewright.schemas import ConfigError

    loaded = load_config(GenerateConfig, config)
    if runner is Runner.RAY and find_spec("prefect_ray") is None:
        raise ConfigError("--runner ray needs prefect-ray: install tracewright[ray], here and on every worker")
    count_problems(loaded.problems)
    if dry_run:
        survey = _survey(loaded, retry_failed)
        _show_survey(loaded, survey)
        _print(asdict(survey), as_json)
        return
    counts = (_run if runner is Runner.LOCAL else _run_on_ray)(loaded, retry_failed)
    _show_counts(loaded, counts)
    _print(summarize(counts), as_json)
    _check_outcome(loaded, counts)


def _check_outcome(config: GenerateConfig, counts: GenerationCounts) -> None:
    """One bad row is a row; where all are bad, it is the file, the config or the server, and the command failed.

    Raises:
        InputError, EngineError: no row was a problem, or every request failed.
    """
    from tracewright.pipeline.sources import read_problems
    from tracewright.schemas import EngineError, InputError, Rejection

    if counts.rejected and not counts.problems:
        first = next((row for row in read_problems(config.problems) if isinstance(row, Rejection)), None)
        reason = f"{first.subject}: {first.reason}" if first else "teacher.template makes no prompt of them"
        raise InputError(
            f"none of {counts.rejected:,} rows is a problem to ask; {reason}. The store keeps each with its reason: "
            "mend the file, or say under problems.columns which column is which"
        )
    if counts.failed and counts.failed == counts.results:
        raise EngineError(
            f"every one of {counts.failed:,} requests failed ({counts.last_failure}): mend the cause and run the "
            "command again with --retry-failed"
        )


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer))


def _run(config: GenerateConfig, retry_failed: bool) -> GenerationCounts:
    from tracewright.flows.devices import lease_for_teacher
    from tracewright.flows.prefect_server import serve_run
    from tracewright.pipeline.engines.teachers import RunningTeacher
    from tracewright.pipeline.store import Store

    store = Store.open(config.store, create=True)
    # Prefect's server starts, which takes some seconds of a core, while the engine and this process load.
    with (
        serve_run(config.store) as wait_for_server,
        lease_for_teacher(config.teacher),
        RunningTeacher(config.teacher, store.path / "logs" / "engine.log") as teacher,
    ):
        from tracewright.flows.generate import generate as flow

        wait_for_server()
        return flow(config, teacher, retry_failed)


def _run_on_ray(config: GenerateConfig, retry_failed: bool) -> GenerationCounts:
    from tracewright.flows.prefect_server import find_port, run_server
    from tracewright.pipeline.store import Store

    Store.open(config.store, create=True)
    port = find_port()
    is_ours = configure_serving(config.store, port)
    # One server for the workers of this machine, which would start one each; others need one that they can reach.
    with run_server(port, config.store / "logs" / "prefect-server.log") if is_ours else nullcontext():
        from tracewright.flows.ray_cluster import generate_on_ray

        return generate_on_ray(config, retry_failed)


def _survey(config: GenerateConfig, retry_failed: bool) -> Survey:
    from tracewright.pipeline.engines.teachers import find_teacher, guess_teacher
    from tracewright.pipeline.generation import make_teaching, survey_missing
    from tracewright.pipeline.sources import read_problems
    from tracewright.pipeline.store import Store

    store = Store.open(config.store) if Store.is_there(config.store) else None
    teacher = find_teacher(config.teacher, store.teachers() if store else ()) or guess_teacher(config.teacher)
    teaching = make_teaching(config.teacher, teacher, None, budget=config.budget, retry_failed=retry_failed)
    return survey_missing(store, read_problems(config.problems), teaching)


def _show_survey(config: GenerateConfig, survey: Survey) -> None:
    table = Table("what", "how much", title=f"{config.store}: what a run would do")
    table.add_row("problems", f"{survey.problems:,}")
    table.add_row("rejected rows", f"{survey.rejected:,}")
    table.add_row("samples there", f"{survey.present:,}")
    if survey.failed:
        table.add_row("  that failed", f"{survey.failed:,} (--retry-failed makes them again)")
    if survey.truncated:
        table.add_row("  that were cut off", f"{survey.truncated:,} (a higher max_tokens makes them again)")
    table.add_row("samples missing", f"{survey.missing:,}")
    if survey.expected_tokens is not None and survey.tokens_each is not None:
        known = "this teacher's mean" if survey.tokens_are_measured else "at most, by max_tokens"
        table.add_row("tokens", f"{survey.expected_tokens:,} ({survey.tokens_each:,.0f} each, {known})")
    if survey.expected_seconds is not None:
        table.add_row("time", f"{survey.expected_seconds / 60:,.1f} minutes, at the last run's rate")
    else:
        table.add_row("time", "not known before a first run")
    if survey.expected_cost:
        table.add_row("cost", f"{survey.expected_cost:,.2f}")
    console.print(table)


def _show_counts(config: GenerateConfig, counts: GenerationCounts) -> None:
    table = Table("what", "how much", title=f"{config.store}")
    table.add_row("new traces", f"{counts.traces:,}, {counts.correct:,} of them correct")
    table.add_row("there before", f"{counts.present:,}")
    table.add_row("cut off", f"{counts.truncated:,}")
    if config.teacher.early_stop is not None:
        table.add_row("given up early", f"{counts.stopped_early:,}, some {counts.tokens_saved:,} tokens saved")
    table.add_row("failed", f"{counts.failed:,}" + (" (--retry-failed makes them again)" if counts.failed else ""))
    table.add_row("rejected rows", f"{counts.rejected:,}")
    table.add_row("tokens", f"{counts.tokens:,}, {counts.tokens_per_second:,.0f} a second")
    if counts.last_failure:
        table.add_row("the last failure", textwrap.shorten(counts.last_failure, _MAX_REASON_CHARACTERS))
    if counts.cost:
        table.add_row("cost", f"{counts.cost:,.2f}")
    if counts.stopped:
        table.add_row("stopped", f"{counts.stopped}: the same command goes on")
    console.print(table)
