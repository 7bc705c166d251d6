"""The parts of a problem that are more than a text: choices, tests and pictures."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from tracewright.pipeline.sources.rows import RowError
from tracewright.pipeline.sources.values import (
    Values,
    as_object,
    as_text,
    describe_invalid,
    require_text,
    take_answer,
    take_list,
    take_text,
)
from tracewright.schemas import CodeTest, Image


def read_choices(values: Values, name: str) -> tuple[str, ...]:
    """A list of texts or numbers, none of them blank."""
    return tuple(_choice(choice, f"{name}[{index}]") for index, choice in enumerate(take_list(values, name) or ()))


def read_tests(values: Values, name: str) -> tuple[CodeTest, ...]:
    """A program, or a list of programs or of objects with `program` and perhaps `stdin`."""
    given = values.get(name)
    tests = [given] if isinstance(given, str) else take_list(values, name) or ()
    return tuple(_code_test(test, f"{name}[{index}]") for index, test in enumerate(tests))


def read_images(values: Values, name: str) -> tuple[Image, ...]:
    """A list of objects with `media_type` and `data`, which are bytes or base64."""
    return tuple(_image(image, f"{name}[{index}]") for index, image in enumerate(take_list(values, name) or ()))


def _choice(choice: Any, name: str) -> str:
    text = take_answer({name: choice}, name)
    if text is None:
        raise RowError(f"`{name}` is null or blank, expected a choice")
    return text


def _code_test(test: Any, name: str) -> CodeTest:
    if isinstance(test, str):
        return CodeTest(program=as_text(test, name))
    values = as_object(test, name)
    return CodeTest(program=require_text(values, "program"), stdin=take_text(values, "stdin") or "")


def _image(image: Any, name: str) -> Image:
    values = as_object(image, name)
    media_type = require_text(values, "media_type")
    data = values.get("data")
    try:
        if isinstance(data, bytes):
            return Image(media_type=media_type, data=data)
        return Image.model_validate_json(json.dumps({"media_type": media_type, "data": as_text(data, "data")}))
    except ValidationError as error:
        raise RowError(f"`{name}`: {describe_invalid(error)}") from error
