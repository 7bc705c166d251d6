"""`verify` and `check-steps`: the two checks on files of other people's cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracewright.flows.progress import say


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("verify")(verify)
    app.command("check-steps")(check_steps)


def verify(
    cases: Annotated[Path, typer.Argument(help='JSON lines: {"gold", "prediction", "kind"?, "policy"?}')],
    out: Annotated[Path, typer.Option(help="Where the verdicts go, one a line, in the same order.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one case.")] = 2.0,
) -> None:
    """Compare answers with gold answers: correct, incorrect, unverifiable or error, each with a reason."""
    from tracewright.pipeline.verify import verify_file

    counts = verify_file(cases, out, workers=workers, timeout_seconds=timeout)
    say(f"{out}: {_describe(counts)}")


def check_steps(
    traces: Annotated[Path, typer.Argument(help='JSON lines: {"question", "steps": [...]}')],
    out: Annotated[Path, typer.Option(help="Where the checks go, one line a trace, in the same order.")],
    graphs: Annotated[Path | None, typer.Option(help="A folder for the step graphs, one GraphML file a trace.")] = None,
) -> None:
    """Check every step without a model and name the first one that fails."""
    from tracewright.pipeline.steps import check_steps_file

    counts = check_steps_file(traces, out, graphs)
    say(f"{out}: {_describe(counts)}")


def _describe(counts: object) -> str:
    pairs = counts.items() if isinstance(counts, dict) else vars(counts).items()
    return ", ".join(f"{value:,} {str(name).replace('_', ' ')}" for name, value in pairs)
