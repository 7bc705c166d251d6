"""A config file to its frozen model, and the model to its hash."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from tracewright.pipeline.config.faults import Place, list_faults, show, unknown_keys
from tracewright.pipeline.config.paths import FOLDER_KEY
from tracewright.pipeline.config.yaml_text import YamlError, parse_yaml
from tracewright.schemas import ConfigError, MissingInputError, make_id

MAX_CONFIG_BYTES = 256 * 1024

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_config(model: type[ModelT], path: Path) -> ModelT:
    """The model that a YAML file describes, its relative paths taken from the file's folder.

    Values are not converted: `"4"` is text, `true` is not a number; a whole number will do for any number.

    Raises:
        MissingInputError: there is no such file.
        ConfigError: the file can't be read, is not YAML, or holds unknown keys or wrong values; the message, one
            line, lists all of them, but for those that depend on a value which is itself wrong.
    """
    return parse_config(model, _read_text(path), name=str(path), folder=path.parent.resolve())


def parse_config(model: type[ModelT], text: str, name: str, folder: Path) -> ModelT:
    """The model that YAML text describes; `name` is what messages call it, `folder` where its paths begin.

    Raises:
        ConfigError: as for `load_config`.
    """
    try:
        data = parse_yaml(text)
    except YamlError as fault:
        raise ConfigError(f"{name}: {fault}; mend the file and run the command again") from fault
    if not isinstance(data, dict):
        held = "is empty" if data is None else f"holds {show(data)}"
        raise ConfigError(f"{name} {held}, expected a mapping with the keys {', '.join(model.model_fields)}")
    try:
        return _validate(model, data, folder)
    except ValidationError as error:
        raise ConfigError(_complain(name, _all_faults(model, data, folder, error))) from error


def config_hash(config: BaseModel, relative_to: Path | None = None) -> str:
    """A hash of every setting: 24 hexadecimal digits.

    With `relative_to` (the config file's folder), paths count as they are seen from there, so that a project moved to
    another place or machine keeps its hashes. Without it they count as they are.
    """
    return make_id("config", type(config).__name__, _portable(config.model_dump(), relative_to))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingInputError(f"there is no config file {path}: check the path") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read as a config file: {error.strerror}") from error
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes, the limit for a config: is it a data file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error


def _validate(model: type[ModelT], data: JsonValue, folder: Path) -> ModelT:
    # JSON's strict mode converts what YAML has no word for (a list to a tuple, text to a path) and nothing else.
    return model.model_validate_json(json.dumps(data), strict=True, context={FOLDER_KEY: folder})


def _all_faults(model: type[BaseModel], data: JsonValue, folder: Path, error: ValidationError) -> list[str]:
    """Also those that pydantic looks for only in a model without unknown keys."""
    faults = list_faults(model, data, error)
    unknown = unknown_keys(error)
    if unknown:
        rest = _without(data, unknown)
        try:
            _validate(model, rest, folder)
        except ValidationError as others:
            faults += list_faults(model, rest, others)
    return list(dict.fromkeys(faults))


def _without(data: Any, places: list[Place]) -> Any:
    heads = {place[0] for place in places if len(place) == 1}
    if isinstance(data, dict):
        return {
            key: _without(value, [place[1:] for place in places if len(place) > 1 and place[0] == key])
            for key, value in data.items()
            if key not in heads
        }
    if isinstance(data, list):
        return [
            _without(value, [place[1:] for place in places if len(place) > 1 and place[0] == index])
            for index, value in enumerate(data)
        ]
    return data


def _complain(name: str, faults: list[str]) -> str:
    listed = faults[0] if len(faults) == 1 else " ".join(f"({n}) {fault}" for n, fault in enumerate(faults, start=1))
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return f"{name} has {count}: {listed}; mend the file and run the command again"


def _portable(value: Any, folder: Path | None) -> Any:
    if isinstance(value, dict):
        return {str(key): _portable(inner, folder) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(inner, folder) for inner in value]
    is_inside = folder is not None and isinstance(value, str) and value.startswith(f"{folder}{os.sep}")
    if folder is not None and (isinstance(value, Path) or is_inside):
        return Path(os.path.relpath(value, folder)).as_posix()
    return str(value) if isinstance(value, Path) else value
