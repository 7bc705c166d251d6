"""A pool of servers. They are fakes: one that limits rates, answers nonsense or is gone can not be had otherwise."""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any

import pytest

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import server_health, server_pool
from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.server_engine import ServerEngine, ServerSettings
from tracewright.pipeline.engines.server_pool import PoolTimes
from tracewright.pipeline.engines.teachers import server_settings
from tracewright.schemas import ConfigError, EngineError, FinishReason, Sampling


class Server(BaseHTTPRequestHandler):
    """Answers `N+1` with N + 1; refuses, limits or garbles where the question says so."""

    seen: Counter[str] = Counter()
    served: Counter[BaseServer] = Counter()
    hanging: set[BaseServer] = set()
    statuses: dict[BaseServer, int] = {}
    """What a server answers to everything."""
    released = threading.Event()
    keys: set[str | None] = set()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        Server.seen[question] += 1
        Server.keys.add(self.headers.get("Authorization"))
        Server.served[self.server] += 1
        if self.server in Server.statuses:
            self.reply(Server.statuses[self.server], {"error": "planted"})
        elif question == "page":
            self.send(200, b"<html>It works!</html>", "text/html")
        elif question == "broken":
            self.send(200, b'{"choices": [{"message": {"content": "1+', "application/json")
        elif question == "short":
            self.send(200, b'{"choices": [', "application/json", length=900)
        elif question == "disguised":
            self.reply(200, {"error": {"message": "out of credits"}})
        elif question.isdigit():
            self.reply(int(question), {"error": "planted"})
        elif question == "limited" and Server.seen[question] < 3:
            self.reply(429, {"error": "slow down"})
        elif question == "refused":
            self.reply(400, {"error": "too long for this model"})
        elif question == "nonsense":
            self.reply(200, {"choices": []})
        elif question == "crash":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif question == "slow" or self.server in Server.hanging:
            Server.released.wait(30)
        else:
            self.reply(200, self.answer(body))

    def do_GET(self) -> None:
        if self.server in Server.hanging:
            Server.released.wait(30)
        self.reply(404, {})

    def answer(self, body: dict) -> dict:
        tokens = [("é".encode()[:1], -0.5), ("é".encode()[1:], -0.25), (b" = 2", -0.125)]
        content = [
            {"token": "?", "bytes": list(raw), "logprob": p, "top_logprobs": [{"logprob": p}, {"logprob": p - 1}]}
            for raw, p in tokens
        ]
        choice = {"message": {"content": "é = 2"}, "finish_reason": "stop"}
        choice |= {"logprobs": {"content": content}} if body.get("logprobs") else {}
        choice |= {"finish_reason": "length"} if body["messages"][-1]["content"] == "long" else {}
        return {"choices": [choice], "usage": {"completion_tokens": 3}}

    def reply(self, status: int, body: dict) -> None:
        self.send(status, json.dumps(body).encode(), "application/json")

    def send(self, status: int, data: bytes, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def start(port: int = 0) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), Server)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and rests so short that a test can wait for all of them."""
    monkeypatch.setattr(server_pool, "_FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(server_health, "_FIRST_REST_SECONDS", 0.02)
    monkeypatch.setattr(server_health, "_MAX_REST_SECONDS", 0.05)
    monkeypatch.setattr(server_health, "_PACE_SECONDS", 0.01)


@pytest.fixture
def servers() -> Iterator[list[ThreadingHTTPServer]]:
    Server.seen.clear()
    Server.keys.clear()
    Server.served.clear()
    Server.released.clear()
    two = [start(), start()]
    yield two
    Server.released.set()
    Server.hanging.clear()
    Server.statuses.clear()
    for server in two:
        server.shutdown()
        server.server_close()


@pytest.fixture
def url(servers: list[ThreadingHTTPServer]) -> str:
    return address(servers[0])


def ask(*urls: str, questions: list[str], logprobs: int = 0, **settings: Any) -> dict[str, Completion | Failure]:
    own = ServerSettings(urls, "m", Sampling(), max_tokens=8, logprobs=logprobs, max_in_flight=4, **settings)
    with ServerEngine(own) as engine:
        return {result.key: result for result in engine.stream(Request(q, q, 0) for q in questions)}


def test_servers_get_the_key_that_a_variable_holds(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "secret")
    config = TeacherConfig(engine="server", base_urls=(url,), model="m", api_key_variable="A_KEY")
    settings = server_settings(config)
    assert "secret" not in f"{settings}{config.model_dump_json()}"
    with ServerEngine(settings) as engine:
        (answered,) = engine.stream([Request("1+1", "1+1", 0)])
    assert isinstance(answered, Completion) and Server.keys == {"Bearer secret"}
    monkeypatch.delenv("A_KEY")
    with pytest.raises(ConfigError, match="A_KEY, which is not set"):
        server_settings(config)


def test_every_request_gets_its_answer(url: str) -> None:
    results = ask(url, questions=[f"{n}+1" for n in range(40)])
    assert len(results) == 40
    assert all(isinstance(r, Completion) and r.text == "é = 2" and r.token_logprobs is None for r in results.values())


def test_logprobs_come_with_exact_places_though_a_character_is_cut(url: str) -> None:
    (completion,) = ask(url, questions=["1+1"], logprobs=2).values()
    assert isinstance(completion, Completion)
    assert completion.token_ends == (0, 1, 5)
    assert completion.token_logprobs == (-0.5, -0.25, -0.125)
    assert completion.top_logprobs == ((-0.5, -1.5), (-0.25, -1.25), (-0.125, -1.125))


def test_a_rate_limit_is_waited_for_and_a_refusal_is_not(url: str) -> None:
    results = ask(url, questions=["limited", "refused", "nonsense", "long", "1+1"])
    assert isinstance(results["limited"], Completion) and Server.seen["limited"] == 3
    assert isinstance(results["refused"], Failure) and "too long for this model" in results["refused"].reason
    assert Server.seen["refused"] == 1
    assert isinstance(results["nonsense"], Failure)
    cut = results["long"]
    assert isinstance(cut, Completion) and cut.finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("500", "HTTP 500"),
        ("502", "HTTP 502"),
        ("524", "HTTP 524"),
        ("404", "HTTP 404"),
        ("page", r"can't be read \(text/html\)"),
        ("broken", r"can't be read \(application/json\)"),
        ("short", "ClientPayloadError"),
        ("crash", "ServerDisconnectedError"),
        ("disguised", "out of credits"),
        ("nonsense", "without choices"),
    ],
)
def test_a_request_without_an_answer_fails_alone_after_some_tries(question: str, why: str, url: str) -> None:
    results = ask(url, questions=["1+1", question, *(f"{n}+1" for n in range(2, 12))])
    failure = results.pop(question)
    assert isinstance(failure, Failure) and re.search(why, failure.reason), failure
    assert Server.seen[question] == server_pool.MAX_TRIES
    assert all(isinstance(result, Completion) for result in results.values())


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 502, 503])
def test_a_server_that_gives_nothing_but_errors_does_not_draw_the_requests(
    status: int, servers: list[ThreadingHTTPServer]
) -> None:
    Server.statuses[servers[0]] = status
    results = ask(*map(address, servers), questions=[f"{n}+1" for n in range(60)])
    assert all(isinstance(result, Completion) for result in results.values())
    assert Server.served[servers[1]] == 60


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_wrong_address_or_model_ends_the_run_instead_of_failing_every_row(
    status: int, servers: list[ThreadingHTTPServer]
) -> None:
    Server.statuses.update(dict.fromkeys(servers, status))
    with pytest.raises(EngineError, match=rf"no server takes requests.*HTTP {status}.*base_urls"):
        ask(*map(address, servers), questions=[f"{n}+1" for n in range(10)])


def test_servers_that_give_errors_for_minutes_end_the_run(servers: list[ThreadingHTTPServer]) -> None:
    Server.statuses.update(dict.fromkeys(servers, 429))
    with pytest.raises(EngineError, match=r"gave an answer.*HTTP 429"):
        ask(*map(address, servers), questions=["1+1"], times=PoolTimes(outage_seconds=0.3))


def test_a_request_that_passes_its_deadline_names_its_last_trouble(servers: list[ThreadingHTTPServer]) -> None:
    Server.statuses[servers[0]] = 429
    (failure,) = ask(address(servers[0]), questions=["1+1"], deadline_seconds=0.3).values()
    assert isinstance(failure, Failure) and "deadline" in failure.reason and "HTTP 429" in failure.reason


def test_an_outage_is_not_part_of_a_requests_deadline(servers: list[ThreadingHTTPServer]) -> None:
    port = servers[0].server_port
    servers[0].shutdown()
    servers[0].server_close()
    timer = threading.Timer(1.0, lambda: servers.append(start(port)))
    timer.start()
    results = ask(f"http://127.0.0.1:{port}/v1", questions=["1+1", "2+1"], deadline_seconds=0.4)
    timer.join()
    assert all(isinstance(result, Completion) for result in results.values()), results


def test_a_dead_server_costs_nothing_where_another_lives(url: str) -> None:
    results = ask("http://127.0.0.1:9/v1", url, questions=[f"{n}+1" for n in range(20)])
    assert all(isinstance(result, Completion) for result in results.values())


def test_a_hanging_server_loses_what_it_had_in_flight_to_the_others(servers: list[ThreadingHTTPServer]) -> None:
    Server.hanging.add(servers[0])
    times = PoolTimes(silence_seconds=0.6, probe_seconds=0.3)
    results = ask(*map(address, servers), questions=[f"{n}+1" for n in range(20)], times=times)
    assert all(isinstance(result, Completion) for result in results.values())


def test_a_request_that_passes_its_deadline_fails_alone(url: str) -> None:
    results = ask(url, questions=["slow", "1+1", "2+1"], deadline_seconds=0.5)
    slow = results.pop("slow")
    assert isinstance(slow, Failure) and "deadline" in slow.reason
    assert all(isinstance(result, Completion) for result in results.values())


def test_a_pool_that_is_gone_ends_the_run_instead_of_failing_every_row() -> None:
    with pytest.raises(EngineError, match="no server could be reached"):
        ask("http://127.0.0.1:9/v1", questions=["1+1"], times=PoolTimes(outage_seconds=0.5))


def test_requests_that_depend_on_results_are_drawn_when_there_are_some(url: str) -> None:
    waiting, results = ["1+1"], list[str]()

    def requests() -> Iterator[Request | None]:
        while waiting or len(results) < 3:
            yield Request(waiting[0], waiting.pop(0), 0) if waiting else None

    with ServerEngine(ServerSettings((url,), "m", Sampling(), max_tokens=8, max_in_flight=4)) as engine:
        for result in engine.stream(requests()):
            results.append(result.key)
            waiting.append(f"{len(results) + 1}+1")
    assert results[:3] == ["1+1", "2+1", "3+1"]


def test_a_server_that_died_is_asked_again_once_it_is_back(servers: list[ThreadingHTTPServer]) -> None:
    first, second = servers
    own = ServerSettings((address(first), address(second)), "m", Sampling(), max_tokens=8, max_in_flight=4)
    back: ThreadingHTTPServer | None = None
    asked = 0

    def requests() -> Iterator[Request]:
        nonlocal asked
        while asked < 2_000 and (back is None or not Server.served[back]):
            asked += 1
            yield Request(f"{asked}+1", f"{asked}+1", 0)

    results = list[Completion | Failure]()
    with ServerEngine(own) as engine:
        for result in engine.stream(requests()):
            results.append(result)
            if len(results) == 20:
                first.shutdown()
                first.server_close()
            if len(results) == 60:
                back = start(first.server_port)
    assert back is not None and Server.served[back] > 0
    assert len(results) == asked and all(isinstance(result, Completion) for result in results)
    back.shutdown()
    back.server_close()
