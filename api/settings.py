"""What the service is started with."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from tracewright.api.users.roles import Role
from tracewright.pipeline.store.objects import local_folder, to_place
from tracewright.schemas.base import Frozen
from tracewright.schemas.errors import ConfigError

DEFAULT_SECRET = "tracewright-on-loopback-only"  # noqa: S105 - refused wherever others can reach the service
DATABASE_FILE = "tracewright.db"
MIN_SECRET_CHARS = 32


class OidcSettings(Frozen):
    """An OpenID provider that people sign in through."""

    issuer: str
    """As the provider names itself: `https://…`; `http` only on loopback."""
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    new_users: Role | None = None
    """The role of somebody whom no admin has added; None: they are turned away."""

    @model_validator(mode="after")
    def _check_issuer(self) -> Self:
        if not is_safe_url(self.issuer):
            raise ValueError(f"the issuer {self.issuer!r} is no https:// address")
        return self


class ServiceSettings(Frozen):
    """One service process: where its data is and what it allows."""

    store: Path
    database: str | None = None
    """A SQLAlchemy URL; None is SQLite in the store's folder."""
    host: str = "127.0.0.1"
    port: int = Field(default=8340, ge=0, le=65_535)
    secret: SecretStr = SecretStr(DEFAULT_SECRET)
    """What CSRF tokens are derived from; the same for every process of one service."""
    releases: Path | None = None
    """Where releases are put; None is `releases` beside the store."""
    prefect_api_url: str | None = None
    """The Prefect server whose deployments can be started; None: runs can't be started here."""
    body_limit_bytes: int = Field(default=1_048_576, ge=1)
    body_seconds: float = Field(default=20.0, gt=0)
    """How long a client may take to send a request's body."""
    requests_per_second: float = Field(default=200.0, gt=0)
    """Of one user (or one address, before it is known who asks), in the long run."""
    request_burst: int = Field(default=400, ge=1)
    failed_logins_per_minute: int = Field(default=10, ge=1)
    """Of one address."""
    session_hours: float = Field(default=12.0, gt=0)
    public_url: str | None = None
    """Where browsers find the service, such as `https://curation.example.org`; None: at its host and port."""
    oidc: OidcSettings | None = None
    """None: people sign in with tokens only."""
    poll_seconds: float = Field(default=1.0, gt=0)
    """How often the store and other processes' reviews are looked at."""

    @property
    def database_url(self) -> str:
        """The database's URL."""
        return self.database or f"sqlite:///{self._folder / DATABASE_FILE}"

    @property
    def releases_folder(self) -> Path:
        """Where releases are put."""
        return self.releases or self._folder.parent / "releases"

    @property
    def _folder(self) -> Path:
        """The store's; of one on S3 this machine's part."""
        return local_folder(to_place(self.store))

    @property
    def origin(self) -> str:
        """Where browsers find the service."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service: it listens to no other, and no proxy shows it to others."""
        public = self.public_url is None or is_loopback(urlsplit(self.public_url).hostname or "")
        return is_loopback(self.host) and public


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe_url(url: str) -> bool:
    """Whether what is sent to an address can't be read on its way."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def check_exposure(settings: ServiceSettings, users: int) -> None:
    """Refuse to be reachable from other machines without users or with the secret that everybody knows.

    Raises:
        ConfigError: it would be; the message says what to do first.
    """
    if settings.is_loopback:
        return
    reachable = settings.host if settings.public_url is None else settings.public_url
    if users == 0:
        raise ConfigError(
            f"{reachable} can be reached from other machines and there are no users: add one first with "
            "`tracewright user add NAME --role admin`, or serve on 127.0.0.1"
        )
    secret = settings.secret.get_secret_value()
    if secret == DEFAULT_SECRET or len(secret) < MIN_SECRET_CHARS:
        raise ConfigError(
            f"{reachable} can be reached from other machines and the secret is the default or shorter than "
            f"{MIN_SECRET_CHARS} characters: set TRACEWRIGHT_SECRET (openssl rand -hex 32), or serve on 127.0.0.1"
        )
