"""Running deployments: their processes, and the eye that is kept on them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

import httpx
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import PrefectException
from prefect.runner import Runner

from tracewright.flows.interrupts import end_now
from tracewright.flows.progress import say
from tracewright.flows.reconciler import HEARTBEAT_SECONDS, INTERVAL_SECONDS, Reconciler
from tracewright.flows.schedules import TAG

POLL_SECONDS = 5


async def serve(deployments: Sequence[RunnerDeployment], limit: int) -> None:
    """Register the deployments and run what is due, each run in a process of its own, until this is stopped.

    Schedules stay active when it stops: what falls due meanwhile runs when it is started again.
    """
    runner = Runner(
        query_seconds=POLL_SECONDS, heartbeat_seconds=HEARTBEAT_SECONDS, limit=limit, pause_on_shutdown=False
    )
    for deployment in deployments:
        await runner.aadd_deployment(deployment)
        say(f"{deployment.full_name}: {describe(deployment)}")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.start())
        tasks.create_task(watch())


async def watch() -> None:
    """Say what becomes of the runs, and end those that are dead."""
    async with get_client() as client:
        reconciler = Reconciler(client, TAG)
        while True:
            # Prefect's runner takes SIGTERM when it starts, and ends with a traceback and its runs unended.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: end_now())
            await look_after_runs(reconciler)
            await asyncio.sleep(INTERVAL_SECONDS)


async def look_after_runs(reconciler: Reconciler) -> None:
    """One look; a server that is busy, or a run that somebody deleted meanwhile, must not end everybody's runs."""
    try:
        await reconciler.end_silent_runs()
        for line in await reconciler.changes():
            say(line)
    except (httpx.HTTPError, PrefectException) as error:
        say(f"Prefect's server does not answer ({' '.join(str(error).split())[:200]}): trying again")


async def deploy(deployments: Sequence[RunnerDeployment], pool: str | None) -> None:
    """Register the deployments; they are run by `flows serve`, or by the workers of a work pool where one is named."""
    for deployment in deployments:
        await deployment.aapply(work_pool_name=pool)
        say(f"{deployment.full_name}: {describe(deployment)}")


def describe(deployment: RunnerDeployment) -> str:
    """When it runs, in words."""
    crons = [getattr(one.schedule, "cron", None) for one in deployment.schedules or []]
    zones = [getattr(one.schedule, "timezone", None) for one in deployment.schedules or []]
    times = [f"{cron} ({zone})" for cron, zone in zip(crons, zones, strict=True)]
    return ", ".join(times) or "when somebody starts it"
