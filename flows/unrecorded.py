"""Arguments of flows that Prefect's server keeps no copy of."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")


class Unrecorded(Generic[Value]):
    """An argument that is too large to be kept with its run, or is no data.

    Prefect writes every argument of a flow run as JSON into its database and refuses more than 512 KiB. What has
    neither fields nor `__dict__` it can't read, and notes only its type.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value
