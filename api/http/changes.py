"""One request that changes something: one transaction, one audit entry, and one effect however often it is sent.

The answer to a request with an `Idempotency-Key` is stored in the transaction of its effect: both are there or neither.
The reply is sent after the commit, so what was acknowledged is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import Connection, delete, insert, select
from starlette.responses import Response

from tracewright.api.audit.repository import add_entry
from tracewright.api.database.tables import ANSWERS
from tracewright.api.http.access import Principal
from tracewright.api.http.errors import UnprocessableError
from tracewright.api.http.rendering import JSON_TYPE, encode, render
from tracewright.api.services import Services, ServicesDep
from tracewright.schemas.ids import hash_content

ANSWER_DAYS = 30
"""How long the answer to a key is kept."""
KEY_PATTERN = r"^[!-~]{1,200}$"
_MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class Reply:
    """What a change answers."""

    content: Any
    status: int = 200
    etag: str | None = None
    location: str | None = None
    shown_once: tuple[str, ...] = ()
    """Fields that are never stored: a repeated request is answered without them."""
    cookies: tuple[tuple[str, str, int], ...] = ()
    """Name, value and age in seconds."""


@dataclass
class Change:
    """A change under way: its transaction, who makes it, and when."""

    connection: Connection
    services: Services
    principal: Principal
    now: int
    request_id: str
    _after: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def audit(self, action: str, subject: object, **detail: Any) -> None:
        """Put down who did what to what; `detail` holds no secret and no text of a trace."""
        add_entry(self.connection, self.now, self.principal.name, action, str(subject), detail, self.request_id)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this once the change is durable."""
        self._after.append(call)

    def finish(self) -> None:
        """Call what waits for the commit."""
        for call in self._after:
            call()


@dataclass(frozen=True)
class Changer:
    """Carries out the change that one request asks for."""

    services: Services
    request: Request
    key: str | None

    def run(self, principal: Principal, asked: BaseModel | None, work: Callable[[Change], Reply]) -> Response:
        """Do the work once and answer; a repeated key is given the stored answer."""
        now, print_ = self.services.now(), self._fingerprint(asked)
        # Other changes wait while this one has the connection: what takes long is done before.
        with self.services.database.write() as connection:
            known = self._find_answer(connection, principal, print_)
            if known is not None:
                return known
            change = Change(connection, self.services, principal, now, self.request.state.request_id)
            reply = work(change)
            if self.key is not None:
                _store_answer(connection, principal, self.key, print_, reply, now)
        change.finish()
        return self._to_response(reply)

    def find_answer(self, principal: Principal, asked: BaseModel) -> Response | None:
        """What a request with this key was answered; for work that is done before `run`, and once for each key.

        Raises:
            UnprocessableError: the key came with another request before.
        """
        with self.services.database.read() as connection:
            return self._find_answer(connection, principal, self._fingerprint(asked))

    def _fingerprint(self, asked: BaseModel | None) -> str:
        body = None if asked is None else asked.model_dump(mode="json")
        return hash_content(self.request.method, self.request.url.path, self.request.url.query, body)

    def _find_answer(self, connection: Connection, principal: Principal, fingerprint: str) -> Response | None:
        if self.key is None:
            return None
        query = select(ANSWERS).where(ANSWERS.c.user_id == principal.user_id, ANSWERS.c.key == self.key)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise UnprocessableError("this `Idempotency-Key` came with another request before: draw a new one")
        response = Response(row.body, row.status, media_type=JSON_TYPE, headers={"Idempotency-Replayed": "true"})
        _add_headers(response, row.etag, row.location)
        return response

    def _to_response(self, reply: Reply) -> Response:
        response = render(reply.content, status=reply.status)
        _add_headers(response, reply.etag, reply.location)
        for name, value, seconds in reply.cookies:
            secure = not self.services.settings.is_loopback or self.request.url.scheme == "https"
            response.set_cookie(name, value, seconds, path="/", secure=secure, httponly=True, samesite="strict")
        return response


def remove_old_answers(connection: Connection, now: int) -> None:
    """Forget the answers that nobody will ask for again."""
    connection.execute(delete(ANSWERS).where(ANSWERS.c.at < now - ANSWER_DAYS * _MICROSECONDS_PER_DAY))


def _store_answer(
    connection: Connection, principal: Principal, key: str, fingerprint: str, reply: Reply, now: int
) -> None:
    content = orjson.loads(encode(reply.content))
    body = {name: value for name, value in content.items() if name not in reply.shown_once}
    stored = {"status": reply.status, "etag": reply.etag, "location": reply.location, "body": encode(body).decode()}
    row = {"user_id": principal.user_id, "key": key, "fingerprint": fingerprint, "at": now, **stored}
    connection.execute(insert(ANSWERS).values(row))


def _add_headers(response: Response, etag: str | None, location: str | None) -> None:
    if etag is not None:
        response.headers["ETag"] = etag
    if location is not None:
        response.headers["Location"] = location


async def _get_changer(
    request: Request,
    services: ServicesDep,
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="The same key is carried out once."),
    ] = None,
) -> Changer:
    return Changer(services, request, key)


ChangerDep = Annotated[Changer, Depends(_get_changer)]
