"""Bringing a store of an older schema up to the installed one: the newest version is written again, in one commit.

Older versions keep their shards and are brought up whenever they are read (`reading.upgrade`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewright.pipeline.store.commits import ShardCommitter
from tracewright.pipeline.store.locks import COMMIT_LOCK, hold
from tracewright.pipeline.store.reading import read_shard
from tracewright.pipeline.store.table import ModelTable, explain_delta_errors

UPGRADER = "upgrade"


@dataclass(frozen=True)
class Upgrade:
    """What was done to one table."""

    table: str
    shards: int


def upgrade_table(table: ModelTable[Any], locks: Path) -> Upgrade:
    """Write every shard of the newest version again, in the installed schema; memory for one of them.

    Killed before its one commit it has changed nothing.

    Raises:
        StoreError: a shard can't be read, or the disk is full.
    """
    with hold(locks / COMMIT_LOCK), explain_delta_errors(table.path, "upgrading"):
        committer = ShardCommitter(table, UPGRADER)
        committer.sweep()
        old = table.list_files(committer.delta)
        committer.rewrite(read_shard(file, table.kind) for file in old)
        return Upgrade(table.kind.folder, len(old))
