"""A chat completion that a server streams, read token by token until its end or until it is not worth going on.

Closing the connection ends the completion on the server too: vLLM gives a request up whose client has gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tracewright.pipeline.engines.running_confidence import EarlyStop, RunningConfidence
from tracewright.pipeline.engines.server_answers import AnswerError
from tracewright.pipeline.engines.server_pool import MAX_ANSWER_BYTES, read_json
from tracewright.pipeline.engines.server_tokens import read_logprob, read_top
from tracewright.schemas import FinishReason

_DATA, _DONE = b"data:", b"[DONE]"
_SHOWN_CHARACTERS = 300


async def read_stream(response: aiohttp.ClientResponse, rule: EarlyStop) -> dict[str, Any]:
    """The answer as it would have come in one piece; given up where the rule says so.

    Raises:
        LookupError, TypeError, ValueError: the stream is not one of a chat completion, breaks off, or is longer than is
            read.
    """
    if not response.content_type.startswith("text/event-stream"):  # a server that does not stream
        return await read_json(response)
    parts = _Parts(RunningConfidence(rule))
    async for chunk in _iter_chunks(response):
        if parts.take(chunk):
            response.close()
            break
    return parts.join()


async def _iter_chunks(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The stream's objects. A line comes in many pieces, which are joined once."""
    pieces, size = list[bytes](), 0
    async for data in response.content.iter_any():
        size += len(data)
        if size > MAX_ANSWER_BYTES:
            raise ValueError(f"it has more than {MAX_ANSWER_BYTES:,} bytes")
        first, *others = data.split(b"\n")
        pieces.append(first)
        for line in others:
            if (chunk := _read_line(b"".join(pieces))) is not None:
                yield chunk
            pieces = [line]
    if (chunk := _read_line(b"".join(pieces))) is not None:
        yield chunk


def _read_line(line: bytes) -> dict[str, Any] | None:
    text = line.removeprefix(_DATA).strip() if line.startswith(_DATA) else b""
    return orjson.loads(text) if text and text != _DONE else None


@dataclass
class _Parts:
    """What has come of one completion."""

    running: RunningConfidence
    text: list[str] = field(default_factory=list[str])
    thinking: list[str] = field(default_factory=list[str])
    tokens: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None

    def take(self, chunk: dict[str, Any]) -> bool:
        """Add a chunk; whether the completion is to be given up."""
        if "error" in chunk:
            raise AnswerError(f"an error in its stream: {str(chunk['error'])[:_SHOWN_CHARACTERS]}")
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            self.text.append(delta.get("content") or "")
            self.thinking.append(delta.get("reasoning_content") or delta.get("reasoning") or "")
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            for token in (choice.get("logprobs") or {}).get("content") or ():
                self.tokens.append(token)
                if self.running.add(read_logprob(token), read_top(token)) and self.finish_reason is None:
                    self.finish_reason = FinishReason.LOW_CONFIDENCE.value
                    return True
        return False

    def join(self) -> dict[str, Any]:
        """The answer in one piece.

        Raises:
            AnswerError: it was not whole.
        """
        if self.finish_reason is None:
            raise AnswerError("a stream that breaks off")
        message = {"content": "".join(self.text), "reasoning_content": "".join(self.thinking)}
        choice = {"message": message, "finish_reason": self.finish_reason, "logprobs": {"content": self.tokens}}
        return {"choices": [choice], "usage": self.usage}
