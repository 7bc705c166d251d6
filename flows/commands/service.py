"""`serve`, `user add`, `backup`, `restore`: the curation service."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tracewright.api.users.roles import Role
from tracewright.flows.progress import say

SHUTDOWN_SECONDS = 10
"""How long requests that are under way may take after the service was told to stop."""
CONNECTION_LIMIT = 1_000
SWITCH_SECONDS = 0.001

user_app = typer.Typer(no_args_is_help=True, help="People who use the curation service.")
StoreOption = Annotated[Path, typer.Option(help="The store's folder.")]
DatabaseOption = Annotated[
    str | None, typer.Option(help="A SQLAlchemy URL, such as postgresql://…; SQLite in the store where left out.")
]
DEFAULT_STORE = Path("tracewright-data/store")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("serve")(serve)
    app.command("backup")(backup)
    app.command("restore")(restore)


def serve(
    store: StoreOption = DEFAULT_STORE,
    database: DatabaseOption = None,
    host: Annotated[str, typer.Option(help="Other than loopback needs users and TRACEWRIGHT_SECRET.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8340,
    releases: Annotated[Path | None, typer.Option(help="Where releases go; beside the store where left out.")] = None,
) -> None:
    """The curation service on a store: pages, and the HTTP API under /v1. A first start prints a sign-in link."""
    import uvicorn

    from tracewright.api.app import create_app, open_services
    from tracewright.api.http.connections import PatientProtocol
    from tracewright.api.http.observation import configure_logging
    from tracewright.api.pages.signing_in import FIRST_ADMIN, make_first_link
    from tracewright.api.settings import ServiceSettings

    given = {"store": store, "database": database, "host": host, "port": port, "releases": releases}
    settings = ServiceSettings.model_validate(given | read_environment(os.environ))
    services = open_services(settings)
    configure_logging()
    say(f"serving {store} on {settings.origin}; users: tracewright user add NAME --role ROLE --store {store}")
    if (link := make_first_link(services)) is not None:
        say(f"sign in as {FIRST_ADMIN} with this link, which is shown only now: {link}")
    config = uvicorn.Config(
        create_app(services),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        http=PatientProtocol,
        ws="none",
        # Whoever speaks to the service itself could otherwise name any address as its own.
        proxy_headers=settings.public_url is not None,
        limit_concurrency=CONNECTION_LIMIT,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    # After its orderly end uvicorn sends the signal to itself again: that end is a success.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))
    # What is there now stays: looking through it for cycles would hold all requests up for 30 ms each time.
    gc.collect()
    gc.freeze()
    # The event loop waits for at most this long behind a request that computes (Python's default is 5 ms).
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.Server(config).run()


def read_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """What the service is told by environment variables: secrets, and where other services are."""
    named = {
        "secret": variables.get("TRACEWRIGHT_SECRET"),
        "public_url": variables.get("TRACEWRIGHT_PUBLIC_URL"),
        "prefect_api_url": variables.get("PREFECT_API_URL"),
        "oidc": {
            name: value
            for name in ("issuer", "client_id", "client_secret", "new_users")
            if (value := variables.get(f"TRACEWRIGHT_OIDC_{name.upper()}"))
        },
    }
    return {name: value for name, value in named.items() if value}


@user_app.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Small letters, digits, '.', '_', '@' and '-'.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    store: StoreOption = DEFAULT_STORE,
    database: DatabaseOption = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long the token is valid.")] = 90,
) -> None:
    """Add a user, or a further token of one: the token is printed once and stored nowhere."""
    from tracewright.api.database import open_database
    from tracewright.api.users.service import add_user_with_token

    opened = open_database(_url(store, database))
    typer.echo(add_user_with_token(opened, name, role, time.time_ns() // 1_000, days))
    opened.close()


def backup(
    out: Annotated[Path, typer.Option(help="The file to write; it must not exist.")],
    store: StoreOption = DEFAULT_STORE,
    database: DatabaseOption = None,
) -> None:
    """Write users, reviews, queues and the audit log to one file, while the service runs or not."""
    from tracewright.api.database import open_database
    from tracewright.api.operations.backup import back_up

    opened = open_database(_url(store, database))
    counts = back_up(opened, out)
    opened.close()
    say(f"{out}: {counts['reviews']:,} review events, {counts['users']:,} users, {counts['audit']:,} audit entries")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    store: StoreOption = DEFAULT_STORE,
    database: DatabaseOption = None,
) -> None:
    """Fill an empty database, of either kind, from a backup."""
    from tracewright.api.database import open_database
    from tracewright.api.operations.backup import restore as fill

    opened = open_database(_url(store, database))
    counts = fill(opened, file)
    opened.close()
    say(f"restored {counts['reviews']:,} review events, {counts['users']:,} users from {file}")


def _url(store: Path, database: str | None) -> str:
    from tracewright.api.settings import ServiceSettings
    from tracewright.pipeline.store import Store

    if database is None:
        Store.open(store)
    return ServiceSettings(store=store, database=database).database_url
