"""An OpenAI-compatible server that does not think: chains of arithmetic steps with logprobs, by a question's number.

Run as a process of its own; prints its port. It can be slow, and it can fail the first request for a question in every
way that servers fail (`--faults`): rate limits, errors, dropped connections, silence. Without Python's HTTP server,
which takes longer for a request than what is measured against it.

    python benchmarks/_mock_server.py --problems 100 problems.jsonl    writes problems that it can answer
    python benchmarks/_mock_server.py --delay 0.05                     serves
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

STEPS = 12
WRONG_SHARE = 0.1
SLIP_DOUBT = 3.0
"""How much less sure a chain that slips is of every token."""
REFUSED_MARK = "(refused)"
"""A question that holds it is always refused with HTTP 400."""
HANG_SECONDS = 3_600
_TOKEN = re.compile(r"\s?\w+|\W")
_NUMBER = re.compile(r"jar number (\d+)")


def make_problem(number: int, steps: int = STEPS) -> dict[str, str]:
    """Problem `number`: its question names it."""
    start, moves = _draw(number, steps)
    told = ", ".join(f"{abs(move)} {'in' if move > 0 else 'out'}" for move in moves)
    question = f"In jar number {number} are {start} coins. Then go, one after another: {told}. How many are in it?"
    return {"id": str(number), "question": question, "answer": str(start + sum(moves))}


def write_chain(number: int, seed: int, steps: int) -> str:
    """The text of a chain; one in ten slips."""
    value, moves = _draw(number, steps)
    slip = _slip(seed, len(moves))
    lines: list[str] = []
    for index, move in enumerate(moves):
        result = value + move + (index == slip)
        sign = "+" if move > 0 else "-"
        lines.append(f"Step {index + 1}: the jar has {value} coins, and {value} {sign} {abs(move)} = {result}.\n")
        value = result
    return "".join(lines) + f"#### {value}"


def _slip(seed: int, moves: int) -> int:
    """The move that is worked wrong; -1 for none."""
    rng = random.Random(seed)
    return rng.randrange(moves) if rng.random() < WRONG_SHARE else -1


def _draw(number: int, steps: int) -> tuple[int, list[int]]:
    """What is in the jar, and what goes in and out: as many moves as steps, one more or one less."""
    rng = random.Random(number)
    start = rng.randint(300, 600)
    return start, [rng.choice((-1, 1)) * rng.randint(2, 20) for _ in range(steps + number % 3 - 1)]


def _write_logprobs(tokens: list[str], seed: int, doubt: float) -> Iterator[str]:
    """Sure of words, less so of numbers; the same for the same seed."""
    rng = random.Random(seed)
    for text, raw, first in _spell(tokens, rng, doubt):
        yield (
            f'{{"token":{text},"logprob":{first:.5f},"bytes":{raw},"top_logprobs":[{{"token":{text},'
            f'"logprob":{first:.5f}}}]}}'
        )


def _spell(tokens: list[str], rng: random.Random, doubt: float) -> Iterator[tuple[str, str, float]]:
    for token in tokens:
        text, raw, rate = _describe_token(token)
        yield text, raw, -rng.expovariate(rate / doubt)


@lru_cache(maxsize=65_536)
def _describe_token(token: str) -> tuple[str, str, float]:
    return json.dumps(token), str(list(token.encode())), 6.0 if token.strip().isdigit() else 40.0


class Connection(asyncio.Protocol):
    """One client's connection: requests one after another."""

    def __init__(self, options: argparse.Namespace, seen: Counter[str]) -> None:
        self.options, self.seen, self.buffer = options, seen, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            found = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(found[1]) if found else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.handle(head, body)

    def handle(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self.reply(200, '{"data":[]}')
            return
        asked = json.loads(body)
        question = str(asked["messages"][-1]["content"]) if asked.get("messages") else ""  # who asks for limits only
        if not self.seen and self.options.asked:
            self.options.asked.write_text(str(time.time()))
        self.seen[question] += 1
        fault = self.choose_fault(question)
        if fault == "drop":
            self.transport.close()
        elif fault in ("429", "500", "503"):
            self.reply(int(fault), '{"error":"planted"}')
        elif REFUSED_MARK in question:
            self.reply(400, '{"error":"this request is refused"}')
        else:
            delay = HANG_SECONDS if fault == "hang" else self.options.delay * random.uniform(0.5, 1.5)
            answer = make_answer(asked, question, self.options.steps)
            if asked.get("stream"):
                self.begin_stream(answer)
            elif delay:
                asyncio.get_running_loop().call_later(delay, self.reply, 200, answer.to_json())
            else:
                self.reply(200, answer.to_json())

    def begin_stream(self, answer: Answer) -> None:
        head = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.transport.write(head.encode())
        self.stream(iter(answer.to_events()))

    def stream(self, events: Iterator[str]) -> None:
        """One event, and the next one later: the client may be gone by then."""
        if self.transport.is_closing():
            return
        event = next(events, None)
        data = f"data: {event}\n\n".encode() if event is not None else b""
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        if event is not None:
            asyncio.get_running_loop().call_later(self.options.token_delay, self.stream, events)

    def choose_fault(self, question: str) -> str | None:
        """By the question alone, and never twice for one."""
        chance = zlib.crc32(question.encode()) / 2**32
        kinds = self.options.kinds.split(",")
        if self.seen[question] > 1 or chance >= self.options.faults:
            return None
        return kinds[int(chance / self.options.faults * len(kinds))]

    def reply(self, status: int, body: str) -> None:
        data = body.encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + data)


def make_answer(asked: dict, question: str, steps: int) -> Answer:
    """What a chat completion says; cut where `max_tokens` says."""
    found = _NUMBER.search(question)
    number = int(found[1]) if found else 0
    seed = int(asked.get("seed") or 0)
    tokens = _TOKEN.findall(write_chain(number, seed, steps))
    limit = asked.get("max_tokens") or len(tokens)
    slipped = asked.get("logprobs") and _slip(seed, len(_draw(number, steps)[1])) >= 0
    return Answer(
        tokens=tokens[:limit],
        finish="stop" if len(tokens) <= limit else "length",
        seed=seed if asked.get("logprobs") else None,
        doubt=SLIP_DOUBT if slipped else 1.0,
        prompt_tokens=len(question) // 4,
    )


@dataclass(frozen=True)
class Answer:
    """A chat completion."""

    tokens: list[str]
    finish: str
    seed: int | None
    """Of the logprobs; None for none."""
    doubt: float
    prompt_tokens: int

    @property
    def usage(self) -> str:
        made = len(self.tokens)
        total = f'"completion_tokens":{made},"total_tokens":{self.prompt_tokens + made}'
        return f'"usage":{{"prompt_tokens":{self.prompt_tokens},{total}}}'

    def to_json(self) -> str:
        """In one piece."""
        logprobs = "null" if self.seed is None else f'{{"content":[{",".join(self.logprobs(self.seed))}]}}'
        return (
            f'{{"choices":[{{"index":0,"message":{{"role":"assistant","content":{json.dumps("".join(self.tokens))}}},'
            f'"finish_reason":"{self.finish}","logprobs":{logprobs}}}],{self.usage}}}'
        )

    def to_events(self) -> Iterator[str]:
        """Token by token."""
        described = self.logprobs(self.seed) if self.seed is not None else iter(())
        for token in self.tokens:
            logprobs = f'{{"content":[{one}]}}' if (one := next(described, None)) else "null"
            delta = f'"delta":{{"content":{json.dumps(token)}}}'
            yield f'{{"choices":[{{"index":0,{delta},"finish_reason":null,"logprobs":{logprobs}}}]}}'
        yield f'{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{self.finish}"}}]}}'
        yield f'{{"choices":[],{self.usage}}}'
        yield "[DONE]"

    def logprobs(self, seed: int) -> Iterator[str]:
        """One object a token."""
        return _write_logprobs(self.tokens, seed, self.doubt)


async def serve(options: argparse.Namespace) -> None:
    """Serve until killed, or until the parent is gone."""
    seen: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(options, seen), "127.0.0.1", options.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


def write_problems(count: int, path: Path, steps: int) -> None:
    """As JSONL."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps(make_problem(number, steps)) + "\n")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--problems", type=int, default=0)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="mean seconds before an answer")
    parser.add_argument("--token-delay", type=float, default=0.0, help="seconds between tokens that are streamed")
    parser.add_argument("--asked", type=Path, help="a file to write the moment of the first request to")
    parser.add_argument("--faults", type=float, default=0.0, help="share of questions whose first request goes wrong")
    parser.add_argument("--kinds", default="429,500,503,drop", help="which of these ways, and hang")
    options = parser.parse_args()
    if options.path is not None:
        write_problems(options.problems, options.path, options.steps)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
