"""Teachers that run elsewhere, behind OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tracewright.pipeline.engines.base import Completion, Failure, Request, RequestDrawer
from tracewright.pipeline.engines.server_answers import AnswerError, read_answer
from tracewright.pipeline.engines.server_pool import OutageError, PoolTimes, ServerPool, read_json
from tracewright.pipeline.engines.server_stream import read_stream
from tracewright.schemas import EngineError, Sampling

DEADLINE_SECONDS = 900.0
"""For one completion: a long chain of a large model behind a full queue takes minutes."""
_Result = Completion | Failure


@dataclass(frozen=True)
class ServerSettings:
    """Where to ask, and how."""

    base_urls: tuple[str, ...]
    model: str
    sampling: Sampling
    max_tokens: int
    logprobs: int = 0
    """How many of the likeliest tokens to ask for beside the sampled one; 0: no logprobs at all."""
    max_in_flight: int = 256
    deadline_seconds: float = DEADLINE_SECONDS
    """From a request's first try to its answer, all tries included."""
    marks: tuple[str, str] = ("<think>", "</think>")
    """Between which the servers' reasoning field is put in front of the text."""
    times: PoolTimes = field(default_factory=PoolTimes)
    api_key: str | None = field(default=None, repr=False)


class ServerEngine:
    """Requests to a pool of servers from a thread of its own, each result as it comes."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._results: queue.SimpleQueue[_Result | OutageError] = queue.SimpleQueue()
        self._asking: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server-engine", daemon=True)
        self._thread.start()
        self._pool = asyncio.run_coroutine_threadsafe(self._open_pool(), self._loop).result()

    @property
    def name(self) -> str:
        """The model's name is the teacher's; what serves it is not known."""
        return "openai-compatible server"

    @property
    def dtype(self) -> str:
        """A server does not say."""
        return "unknown"

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._thread.is_alive()

    def stream(self, requests: Iterable[Request | None]) -> Iterator[_Result]:
        """See `Engine.stream`. A request that is refused or passes its deadline is a failure, not the end.

        Raises:
            EngineError: no server could be reached for minutes.
        """
        drawer, in_flight = RequestDrawer(requests), set[str]()
        while True:
            drawn: list[Request] = []
            while len(in_flight) < self._settings.max_in_flight and (request := drawer.draw()):
                in_flight.add(request.key)
                drawn.append(request)
            if drawn:
                self._loop.call_soon_threadsafe(self._begin, drawn)
            if not in_flight:
                return
            result = self._results.get()
            if isinstance(result, OutageError):
                raise result
            if result.key in in_flight:  # else of an earlier stream that was given up
                in_flight.remove(result.key)
                yield result

    def close(self) -> None:
        """See `Engine.close`."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._close_pool(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> ServerEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _open_pool(self) -> ServerPool:
        own = self._settings
        return ServerPool(own.base_urls, own.max_in_flight, own.times, own.api_key)

    async def _close_pool(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._pool.close()

    def _begin(self, requests: list[Request]) -> None:
        for request in requests:
            task = self._loop.create_task(self._ask(request))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self, request: Request) -> None:
        started, result = time.monotonic(), None
        try:
            rule, deadline = request.early_stop, self._settings.deadline_seconds
            read = read_json if rule is None else partial(read_stream, rule=rule)
            answer = await self._pool.post("/chat/completions", self._body(request), deadline, read)
            result = read_answer(request, answer, time.monotonic() - started, self._settings.marks)
        except OutageError as error:
            result = error
        except (EngineError, AnswerError) as error:
            result = Failure(request.key, str(error))
        except Exception as error:  # noqa: BLE001 - a server's nonsense must cost its own row only
            result = Failure(request.key, f"the server's answer can't be read: {type(error).__name__}: {error}")
        self._results.put(result)

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = self._settings.sampling
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": make_messages(request),
            "max_tokens": self._settings.max_tokens,
            "temperature": 0.0 if request.greedy else sampling.temperature,
            "top_p": sampling.top_p,
            "seed": request.seed,
        }
        # Beyond OpenAI's own: sent only where they say something, for servers that refuse what they don't know.
        body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        body |= {"min_p": sampling.min_p} if sampling.min_p else {}
        body |= {"stop": list(sampling.stop)} if sampling.stop else {}
        body |= {"continue_final_message": True, "add_generation_prompt": False} if request.prefix else {}
        body |= {"stream": True, "stream_options": {"include_usage": True}} if request.early_stop else {}
        body |= {"logprobs": True, "top_logprobs": self._settings.logprobs} if self._settings.logprobs else {}
        return body


def make_messages(request: Request) -> list[dict[str, str]]:
    """The request as chat turns: the system's, the examples', the question, the answer as far as it is given."""
    messages = [{"role": "system", "content": request.system}] if request.system else []
    for question, answer in request.examples:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": request.question})
    return [*messages, {"role": "assistant", "content": request.prefix}] if request.prefix else messages
