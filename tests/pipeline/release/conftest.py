"""A release to read, and a copy of it to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tracewright.pipeline.release import FileLimits, create_release
from tracewright.pipeline.store import Store


@pytest.fixture
def own_store(tmp_path: Path, arithmetic_store: Store) -> Store:
    """The store of worked arithmetic with a register and slices of its own; everything else is shared by links."""
    path = tmp_path / "store"
    path.mkdir()
    for entry in arithmetic_store.path.iterdir():
        if entry.name not in ("releases", "slices"):
            (path / entry.name).symlink_to(entry)
    return Store.open(path)


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, arithmetic_store: Store) -> Path:
    """A release of several files, with row groups of 60 rows. Not to be changed."""
    out = tmp_path_factory.mktemp("released") / "sums"
    create_release(arithmetic_store, out, name="sums", limits=FileLimits(rows=60))
    return out


@pytest.fixture
def copy(released: Path, tmp_path: Path) -> Path:
    """A copy of the release, to be changed."""
    shutil.copytree(released, tmp_path / "copy")
    return tmp_path / "copy"
