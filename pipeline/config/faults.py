"""A config's faults in words: where, what was received, what was expected, and the nearest known name."""

from __future__ import annotations

import difflib
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

_SHOWN_CHARACTERS = 60
_PLAIN_WORDS = {
    "a valid string": "text",
    "a valid integer": "a whole number",
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid array": "a list",
    "an object": "a mapping",
}
_UNKNOWN_KEY = "extra_forbidden"
_UNKNOWN_TAG = "union_tag_invalid"
_NO_TAG = "union_tag_not_found"

Place = tuple[str | int, ...]


def list_faults(model: type[BaseModel], data: JsonValue, error: ValidationError) -> list[str]:
    """One sentence for each fault, in the order of the model's fields; the members of a union share one."""
    found = [(_place_in(data, detail), detail) for detail in error.errors(include_url=False)]
    deepest = [place for place, _ in found]
    sentences: dict[Place, list[str]] = {}
    for place, detail in found:
        # Of a union, only the member that the value was meant for goes deeper; what the others say is noise.
        if len(place) < len(detail["loc"]) and any(_is_below(other, place) for other in deepest):
            continue
        sentences.setdefault(place, []).append(_describe(model, place, detail))
    return [_join(place, parts) for place, parts in sentences.items()]


def unknown_keys(error: ValidationError) -> list[Place]:
    """The places of the keys that no model knows."""
    return [detail["loc"] for detail in error.errors(include_url=False) if detail["type"] == _UNKNOWN_KEY]


def nearest(name: str, known: Sequence[str]) -> str:
    """`; did you mean X?` where a known name is near, else `; known: …`."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(known)}"


def show(value: object) -> str:
    """A value as a message shows it: cut, and with the word for its kind."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 1] + "…"
    return f"{text} ({_kind(value)})"


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    for kind, word in ((str, "text"), (int, "a whole number"), (float, "a number"), (list, "a list")):
        if isinstance(value, kind):
            return word
    return "a mapping" if isinstance(value, Mapping) else type(value).__name__


def _describe(model: type[BaseModel], place: Place, detail: ErrorDetails) -> str:
    kind, message, received = detail["type"], detail["msg"], detail["input"]
    if kind == _UNKNOWN_KEY:
        return f"unknown key{nearest(str(place[-1]), _known_names(model, place[:-1], detail['loc']))}"
    if kind == _UNKNOWN_TAG:
        context = detail.get("ctx", {})
        known = [name.strip("'") for name in context["expected_tags"].split(", ")]
        return f"received {context['discriminator'][1:-1]} {show(context['tag'])}{nearest(context['tag'], known)}"
    if kind == _NO_TAG:
        key = detail.get("ctx", {})["discriminator"][1:-1]
        return f"received {show(received)}, expected a mapping with the key {key}, which says what it is"
    if kind == "missing":
        return f"missing{_description(model, place)}"
    if kind == "value_error":
        reason = message.removeprefix("Value error, ")
        return reason if isinstance(received, (dict, BaseModel)) else f"received {show(received)}: {reason}"
    hint = ": put it in quotes" if kind == "string_type" and isinstance(received, (bool, int, float)) else ""
    return f"received {show(received)}, expected {_expected(message)}{hint}"


def _expected(message: str) -> str:
    expected = message.removeprefix("Input should be ")
    return _PLAIN_WORDS.get(expected, expected)


def _join(place: Place, parts: list[str]) -> str:
    first, *others = dict.fromkeys(parts)
    alternatives = [part.rpartition(", expected ")[2] for part in others]
    return f"{_format(place)}: {' or '.join([first, *alternatives])}"


def _format(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    text = text.removeprefix(".") or "the file"
    return text if text.isprintable() else repr(text)


def _place_in(data: Any, detail: ErrorDetails) -> Place:
    """The error's place as the file has it: without the labels that pydantic adds for the members of a union."""
    place: list[str | int] = []
    inner: Any = data
    for part in detail["loc"]:
        if _holds(inner, part):
            place.append(part)
            inner = inner[part]
    return (*place, detail["loc"][-1]) if detail["type"] == "missing" else tuple(place)


def _holds(data: Any, part: str | int) -> bool:
    return (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int))


def _is_below(place: Place, other: Place) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _known_names(model: type[BaseModel], place: Place, location: Place) -> list[str]:
    """Of a tagged union, the member's that the value was meant for: pydantic's location has its tag."""
    models = _models_at(model, place)
    meant = [one for one in models if "kind" in one.model_fields and one.model_fields["kind"].default in location]
    return [name for known in meant or models for name in known.model_fields]


def _description(model: type[BaseModel], place: Place) -> str:
    for known in _models_at(model, place[:-1]):
        field = known.model_fields.get(str(place[-1]))
        if field is not None and field.description:
            return f"; expected: {field.description.splitlines()[0].rstrip('.')}"
    return ""


def _models_at(model: type[BaseModel], place: Place) -> list[type[BaseModel]]:
    annotations: list[Any] = [model]
    for part in place:
        annotations = [inner for annotation in annotations for inner in _step(annotation, part)]
    return [one for annotation in annotations for one in _members(annotation) if _is_model(one)]


def _step(annotation: Any, part: str | int) -> Iterator[Any]:
    for member in _members(annotation):
        if _is_model(member) and part in member.model_fields:
            yield get_type_hints(member, include_extras=True)[str(part)]
        elif get_origin(member) in (tuple, list, dict):
            yield get_args(member)[0 if get_origin(member) is tuple else -1]


def _members(annotation: Any) -> Iterator[Any]:
    """The annotation without `Annotated`, and each member of a union for itself."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
