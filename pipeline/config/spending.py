"""What a run may cost, and who is told when it goes wrong."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tracewright.schemas.base import Frozen


class BudgetConfig(Frozen):
    """Limits of one run: no request is begun that would pass one, and what is in flight is finished."""

    tokens: int | None = Field(default=None, ge=1)
    """Of completions."""
    seconds: float | None = Field(default=None, gt=0.0)
    """Since the engine was first asked."""
    cost: float | None = Field(default=None, gt=0.0)
    """In the currency of `teacher.price`."""


class AlertConfig(Frozen):
    """Who is told, once a run, when too large a share of its requests fails: a command or a web address."""

    failed_share: float = Field(default=0.05, ge=0.0, le=1.0)
    """Of all results so far; more than this raises the alert."""
    after: int = Field(default=100, ge=1)
    """Results before which no share says anything."""
    command: tuple[str, ...] = ()
    """A program and its arguments, run without a shell; the alert comes as JSON on its stdin."""
    webhook: str | None = None
    """An address that the same JSON is posted to. Redirects are not followed."""

    @field_validator("webhook")
    @classmethod
    def _check_webhook(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an address such as https://example.org/hook")
        if parts.username or parts.password:
            raise ValueError("an address with a password in it: leave it out")
        return url

    @model_validator(mode="after")
    def _check_receiver(self) -> Self:
        if bool(self.command) == (self.webhook is not None):
            raise ValueError("expected one of command (a list of words) and webhook (an address)")
        return self
