"""The thread that runs jobs, one at a time. A job whose process died is run again: every kind can be run again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from tracewright.api.database import Database
from tracewright.api.http.observation import Metrics
from tracewright.api.jobs import repository
from tracewright.schemas.errors import TracewrightError

SILENT_SECONDS = 30.0
"""After so long without a beat a running job's process is taken for dead."""
BEAT_SECONDS = 5.0
POLL_SECONDS = 1.0
Tell = Callable[[float, str], None]
Work = Callable[[Any, Tell], dict[str, Any]]
"""From a job's row and a way to tell progress to the result; must be able to be run again."""
_LOG = logging.getLogger("tracewright.api")


class JobRunner:
    """Takes jobs from the database and runs them."""

    def __init__(self, database: Database, kinds: dict[str, Work], metrics: Metrics) -> None:
        self._database = database
        self._kinds = kinds
        self._metrics = metrics
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to run what waits."""
        self._thread.start()

    def stop(self, seconds: float = 0.0) -> None:
        """Take no further job; wait so long for the one that runs, which is otherwise run again by the next process."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def wake(self) -> None:
        """Look for jobs now."""
        self._wake.set()

    def run_next(self) -> bool:
        """Run the oldest job that waits; False where there is none."""
        now = time.time_ns() // 1_000
        with self._database.write() as connection:
            job = repository.take_job(connection, now, now - round(SILENT_SECONDS * 1e6))
        if job is None:
            return False
        with _Beats(self._database, job.id) as beats:
            result, error = self._work(job, beats.tell)
        with self._database.write() as connection:
            repository.end_job(connection, job.id, time.time_ns() // 1_000, result, error)
        self._metrics.jobs.labels(job.kind, "failed" if error else "done").inc()
        return True

    def _work(self, job: Any, tell: Tell) -> tuple[dict[str, Any] | None, str | None]:
        try:
            return self._kinds[job.kind](job, tell), None
        except TracewrightError as error:
            return None, str(error)
        except Exception as error:  # noqa: BLE001 - becomes the job's error; the runner goes on
            _LOG.error("job %s failed: %s", job.id, type(error).__name__, exc_info=error)
            return None, f"an unforeseen {type(error).__name__}; it is in the service's log"

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self.run_next():
                    continue
            except Exception as error:  # noqa: BLE001 - the database may be away for a while
                _LOG.error("no job could be taken: %s", type(error).__name__, exc_info=error)
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()


class _Beats:
    """Says again and again that a job is alive, and how far it is."""

    def __init__(self, database: Database, job_id: int) -> None:
        self._database = database
        self._job_id = job_id
        self._told = (0.0, "")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-beats", daemon=True)

    def tell(self, progress: float, note: str) -> None:
        """Take in how far the job is; written down with the next beat."""
        self._told = (progress, note)

    def __enter__(self) -> _Beats:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(BEAT_SECONDS if self._told == (0.0, "") else 1.0):
            with self._database.write() as connection:
                repository.beat(connection, self._job_id, time.time_ns() // 1_000, *self._told)
