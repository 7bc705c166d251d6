"""Runs whose process is gone are marked as crashed, whoever killed it: they give a sign of life, or they are dead.

Prefect's flow runs say every half minute that they live. A server that loses one waits for ever: this asks for the last
sign of every run of a `tracewright` deployment and ends those that are silent, with the runs inside them. Whatever
machine a run was on, any `tracewright flows serve` on the same Prefect server sees to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import Crashed

HEARTBEAT_SECONDS = 30
"""The shortest that Prefect allows."""
SILENCE_SECONDS = 80.0
"""Two signs of life missed, and some time for them to arrive: with the interval it stays under two minutes."""
INTERVAL_SECONDS = 10.0
_HEARTBEAT = "prefect.flow-run.heartbeat"
_AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_BEGUN = [kind for kind in StateType if kind is not StateType.SCHEDULED]
"""Prefect makes up to a hundred runs of each schedule ahead of time: asked for too, they would be all that comes."""
_MOST_RUNS = 200
"""That the server gives at a time."""


@dataclass
class Reconciler:
    """Looks at all runs again and again; knows what it said of each, so that every change is said once."""

    client: PrefectClient
    tag: str
    silence_seconds: float = SILENCE_SECONDS
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _told: dict[UUID, str] = field(default_factory=dict[UUID, str])

    async def end_silent_runs(self) -> list[FlowRun]:
        """Mark the runs that gave no sign of life for too long as crashed; those that were."""
        now = datetime.now(UTC)
        ended: list[FlowRun] = []
        for run in await self._runs(_AT_WORK):
            silence = (now - await self._last_sign(run)).total_seconds()
            if silence > self.silence_seconds:
                await self._end(run, f"no sign of life for {silence:.0f} s: its process is gone")
                ended.append(run)
        return ended

    async def changes(self) -> list[str]:
        """A line for every run that changed its state since the last call."""
        names = await self._deployment_names()
        lines: list[str] = []
        for run in await self._runs(_BEGUN):
            if run.state is None or run.state.timestamp < self.began_at:
                continue
            if self._told.get(run.id) != run.state.name:
                self._told[run.id] = run.state.name or ""
                where = names.get(run.deployment_id) if run.deployment_id else None
                reason = f": {run.state.message}" if run.state.message else ""
                lines.append(f"{where or 'a deployment that is gone'}, run {run.name}: {run.state.name}{reason}")
        return lines

    async def _runs(self, kinds: list[StateType]) -> Sequence[FlowRun]:
        """Those of the kinds that were to start last."""
        return await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=kinds))),
            deployment_filter=self._deployments(),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=_MOST_RUNS,
        )

    async def _deployment_names(self) -> dict[UUID, str]:
        deployments = await self.client.read_deployments(deployment_filter=self._deployments())
        flows = {flow.id: flow.name for flow in await self.client.read_flows()}
        return {one.id: f"{flows.get(one.flow_id)}/{one.name}" for one in deployments}

    def _deployments(self) -> DeploymentFilter:
        return DeploymentFilter(tags=DeploymentFilterTags(all_=[self.tag]))

    async def _last_sign(self, run: FlowRun) -> datetime:
        changed = run.state.timestamp if run.state else run.created or self.began_at
        now = datetime.now(UTC)
        since = now - timedelta(seconds=2 * self.silence_seconds)
        page = await self.client.read_events(
            EventFilter(
                event=EventNameFilter(name=[_HEARTBEAT]),
                resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
                occurred=EventOccurredFilter.model_validate({"since": since, "until": now + timedelta(minutes=1)}),
            ),
            limit=1,  # the newest comes first
        )
        return max([changed, *(event.occurred for event in page.events)])

    async def _end(self, run: FlowRun, reason: str) -> None:
        inside = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_AT_WORK)),
                parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]),
            )
        )
        for one in (*inside, run):
            await self.client.set_flow_run_state(one.id, Crashed(message=reason), force=True)
