"""Which flows can be started by name, and at what times: the file that `tracewright flows serve` reads."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, get_type_hints

from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType
from pydantic import Field, JsonValue, ValidationError, model_validator

from tracewright.flows import deployments
from tracewright.pipeline.config.faults import nearest
from tracewright.schemas import ConfigError
from tracewright.schemas.base import Frozen

TAG = "tracewright"
"""On every deployment: the reconciler looks after the runs of these."""


class ScheduledFlow(Frozen):
    """One deployment: a flow, when it runs, and what it is given."""

    flow: str
    """One of generate, curate, release, distill, quantize, rescore."""
    name: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    """What the deployment is called, `FLOW/NAME`; the flow's own name where left out."""
    cron: str | None = None
    """Minute, hour, day, month, weekday; None: only when somebody starts it."""
    timezone: str = "UTC"
    """In which `cron` is meant, for example Europe/Vienna."""
    parameters: dict[str, JsonValue] = {}
    """What the flow is given; paths are relative to the file of schedules."""

    @model_validator(mode="after")
    def _check_flow(self) -> Self:
        if self.flow not in deployments.FLOWS:
            raise ValueError(f"there is no flow {self.flow!r}{nearest(self.flow, sorted(deployments.FLOWS))}")
        known = inspect.signature(deployments.FLOWS[self.flow].fn).parameters
        for name in self.parameters:
            if name not in known:
                raise ValueError(f"{self.flow} takes no {name!r}{nearest(name, list(known))}")
        missing = [name for name, one in known.items() if one.default is one.empty and name not in self.parameters]
        if self.cron is not None and missing:
            raise ValueError(f"{self.flow} at set times needs the parameters {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.cron is not None:
            try:
                CronSchedule(cron=self.cron, timezone=self.timezone)
            except ValidationError as error:
                reason = error.errors()[0]["msg"].removeprefix("Value error, ")
                raise ValueError(f'{reason}: expected for example cron: "0 20 * * *", timezone: UTC') from error
        return self


class Schedules(Frozen):
    """The whole file."""

    deployments: tuple[ScheduledFlow, ...] = Field(min_length=1)
    """For example [{flow: generate, name: nightly, cron: "0 20 * * *", parameters: {config: generate.yaml}}]."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [f"{one.flow}/{one.name or one.flow}" for one in self.deployments]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is there twice: give each deployment of a flow a name of its own")
        return self


def make_deployments(schedules: Schedules | None, folder: Path) -> list[RunnerDeployment]:
    """The file's deployments, paths taken from its folder, and one on demand of every flow under its own name.

    Raises:
        ConfigError: a parameter is not what its flow takes.
    """
    listed = list(schedules.deployments) if schedules else []
    own = {(one.flow, one.name or one.flow) for one in listed}
    on_demand = [ScheduledFlow(flow=name) for name in deployments.FLOWS if (name, name) not in own]
    return [_make_deployment(one, folder) for one in (*listed, *on_demand)]


def _make_deployment(scheduled: ScheduledFlow, folder: Path) -> RunnerDeployment:
    flow = deployments.FLOWS[scheduled.flow]
    deployment = RunnerDeployment.from_flow(
        flow,
        name=scheduled.name or scheduled.flow,
        schedule=Cron(scheduled.cron, timezone=scheduled.timezone) if scheduled.cron else None,
        parameters=dict(_absolute(flow, scheduled.parameters, folder)),
        description=inspect.getdoc(flow.fn),
        tags=[TAG],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    _check_parameters(flow, deployment.parameters)
    return deployment


def _absolute(flow: Flow[Any, Any], parameters: dict[str, JsonValue], folder: Path) -> Iterator[tuple[str, JsonValue]]:
    kinds = get_type_hints(flow.fn)
    for name, value in parameters.items():
        is_path = kinds[name] in (Path, Path | None) and isinstance(value, str)
        yield name, str((folder / Path(str(value)).expanduser()).resolve()) if is_path else value


def _check_parameters(flow: Flow[Any, Any], parameters: dict[str, Any]) -> None:
    hints = get_type_hints(flow.fn)
    for name, value in parameters.items():
        try:
            _adapter(hints[name]).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ConfigError(f"{flow.name}: parameter {name}: received {value!r}: {reason}") from error


def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
