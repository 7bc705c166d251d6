"""A release to read, and a copy of it to damage."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.release import FileLimits, create_release
from tracewright.pipeline.store import Store

LinkStore = Callable[[Path], Store]


@pytest.fixture
def own_store(tmp_path: Path, link_store: LinkStore) -> Store:
    """The store of worked arithmetic with a register and slices of its own."""
    return link_store(tmp_path / "store")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, link_store: LinkStore) -> Path:
    """A release of several files, with row groups of 60 rows. Not to be changed."""
    out = tmp_path_factory.mktemp("released") / "sums"
    create_release(link_store(out.with_name("store")), out, name="sums", limits=FileLimits(rows=60))
    return out


@pytest.fixture
def copy(released: Path, tmp_path: Path) -> Path:
    """A copy of the release, to be changed."""
    shutil.copytree(released, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def whole_store(tmp_path: Path, arithmetic_store: Store) -> Store:
    """A copy of the store of worked arithmetic, to be changed."""
    shutil.copytree(arithmetic_store.path, tmp_path / "store")
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., dict[str, Any]]]:
    """A function that runs a task of `killed_tasks.py` in a child, and tells how it ended."""
    script = Path(__file__).with_name("killed_tasks.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        requests, answers = runner.stdin, runner.stdout

        def start(store: Store, do: str, **task: Any) -> dict[str, Any]:
            requests.write(json.dumps({"store": str(store.path), "do": do, **task}) + "\n")
            requests.flush()
            return json.loads(answers.readline())

        yield start
        requests.close()
