"""Slices on disk: `STORE/slices/NAME.json`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tracewright.pipeline.store.disk import make_folder, write_durably
from tracewright.schemas.base import Count, Frozen, Timestamp
from tracewright.schemas.errors import InputError, MissingInputError, StoreError, in_one_line
from tracewright.schemas.ids import hash_content
from tracewright.schemas.release import StageCount

FOLDER = "slices"
SLICE_NAME = r"[a-z0-9][a-z0-9._-]{0,95}"


class Slice(Frozen):
    """A saved choice of traces: a filter, and what curation stages kept of it."""

    format: Literal["tracewright-slice/1"] = "tracewright-slice/1"
    name: str = Field(pattern=f"^{SLICE_NAME}$")
    where: str | None = None
    store_version: Count | None = None
    """The version that the stages read; None for a filter alone, which fits every version."""
    review_watermark: Count = 0
    """The number up to which published reviews counted; a filter alone counts those of each release."""
    created_at: Timestamp
    stages: tuple[dict[str, Any], ...] = ()
    """Each stage's settings, in order."""
    funnel: tuple[StageCount, ...] = ()
    """What came into the filter and every stage and what went out."""
    trace_ids: tuple[str, ...] | None = None
    """What the stages kept, sorted; None for a filter alone."""

    @property
    def digest(self) -> str:
        """A hash of all of it: a slice can be saved again under its name, a release says which one it was."""
        return hash_content(self.model_dump(mode="json"))


def write_slice(store: Path, saved: Slice) -> Path:
    """Save the slice; one of the same name is replaced at once.

    Raises:
        StoreError: the store can't be written.
    """
    path = _path(store, saved.name)
    make_folder(path.parent)
    write_durably(path, (saved.model_dump_json(indent=1) + "\n").encode())
    return path


def read_slice(store: Path, name: str) -> Slice:
    """The slice of that name.

    Raises:
        InputError: no slice can have that name.
        MissingInputError: there is none; the message names those there are.
        StoreError: its file is not a slice.
    """
    path = _path(store, name)
    if not path.is_file():
        names = ", ".join(list_slices(store)) or "none"
        raise MissingInputError(f"the store {store} has no slice {name!r}, it has: {names}; save it first")
    try:
        return Slice.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise StoreError(f"{path} is not a slice: {in_one_line(error)}: save the slice again") from error


def list_slices(store: Path) -> list[str]:
    """The names of all slices."""
    return sorted(path.stem for path in (store / FOLDER).glob("*.json") if re.fullmatch(SLICE_NAME, path.stem))


def _path(store: Path, name: str) -> Path:
    if not re.fullmatch(SLICE_NAME, name):
        raise InputError(
            f"{name!r} can't name a slice: use up to 96 of a–z, 0–9, '.', '_' and '-', a letter or digit first"
        )
    return store / FOLDER / f"{name}.json"
