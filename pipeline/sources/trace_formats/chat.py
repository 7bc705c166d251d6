"""Chat rows and prompt/completion rows, in the layouts that trainers read.

`messages` holds turns of `role` and `content` (or `conversations`, of `from` and `value`); its last turn is the
completion. `prompt` and `completion` are texts, or lists of such turns. Beside them a row may have `id`, `answer` (or
`gold`), `model`, `revision`, `sample`, `finish_reason`, `domain`, `source` and `license`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracewright.pipeline.sources.imported import (
    THINK_CLOSE,
    THINK_OPEN,
    UNKNOWN_MODEL,
    ImportedTrace,
    Origin,
    find_reasoning,
    finish_reason_of,
    sample_from_text,
)
from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    as_object,
    as_text,
    build_problem,
    require_text,
    show_value,
    take_answer,
    take_integer,
    take_list,
    take_text,
)

_ROLES: Mapping[str, str] = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
_THINKING_COLUMNS = ("reasoning_content", "reasoning", "thinking")
_BETWEEN_TURNS = "\n\n"


@dataclass(frozen=True)
class _Turn:
    """One message."""

    role: str
    text: str


def read_messages(values: Values, origin: Origin) -> Iterator[ImportedTrace]:
    """The last assistant's turn as a trace; the turns before it are its prompt."""
    name = "conversations" if values.get("messages") is None and "conversations" in values else "messages"
    turns = [_turn(value, f"{name}[{index}]") for index, value in enumerate(take_list(values, name) or ())]
    if not turns:
        raise RowError("no `messages`, expected a list of turns")
    yield _trace(values, origin, turns)


def read_prompt_completion(values: Values, origin: Origin) -> Iterator[ImportedTrace]:
    """`completion` as a trace of `prompt`."""
    turns = [*_turns(values, "prompt", "user"), *_turns(values, "completion", "assistant")]
    yield _trace(values, origin, turns)


def _turns(values: Values, name: str, role: str) -> list[_Turn]:
    if isinstance(values.get(name), list):
        return [_turn(value, f"{name}[{index}]") for index, value in enumerate(values[name])]
    return [_Turn(role, require_text(values, name))]


def _turn(value: Any, name: str) -> _Turn:
    given = as_object(value, name)
    role = require_text(given, "role", "from").lower()
    content = given.get("content", given.get("value"))
    text = "" if content is None else _content(content, name)
    thinking = take_text(given, *_THINKING_COLUMNS)
    if thinking:
        text = f"{THINK_OPEN}\n{thinking}\n{THINK_CLOSE}\n\n{text}"
    return _Turn(_ROLES.get(role, role), text)


def _content(content: Any, name: str) -> str:
    """A text, or the texts of a list of parts; a picture or a sound is more than a trace can hold."""
    if not isinstance(content, list):
        return as_text(content, f"{name}.content")
    parts = [as_object(part, f"{name}.content") for part in content]
    for part in parts:
        if part.get("type", "text") != "text":
            raise RowError(f"`{name}` has a part of type {show_value(part['type'])}, expected text only")
    return "".join(require_text(part, "text") for part in parts)


def _trace(values: Values, origin: Origin, turns: Sequence[_Turn]) -> ImportedTrace:
    *before, last = turns
    if last.role != "assistant" or not last.text.strip():
        raise RowError(
            f"the last turn is {'blank' if last.role == 'assistant' else f'of role {last.role[:40]!a}'}, "
            "expected an assistant's with a text"
        )
    asked = [turn for turn in before if turn.role != "system"]
    if not any(turn.role == "user" and turn.text.strip() for turn in asked):
        raise RowError("no user's turn before the assistant's, expected a question")
    sample = take_integer(values, "sample")
    if sample is not None and sample < 0:
        raise RowError(f"`sample` is {sample}, expected 0 or more")
    return ImportedTrace(
        problem=build_problem(
            id=take_answer(values, "id"),
            question=_render(asked),
            answer=take_answer(values, "answer", "gold"),
            domain=take_text(values, "domain"),
            source=origin.source or take_text(values, "source") or origin.file_name,
            license=origin.license or take_text(values, "license"),
        ),
        model=take_text(values, "model") or UNKNOWN_MODEL,
        revision=take_text(values, "revision"),
        sample=sample_from_text(last.text) if sample is None else sample,
        prompt=_BETWEEN_TURNS.join(turn.text for turn in before),
        text=last.text,
        reasoning=find_reasoning(last.text),
        finish_reason=finish_reason_of(take_text(values, "finish_reason"), last.text),
    )


def _render(turns: Sequence[_Turn]) -> str:
    """One turn as it is; several with their roles, because what is asked last depends on them."""
    if len(turns) == 1:
        return turns[0].text
    return _BETWEEN_TURNS.join(f"{turn.role.capitalize()}: {turn.text}" for turn in turns)
