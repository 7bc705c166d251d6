"""`demo` and `teacher train`: the commands that run flows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tracewright.flows.runtime import configure_prefect

JSON_OPTION = typer.Option("--json", help="Print one JSON object as the last line of stdout.")

teacher_app = typer.Typer(no_args_is_help=True, help="The embedded teacher.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Where everything goes; its store/ is what `serve` opens.")] = Path(
        "tracewright-data"
    ),
    problems: Annotated[int, typer.Option(min=50, help="How many problems the teacher is asked.")] = 5600,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """The whole main job on the embedded teacher: problems, traces, checks, release, student, report.

    Run again on the same folder it makes only what is missing.
    """
    from tracewright.flows.devices import lease_one
    from tracewright.flows.prefect_server import serve_run
    from tracewright.pipeline.engines.teachers import RunningTeacher, embedded_config

    # Prefect's server and the teacher's engine start in processes of their own while this one loads the rest.
    with (
        serve_run(out) as wait_for_server,
        lease_one(),
        RunningTeacher(embedded_config(), out / "logs" / "engine.log") as teacher,
    ):
        from tracewright.flows.demo import demo as flow

        wait_for_server()
        summary = flow(out, problems, teacher)
    if as_json:
        typer.echo(json.dumps(summary))


@teacher_app.command("train")
def train_teacher(
    out: Annotated[Path, typer.Option(help="The checkpoint's folder.")],
    steps: Annotated[
        int | None, typer.Option(min=1, help="Fewer for a try; the default makes the one that ships.")
    ] = None,
) -> None:
    """Make the embedded teacher again from nothing: some 20 minutes on two cores."""
    configure_prefect(Path("tracewright-data"))
    from tracewright.flows.teacher import make_teacher

    make_teacher(out, steps)


@teacher_app.command("measure")
def measure_teacher(out: Annotated[Path, typer.Option(help="The checkpoint's folder.")]) -> None:
    """Measure a trained teacher again, calibrate the confidence of its steps and write its card: some 2 minutes."""
    configure_prefect(Path("tracewright-data"))
    from tracewright.flows.teacher import measure_teacher as flow

    flow(out)


@teacher_app.command("logprobs")
def store_logprobs(
    release: Annotated[Path, typer.Argument(help="The release that the teacher wrote.")],
    out: Annotated[Path, typer.Option(help="The Parquet file; a config names it under losses.output.logprobs.")],
    teacher: Annotated[str, typer.Option(help="Its teacher: a folder, a hub name, or `embedded`.")] = "embedded",
    k: Annotated[int, typer.Option(min=1, help="How many of the likeliest tokens are kept at each place.")] = 16,
    temperature: Annotated[
        list[float] | None, typer.Option(min=0.01, help="A loss temperature to learn at; again for more.")
    ] = None,
) -> None:
    """Ask a teacher once for the logprobs of all that a release teaches: students then learn without it."""
    from tracewright.distill.storing import store_logprobs as store
    from tracewright.flows.progress import say

    count = store(release, teacher, out, k=k, temperatures=temperature or [2.0])
    say(f"{out}: the {k} likeliest tokens at each place of {count:,} traces, {out.stat().st_size:,} bytes")
