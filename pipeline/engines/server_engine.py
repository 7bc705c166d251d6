"""Teachers that run elsewhere, behind OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.server_pool import ServerPool
from tracewright.schemas import EngineError, FinishReason, Sampling

_REQUEST_TIMEOUT_SECONDS = 900.0
"""For one completion: a long chain of a large model behind a full queue takes minutes."""
_FINISH_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
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


class ServerEngine:
    """Requests to a pool of servers from a thread of its own, each result as it comes."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._pool = ServerPool(settings.base_urls, _REQUEST_TIMEOUT_SECONDS, settings.max_in_flight)
        self._results: queue.SimpleQueue[_Result] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server-engine", daemon=True)
        self._thread.start()

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

    def stream(self, requests: Iterable[Request]) -> Iterator[_Result]:
        """See `Engine.stream`. A request that no server answers is a failure, not the end."""
        waiting, in_flight = iter(requests), 0
        while True:
            while in_flight < self._settings.max_in_flight and (request := next(waiting, None)):
                asyncio.run_coroutine_threadsafe(self._ask(request), self._loop)
                in_flight += 1
            if not in_flight:
                return
            yield self._results.get()
            in_flight -= 1

    def close(self) -> None:
        """See `Engine.close`."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._pool.close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> ServerEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _ask(self, request: Request) -> None:
        started = time.monotonic()
        try:
            answer = await self._pool.post("/chat/completions", self._body(request))
            result: _Result = _to_completion(request, answer, time.monotonic() - started)
        except EngineError as error:
            result = Failure(request.key, str(error))
        except Exception as error:  # noqa: BLE001 - a server's nonsense must cost its own row only
            result = Failure(request.key, f"the server's answer can't be read: {type(error).__name__}: {error}")
        self._results.put(result)

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = self._settings.sampling
        system = [{"role": "system", "content": request.system}] if request.system else []
        begun = [{"role": "assistant", "content": request.prefix}] if request.prefix else []
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [*system, {"role": "user", "content": request.question}, *begun],
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
        body |= {"logprobs": True, "top_logprobs": self._settings.logprobs} if self._settings.logprobs else {}
        return body


def _to_completion(request: Request, answer: dict[str, Any], seconds: float) -> _Result:
    choice = answer["choices"][0]
    message = choice["message"]
    reason = _FINISH_REASONS.get(choice.get("finish_reason"), FinishReason.ABORT)
    thinking = message.get("reasoning_content") or message.get("reasoning")
    text = str(message.get("content") or "")
    if thinking:
        text = f"<think>{thinking}</think>{text}"
    tokens = (choice.get("logprobs") or {}).get("content")
    ends = _token_ends(tokens, text) if tokens else None
    counted = (answer.get("usage") or {}).get("completion_tokens")
    return Completion(
        key=request.key,
        prompt="\n\n".join(filter(None, [request.system, request.question])),
        text=text,
        finish_reason=reason,
        token_ids=None,
        token_logprobs=tuple(float(token["logprob"]) for token in tokens) if tokens and ends else None,
        token_ends=ends,
        top_logprobs=_top_logprobs(tokens) if tokens and ends else None,
        token_count=int(counted if counted is not None else len(tokens or ())),
        seconds=seconds,
    )


def _token_ends(tokens: list[dict[str, Any]], text: str) -> tuple[int, ...] | None:
    """Characters complete after each token, from the tokens' bytes; None where they do not spell the text."""
    spelt, ends = b"", list[int]()
    for token in tokens:
        raw = token.get("bytes")
        spelt += bytes(raw) if raw is not None else str(token["token"]).encode()
        ends.append(len(spelt.decode(errors="ignore")))
    return tuple(ends) if spelt.decode(errors="replace") == text else None


def _top_logprobs(tokens: list[dict[str, Any]]) -> tuple[tuple[float, ...], ...] | None:
    rows = [tuple(sorted((float(t["logprob"]) for t in one.get("top_logprobs") or ()), reverse=True)) for one in tokens]
    return tuple(rows) if all(rows) else None
