"""A server's answer to a chat completion, as a completion with the places of its tokens."""

from __future__ import annotations

from typing import Any, cast

from tracewright.pipeline.engines.base import Completion, Request
from tracewright.pipeline.engines.server_tokens import find_tokens
from tracewright.schemas import FinishReason

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    FinishReason.LOW_CONFIDENCE.value: FinishReason.LOW_CONFIDENCE,
}
_SHOWN_CHARACTERS = 300


class AnswerError(ValueError):
    """What a server sent is no answer to a chat completion; the message says what it is instead."""


def check_answer(answer: Any) -> dict[str, Any]:
    """The answer, if it is one at all: servers and what stands before them give errors with HTTP 200 too.

    Raises:
        AnswerError: it is something else.
    """
    if not isinstance(answer, dict):
        raise AnswerError(f"a JSON {type(answer).__name__}, expected an object with choices")
    found = cast(dict[str, Any], answer)
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        said = found.get("error") or found.get("message") or f"it has {', '.join(map(str, found)) or 'nothing'}"
        raise AnswerError(f"an answer without choices: {str(said)[:_SHOWN_CHARACTERS]}")
    return found


def read_answer(request: Request, answer: dict[str, Any], seconds: float, marks: tuple[str, str]) -> Completion:
    """The completion in an answer. Thinking from a field of its own is put in front of the text, between the marks.

    Logprobs that can't be used cost the completion nothing but themselves.

    Raises:
        AnswerError: the answer has no text.
    """
    choice = check_answer(answer)["choices"][0]
    thinking, content = _read_texts(choice.get("message"))
    if not thinking and not content:
        raise AnswerError(f"an answer without text; its finish reason is {choice.get('finish_reason')}")
    ended = choice.get("finish_reason")
    found = find_tokens(choice.get("logprobs"), thinking, content, marks)
    usage = answer.get("usage") if isinstance(answer.get("usage"), dict) else {}
    counted = _read_count(usage, "completion_tokens")
    return Completion(
        key=request.key,
        prompt="\n\n".join(filter(None, [request.system, *sum(request.examples, ()), request.question])),
        text=found.text if found else _join(thinking, content, marks),
        finish_reason=_FINISH_REASONS.get(str(ended), FinishReason.ABORT),
        token_ids=None,
        token_logprobs=found and found.logprobs,
        token_ends=found and found.ends,
        top_logprobs=found and found.top_logprobs,
        token_count=counted if counted is not None else len(found.ends) if found else 0,
        seconds=seconds,
        prompt_token_count=_read_count(usage, "prompt_tokens") or 0,
        ended=str(ended)[:_SHOWN_CHARACTERS],
    )


def _read_texts(message: Any) -> tuple[str, str]:
    """The thinking and what is shown."""
    if not isinstance(message, dict):
        raise AnswerError("an answer without a message")
    # vLLM's name is now `reasoning`; before, and elsewhere, it is `reasoning_content`.
    thinking, content = message.get("reasoning_content") or message.get("reasoning") or "", message.get("content") or ""
    if not isinstance(thinking, str) or not isinstance(content, str):
        raise AnswerError("an answer whose text is no text")
    return thinking, content


def _join(thinking: str, content: str, marks: tuple[str, str]) -> str:
    """Nothing shown after the thinking means that it did not end, whatever the server says."""
    if not thinking:
        return content
    return f"{marks[0]}{thinking}{marks[1]}{content}" if content else f"{marks[0]}{thinking}"


def _read_count(usage: Any, name: str) -> int | None:
    value = usage.get(name)
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 2**53 else None
