"""Paths in a config: relative to the file that names them, wherever the command is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

FOLDER_KEY = "folder"
"""The key of the validation context under which the loader hands on the config file's folder."""


def _refuse_what_is_no_path(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip() or "\0" in value:
        raise ValueError("a path has at least one character and no NUL")
    if "://" in value:
        raise ValueError("a URI, where a path on a local disk is expected")
    return value


def _resolve_path(path: Path, info: ValidationInfo) -> Path:
    folder = _folder(info)
    return path if folder is None else (folder / path.expanduser()).resolve()


def _resolve_model(name: str, info: ValidationInfo) -> str:
    folder = _folder(info)
    if not name.strip() or "\0" in name:
        raise ValueError("a model's name has at least one character and no NUL")
    if folder is None or not (name.startswith(("./", "../", "~/")) or (folder / name).is_dir()):
        return name
    return str((folder / Path(name).expanduser()).resolve())


def _folder(info: ValidationInfo) -> Path | None:
    context: dict[str, Path] = info.context or {}
    return context.get(FOLDER_KEY)


ConfigPath = Annotated[Path, BeforeValidator(_refuse_what_is_no_path), AfterValidator(_resolve_path)]
"""A path on a local disk; `load_config` makes it absolute, from the config file's folder."""

_REMOTE = "s3:"


def _refuse_what_is_no_store(value: object) -> object:
    is_remote = isinstance(value, str) and value.startswith(f"{_REMOTE}//")
    return value if is_remote else _refuse_what_is_no_path(value)


def _resolve_store(path: Path, info: ValidationInfo) -> Path:
    """An address on S3 is no path of this machine, and stays as it is."""
    return path if path.parts[:1] == (_REMOTE,) else _resolve_path(path, info)


StorePath = Annotated[Path, BeforeValidator(_refuse_what_is_no_store), AfterValidator(_resolve_store)]
"""A store's folder, as `ConfigPath`, or its address on S3, `s3://BUCKET/PREFIX`."""

ModelName = Annotated[str, AfterValidator(_resolve_model)]
"""A model's name, or a folder: what begins with `./`, `../` or `~/`, or is a folder beside the config, is a folder."""
