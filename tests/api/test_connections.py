"""Clients that are slow, leave too early, or say that they are somebody else."""

import asyncio
import json
import socket
import sys
import threading
import time
from contextlib import closing

import pytest
import uvicorn

from tracewright.api.http import observation
from tracewright.api.http.connections import PatientProtocol
from tracewright.api.http.limits import BodyLimit
from tracewright.flows.commands import service as command


class HastyProtocol(PatientProtocol):
    header_seconds = 0.3
    stall_seconds = 0.3


@pytest.fixture
def listen():
    """A function that serves an application with a protocol; the port."""
    running = []

    def start(app, protocol=HastyProtocol):
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", http=protocol, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
        running.append((server, thread))
        return server.servers[0].sockets[0].getsockname()[1]

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(10)


async def answer(scope, receive, send):
    """An answer of as many bytes as the path says."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"keep-alive")]})
    for _ in range(int(scope["path"].strip("/") or 0) // 65_536):
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
    await send({"type": "http.response.body", "body": b"ok"})


def is_ended(connection, seconds=5):
    """Whether the other side ends the connection in this time."""
    connection.settimeout(seconds)
    try:
        return connection.recv(65_536) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n", b"P"])
def test_a_connection_that_sends_no_whole_header_is_ended(listen, sent):
    with closing(socket.create_connection(("127.0.0.1", listen(answer)))) as connection:
        connection.sendall(sent)
        assert is_ended(connection)


def test_a_header_that_drips_is_ended_after_an_answer_too(listen):
    with closing(socket.create_connection(("127.0.0.1", listen(answer)))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() < began + 5:
                connection.sendall(b"GET / HTTP/1.1\r\nX: " if time.monotonic() < began + 0.05 else b"y")
                threading.Event().wait(0.05)
        assert time.monotonic() < began + 4


def test_an_answer_that_nobody_takes_is_given_up(listen):
    port = listen(answer)
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.sendall(b"GET /67108864 HTTP/1.1\r\nHost: x\r\n\r\n")
        threading.Event().wait(1)
        received = 0
        connection.settimeout(5)
        try:
            while piece := connection.recv(1 << 20):
                received += len(piece)
        except ConnectionError:
            pass
        assert received < 67_108_864


def test_a_reader_who_takes_its_time_gets_all(listen):
    with closing(socket.create_connection(("127.0.0.1", listen(answer)))) as connection:
        connection.sendall(b"GET /8388608 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while piece := connection.recv(1 << 19):
            received += len(piece)
            threading.Event().wait(0.02)
        assert received > 8_388_608


def test_half_a_request_is_not_acted_upon():
    """The body so far is whole by itself; its sender is gone before the length that was announced."""
    called = []

    async def app(scope, receive, send):
        called.append(scope)

    messages = [{"type": "http.request", "body": b'{"a": 1}', "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    async def send(message):
        called.append(message)

    asyncio.run(BodyLimit(app, 1_000, 5.0)({"type": "http"}, receive, send))
    assert called == []


@pytest.mark.parametrize(("public_url", "trusted"), [(None, False), ("https://curation.example.org", True)])
def test_who_asks_is_believed_only_from_a_proxy_that_was_named(monkeypatch, lite, public_url, trusted):
    """Otherwise whoever guesses tokens would be another address each time."""
    configs = []
    monkeypatch.setattr(command, "read_environment", lambda _: {"public_url": public_url, "secret": "x" * 40})
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(observation, "configure_logging", lambda: None)
    monkeypatch.setattr(uvicorn, "Server", lambda config: configs.append(config) or _Nothing())
    lite.services.database.close()
    settings = lite.services.settings
    command.serve(store=settings.store, database=settings.database_url, host="127.0.0.1", port=0, releases=None)
    (config,) = configs
    config.load()
    answers = asyncio.run(_try_tokens(config.loaded_app, 12))
    assert (answers[-1] == 401) == trusted and answers[0] == 401


class _Nothing:
    def run(self):
        """Serves nothing."""


async def _try_tokens(app, times):
    """The statuses of so many wrong tokens, each said to come from another address."""
    found = []

    for number in range(times):
        body = json.dumps({"token": f"tw_{number}"}).encode()
        headers = [(b"content-type", b"application/json"), (b"x-forwarded-for", f"203.0.113.{number}".encode())]
        scope = {
            "type": "http", "method": "POST", "path": "/v1/sessions", "raw_path": b"/v1/sessions", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 5_000), "server": ("127.0.0.1", 80), "scheme": "http",
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        messages = [{"type": "http.request", "body": body}]

        async def receive(messages=messages):
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message):
            if message["type"] == "http.response.start":
                found.append(message["status"])

        await app(scope, receive, send)
    return found
