"""What the service asks of a Prefect server, through Prefect's own client."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tracewright.api.http.errors import ConflictError, NotFoundError, UnavailableError, UnprocessableError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import Artifact, FlowRun

TAG = "tracewright-service"
"""On every run that the service starts."""
MAX_RUNS = 100
MAX_LINES = 1_000
MAX_STAGES = 200
_LOG = logging.getLogger("tracewright.api")


class RunClient:
    """The deployments and runs of one Prefect server. Nothing of Prefect is imported before the first question."""

    def __init__(self, api_url: str | None) -> None:
        self._api_url = api_url

    def list_deployments(self) -> list[dict[str, Any]]:
        """Every deployment by name.

        Raises:
            ConflictError: no Prefect server is configured.
            UnavailableError: it does not answer.
        """
        with self._ask() as client:
            flows = {flow.id: flow.name for flow in client.read_flows(limit=200)}
            found = client.read_deployments(limit=200)
        named = [{"name": f"{flows.get(one.flow_id, '?')}/{one.name}", "paused": bool(one.paused)} for one in found]
        return sorted(named, key=lambda one: one["name"])

    def start(self, deployment: str, parameters: dict[str, Any], key: str | None) -> dict[str, Any]:
        """A new run of a deployment; the same key starts it once.

        Raises:
            NotFoundError: there is no deployment of that name.
            UnprocessableError: the parameters are not those of its flow.
            ConflictError: no Prefect server is configured.
            UnavailableError: it does not answer.
        """
        from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

        name = deployment if "/" in deployment else f"{deployment}/{deployment}"
        with self._ask() as client:
            try:
                found = client.read_deployment_by_name(name)
                run = client.create_flow_run_from_deployment(
                    found.id, parameters=parameters, tags=[TAG], idempotency_key=key
                )
            except ObjectNotFound as error:
                raise NotFoundError(f"there is no deployment {name!r}: GET /v1/deployments lists them") from error
            except PrefectHTTPStatusError as error:
                if error.response.status_code in (409, 422):
                    raise UnprocessableError(f"the deployment {name!r} does not take these parameters") from error
                raise
        return _to_run(run, name)

    def list_runs(self) -> list[dict[str, Any]]:
        """The newest runs, whoever started them."""
        from prefect.client.schemas.sorting import FlowRunSort

        with self._ask() as client:
            runs = client.read_flow_runs(limit=MAX_RUNS, sort=FlowRunSort.EXPECTED_START_TIME_DESC)
        return [_to_run(run) for run in runs]

    def read_run(self, run_id: UUID) -> dict[str, Any]:
        """One run.

        Raises:
            NotFoundError: there is none.
        """
        from prefect.exceptions import ObjectNotFound

        with self._ask() as client:
            try:
                return _to_run(client.read_flow_run(run_id))
            except ObjectNotFound as error:
                raise NotFoundError(f"there is no run {run_id}") from error

    def read_log(self, run_id: UUID, offset: int) -> list[dict[str, Any]]:
        """A run's log from a line on."""
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
        from prefect.client.schemas.sorting import LogSort

        self.read_run(run_id)
        with self._ask() as client:
            chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
            lines = client.read_logs(chosen, limit=200, offset=offset, sort=LogSort.TIMESTAMP_ASC)
        return [{"at": line.timestamp, "level": line.level, "message": line.message} for line in lines]

    def read_progress(self, run_ids: Sequence[UUID]) -> dict[str, list[dict[str, Any]]]:
        """For each run how far its stages are, in the order in which they began."""
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType

        chosen = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=list(run_ids)), type=ArtifactFilterType(any_=["progress"])
        )
        with self._ask() as client:
            found = client.read_artifacts(artifact_filter=chosen, limit=MAX_STAGES)
        stages: dict[str, list[dict[str, Any]]] = {str(run_id): [] for run_id in run_ids}
        for one in sorted(found, key=lambda one: str(one.created)):
            stages[str(one.flow_run_id)].append(_to_stage(one))
        return stages

    @contextmanager
    def _ask(self) -> Generator[SyncPrefectClient]:
        if self._api_url is None:
            raise ConflictError("no Prefect server is configured: start the service with PREFECT_API_URL set")
        import httpx
        from prefect.client.orchestration import SyncPrefectClient

        try:
            with SyncPrefectClient(api=self._api_url) as client:
                yield client
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            _LOG.error("Prefect did not answer: %s", type(error).__name__)
            raise UnavailableError("the Prefect server did not answer: see whether it runs, then try again") from error


def _to_stage(artifact: Artifact) -> dict[str, Any]:
    share = min(1.0, artifact.data / 100) if isinstance(artifact.data, int | float) else 0.0
    spent = (artifact.updated - artifact.created).total_seconds() if artifact.updated and artifact.created else 0.0
    return {
        "stage": (artifact.key or "").replace("-", " "),
        "share": share,
        "detail": artifact.description or "",
        "left_seconds": spent * (1 - share) / share if 0.0 < share < 1.0 and spent else None,
    }


def _to_run(run: FlowRun, deployment: str | None = None) -> dict[str, Any]:
    state = run.state
    return {
        "id": str(run.id),
        "name": run.name,
        "deployment": deployment,
        "state": state.type.value if state else "UNKNOWN",
        "state_name": state.name if state else None,
        "message": state.message if state else None,
        "created_at": run.created,
        "started_at": run.start_time,
        "ended_at": run.end_time,
        "seconds": run.total_run_time.total_seconds(),
    }
