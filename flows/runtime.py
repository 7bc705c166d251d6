"""How Prefect runs here: on its embedded server, with its state inside the data folder, and without a word in between.

Must be called before `prefect` is imported for the first time; the flows are therefore imported late. Whoever has set
`PREFECT_API_URL` keeps their server, and whoever has set any other of these variables keeps that too.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from tracewright.schemas import StoreError

_QUIET = {
    # Its errors are tracebacks; the command line says each error once, in one line, and the run keeps the whole.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_COLORS": "false",
    "DO_NOT_TRACK": "1",
}
_SETTINGS = {
    **_QUIET,
    "PREFECT_SERVER_UI_ENABLED": "false",
    # The embedded server lives as long as one command: what it would do in the background is for servers that stay.
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
_SENDERS = ("EventsWorker", "APILogWorker")
"""Threads that send what happened to the server; at the end of a failed run they say that they are not done yet."""


def configure_prefect(data: Path) -> None:
    """Point Prefect at a folder of its own beside the data and keep it quiet.

    Raises:
        StoreError: the folder can't be written.
    """
    _configure(data, _SETTINGS)


def configure_run(data: Path, port: int) -> bool:
    """The same for a server of one command's own, at that port; whether it is to be started: False where one is known.

    Raises:
        StoreError: the folder can't be written.
    """
    is_ours = not os.environ.get("PREFECT_API_URL")
    _configure(data, _SETTINGS | ({"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"} if is_ours else {}))
    return is_ours


def configure_serving(data: Path, port: int) -> bool:
    """The same for a server that stays, at that port; whether it is to be started: False where one is configured.

    Raises:
        StoreError: the folder can't be written.
    """
    is_ours = not os.environ.get("PREFECT_API_URL")
    own = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"} if is_ours else {}
    # Nobody sits before these runs: what went wrong is looked for here and on the run's page.
    _configure(data, _QUIET | own | {"PREFECT_LOGGING_LEVEL": "ERROR"})
    return is_ours


def _configure(data: Path, settings: dict[str, str]) -> None:
    if data.parts[:1] == ("s3:",):
        from tracewright.pipeline.store.objects import local_folder, to_place

        data = local_folder(to_place(data))
    home = data / ".prefect"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"can't write to {data}: {error.strerror}. Choose a folder that you may write to, or mend its rights"
        ) from error
    for name, value in (settings | {"PREFECT_HOME": str(home.resolve())}).items():
        os.environ.setdefault(name, value)
    for name in _SENDERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
