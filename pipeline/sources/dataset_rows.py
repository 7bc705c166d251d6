"""Rows of whatever the `datasets` library reads: its own folders, folders in the hub's layout, and hub names.

Read lazily: what `save_to_disk` wrote is mapped into memory, everything else is streamed. No code of a data set is run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tracewright.pipeline.config import DatasetConfig
from tracewright.pipeline.sources.rows import Place, Row
from tracewright.schemas import InputError, Rejection

_SAVED = ("dataset_info.json", "dataset_dict.json", "state.json")
"""One of these is in a folder that `save_to_disk` wrote."""
_NEXT_STEP = "check name, subset and split, and, for a hub name, the connection"


def read_dataset(
    config: DatasetConfig, columns: Collection[str], revision: str | None = None
) -> Iterator[Row | Rejection]:
    """Every row of the split, in order.

    Raises:
        InputError: the data set can't be found or read.
    """
    opened = _open(config, revision)
    known = [name for name in opened.column_names or () if name in columns]
    if known:
        opened = opened.select_columns(known)
    rows, number = iter(opened), 0
    while True:
        try:
            values = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise _unreadable(config, error) from error
        number += 1
        yield Row(Place(Path(config.name), number), {k: v for k, v in values.items() if v is not None})


def count_dataset(config: DatasetConfig, revision: str | None = None) -> int | None:
    """How many rows the split has; None where only reading tells.

    Raises:
        InputError: the data set can't be found.
    """
    opened = _open(config, revision)
    if hasattr(opened, "__len__"):
        return len(opened)
    splits = opened.info.splits or {}
    return splits[config.split].num_examples or None if config.split in splits else None


def _open(config: DatasetConfig, revision: str | None) -> Any:
    import datasets

    folder = Path(config.name)
    try:
        if any((folder / name).is_file() for name in _SAVED):
            saved = datasets.load_from_disk(config.name)
            return saved[config.split] if isinstance(saved, datasets.DatasetDict) else saved
        return datasets.load_dataset(config.name, config.subset, split=config.split, revision=revision, streaming=True)
    except Exception as error:
        raise _unreadable(config, error) from error


def _unreadable(config: DatasetConfig, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:300]
    return InputError(
        f"the data set {config.name}, split {config.split}, can't be read: {type(error).__name__}: {reason}; "
        f"{_NEXT_STEP}"
    )
