"""Values of a row, checked: each has the kind that is asked for, or the row is refused with a reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from tracewright.pipeline.sources.jsonl import NumberText
from tracewright.pipeline.sources.rows import RowError
from tracewright.schemas import Problem

_SHOWN_CHARACTERS = 40
_SHOWN_NAMES = 12

Values = Mapping[str, Any]


def take_text(values: Values, *names: str) -> str | None:
    """The first of these columns that is not null, which must be text; None where all are."""
    name, value = _first(values, names)
    return None if value is None else as_text(value, name)


def require_text(values: Values, *names: str) -> str:
    """The same, and neither missing nor blank."""
    text = take_text(values, *names)
    if text is None:
        wanted = " or ".join(f"`{name}`" for name in names)
        there = ", ".join(repr(name)[1:-1] for name in list(values)[:_SHOWN_NAMES]) or "nothing"
        raise RowError(f"no {wanted}; the row has {there[:200]}")
    if not text.strip():
        raise RowError(f"`{_first(values, names)[0]}` is blank")
    return text


def take_answer(values: Values, *names: str) -> str | None:
    """The first of these columns that is not null, text or a number; None where all are or the text is blank."""
    name, value = _first(values, names)
    if value is None:
        return None
    text = _number_as_text(value)
    if text is None:
        text = as_text(value, name, expected="text or a number")
    return text if text.strip() else None


def take_integer(values: Values, name: str) -> int | None:
    """An integer column; None where it is null."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowError(f"`{name}` is {show_value(value)}, expected a whole number")
    if abs(value) >= 2**63:
        raise RowError(f"`{name}` is {value}, expected a number of at most 63 bits")
    return value


def take_list(values: Values, name: str) -> Sequence[Any] | None:
    """A list column; None where it is null."""
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise RowError(f"`{name}` is {show_value(value)}, expected a list")
    return value


def take_texts(values: Values, name: str) -> tuple[str, ...]:
    """A list of texts; empty where the column is null."""
    return tuple(as_text(item, f"{name}[{index}]") for index, item in enumerate(take_list(values, name) or ()))


def take_object(values: Values, name: str) -> Values | None:
    """An object column; None where it is null."""
    value = values.get(name)
    return None if value is None else as_object(value, name)


def as_object(value: Any, name: str) -> Values:
    """The value, which must be an object."""
    if not isinstance(value, dict):
        raise RowError(f"`{name}` is {show_value(value)}, expected an object")
    return value


def as_text(value: Any, name: str, expected: str = "text") -> str:
    """The value, which must be text that an encoding can hold."""
    if not isinstance(value, str) or isinstance(value, NumberText):
        raise RowError(f"`{name}` is {show_value(value)}, expected {expected}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise RowError(f"`{name}` holds half of a character (a lone surrogate) at {error.start}") from error
    return value


def build_problem(**fields: Any) -> Problem:
    """The problem with these fields, or the reason why there can't be one."""
    try:
        return Problem.model_validate(fields)
    except ValidationError as error:
        raise RowError(describe_invalid(error)) from error


def describe_invalid(error: ValidationError) -> str:
    """The first fault that a model found, as one clause."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"`{place}`: {message}" if place else message


def show_value(value: Any) -> str:
    """A value as a reason shows it: its kind, and what it is where that is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    number = _number_as_text(value)
    if number is not None:
        return f"the number {number[:_SHOWN_CHARACTERS]}"
    if isinstance(value, str):
        return f"the text {value[:_SHOWN_CHARACTERS]!a}"
    return {dict: "an object", list: "a list"}.get(type(value), f"a {type(value).__name__}")


def _first(values: Values, names: Sequence[str]) -> tuple[str, Any]:
    for name in names:
        if values.get(name) is not None:
            return name, values[name]
    return names[0], None


def _number_as_text(value: Any) -> str | None:
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return str(value) if is_number else None
