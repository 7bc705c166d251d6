"""A server's answer to a chat completion, as a completion with the places of its tokens."""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import Any

from tracewright.pipeline.engines.base import Completion, Request
from tracewright.schemas import FinishReason

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    FinishReason.LOW_CONFIDENCE.value: FinishReason.LOW_CONFIDENCE,
}


def read_answer(request: Request, answer: dict[str, Any], seconds: float, marks: tuple[str, str]) -> Completion:
    """The completion in an answer. Thinking from a field of its own is put in front of the text, between the marks.

    Raises:
        LookupError, TypeError, ValueError: the answer is not one to a chat completion.
    """
    choice = answer["choices"][0]
    message = choice["message"]
    text = str(message.get("content") or "")
    # vLLM's name is now `reasoning`; before, and elsewhere, it is `reasoning_content`.
    thinking = message.get("reasoning_content") or message.get("reasoning")
    reason = _FINISH_REASONS.get(choice.get("finish_reason"), FinishReason.ABORT)
    if thinking:
        # An answer that was cut in its thinking has no text, and its thinking no end.
        is_cut = reason is not FinishReason.STOP and not text
        text = f"{marks[0]}{thinking}" if is_cut else f"{marks[0]}{thinking}{marks[1]}{text}"
    tokens = (choice.get("logprobs") or {}).get("content")
    ends = _token_ends(tokens, text) if tokens else None
    usage = answer.get("usage") or {}
    counted = usage.get("completion_tokens")
    return Completion(
        key=request.key,
        prompt="\n\n".join(filter(None, [request.system, *sum(request.examples, ()), request.question])),
        text=text,
        finish_reason=reason,
        token_ids=None,
        token_logprobs=tuple([float(token["logprob"]) for token in tokens]) if tokens and ends else None,
        token_ends=ends,
        top_logprobs=_top_logprobs(tokens) if tokens and ends else None,
        token_count=int(counted if counted is not None else len(tokens or ())),
        seconds=seconds,
        prompt_token_count=int(usage.get("prompt_tokens") or 0),
    )


def _token_ends(tokens: list[dict[str, Any]], text: str) -> tuple[int, ...] | None:
    """Characters complete after each token, from the tokens' bytes; None where they do not spell the text."""
    pieces = [_spell(token) for token in tokens]
    if b"".join(pieces).decode(errors="replace") != text:
        return None
    decoder, ends, length = getincrementaldecoder("utf-8")(errors="ignore"), list[int](), 0
    for piece in pieces:
        length += len(decoder.decode(piece))
        ends.append(length)
    return tuple(ends)


def _spell(token: dict[str, Any]) -> bytes:
    raw = token.get("bytes")
    return bytes(raw) if raw is not None else str(token["token"]).encode()


def _top_logprobs(tokens: list[dict[str, Any]]) -> tuple[tuple[float, ...], ...] | None:
    rows = [tuple(sorted([float(t["logprob"]) for t in one.get("top_logprobs") or ()], reverse=True)) for one in tokens]
    return tuple(rows) if all(rows) else None
