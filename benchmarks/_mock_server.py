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
from functools import lru_cache
from pathlib import Path

STEPS = 12
WRONG_SHARE = 0.1
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
    rng = random.Random(seed)
    value, moves = _draw(number, steps)
    slip = rng.randrange(len(moves)) if rng.random() < WRONG_SHARE else -1
    lines: list[str] = []
    for index, move in enumerate(moves):
        result = value + move + (index == slip)
        sign = "+" if move > 0 else "-"
        lines.append(f"Step {index + 1}: the jar has {value} coins, and {value} {sign} {abs(move)} = {result}.\n")
        value = result
    return "".join(lines) + f"#### {value}"


def _draw(number: int, steps: int) -> tuple[int, list[int]]:
    """What is in the jar, and what goes in and out: as many moves as steps, one more or one less."""
    rng = random.Random(number)
    start = rng.randint(300, 600)
    return start, [rng.choice((-1, 1)) * rng.randint(2, 20) for _ in range(steps + number % 3 - 1)]


def _write_logprobs(tokens: list[str], seed: int) -> str:
    """Sure of words, less so of numbers; the same for the same seed."""
    rng = random.Random(seed)
    return ",".join(
        f'{{"token":{text},"logprob":{first:.5f},"bytes":{raw},"top_logprobs":[{{"token":{text},'
        f'"logprob":{first:.5f}}}]}}'
        for text, raw, first in _spell(tokens, rng)
    )


def _spell(tokens: list[str], rng: random.Random) -> Iterator[tuple[str, str, float]]:
    for token in tokens:
        text, raw, rate = _describe_token(token)
        yield text, raw, -rng.expovariate(rate)


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
        question = asked["messages"][-1]["content"]
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
            if delay:
                asyncio.get_running_loop().call_later(delay, self.reply, 200, answer)
            else:
                self.reply(200, answer)

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


def make_answer(asked: dict, question: str, steps: int) -> str:
    """The body of a chat completion; cut where `max_tokens` says."""
    found = _NUMBER.search(question)
    number = int(found[1]) if found else 0
    seed = int(asked.get("seed") or 0)
    text = write_chain(number, seed, steps)
    tokens = _TOKEN.findall(text)
    limit = asked.get("max_tokens") or len(tokens)
    finish = "stop" if len(tokens) <= limit else "length"
    if finish == "length":
        tokens = tokens[:limit]
        text = "".join(tokens)
    logprobs = f'{{"content":[{_write_logprobs(tokens, seed)}]}}' if asked.get("logprobs") else "null"
    return (
        f'{{"choices":[{{"index":0,"message":{{"role":"assistant","content":{json.dumps(text)}}},'
        f'"finish_reason":"{finish}","logprobs":{logprobs}}}],'
        f'"usage":{{"prompt_tokens":{len(question) // 4},"completion_tokens":{len(tokens)}}}}}'
    )


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
