"""`flows serve` and `flows deploy`: what runs by name and at set times."""

from __future__ import annotations

import asyncio
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracewright.flows.progress import say
from tracewright.flows.runtime import configure_prefect, configure_serving

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

API_URL = "PREFECT_API_URL"

app = typer.Typer(no_args_is_help=True, help="Flows that run by name and at set times.")
SchedulesFile = Annotated[
    Path | None, typer.Argument(help="A YAML file of deployments; without one, every flow on demand.")
]
Data = Annotated[Path, typer.Option(help="Where Prefect's records go where no server is configured.")]
_DATA = Path("tracewright-data")


@app.command("serve")
def serve(
    schedules: SchedulesFile = None,
    data: Data = _DATA,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the Prefect server that is started.")] = 4200,
    limit: Annotated[int, typer.Option(min=1, help="So many runs at a time.")] = 8,
) -> None:
    """Run the deployments, at their times and when started by name; a run whose process is gone is marked as crashed.

    With PREFECT_API_URL it works for that server; without, it starts one on this machine.

        deployments:
          - {flow: generate, name: nightly, cron: "0 20 * * *", parameters: {config: generate.yaml}}
    """
    from tracewright.flows.prefect_server import check_port, run_server

    if starts_server := configure_serving(data, port):
        check_port(port)
    deployments = _read(schedules)
    from tracewright.flows import serving

    with run_server(port, data / "logs" / "prefect-server.log") if starts_server else nullcontext():
        say(f"Prefect's server: {os.environ[API_URL]}")
        asyncio.run(serving.serve(deployments, limit))


@app.command("deploy")
def deploy(
    schedules: SchedulesFile = None,
    pool: Annotated[
        str | None, typer.Option(help="A work pool whose workers run them; else `flows serve` does.")
    ] = None,
) -> None:
    """Register the deployments with the Prefect server that PREFECT_API_URL names."""
    from tracewright.schemas import ConfigError

    if not os.environ.get(API_URL):
        raise ConfigError(
            f"{API_URL} is not set, expected the address of a Prefect server such as http://prefect:4200/api; without "
            "a server, `tracewright flows serve` registers the deployments with one that it starts, and runs them"
        )
    configure_prefect(_DATA)
    deployments = _read(schedules)
    from tracewright.flows import serving

    asyncio.run(serving.deploy(deployments, pool))


def _read(path: Path | None) -> list[RunnerDeployment]:
    from tracewright.flows.schedules import Schedules, make_deployments
    from tracewright.pipeline.config import load_config

    loaded = load_config(Schedules, path) if path else None
    return make_deployments(loaded, path.parent.resolve() if path else Path.cwd())
