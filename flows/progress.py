"""Progress that people look at: done and total, rate and time left in the terminal, and an artifact in Prefect."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

ARTIFACT_INTERVAL_SECONDS = 5.0
_NAME_WIDTH, _BAR_WIDTH = 16, 14

console = Console(stderr=True, highlight=False)
"""Everything for people goes to stderr: stdout belongs to results."""


def say(message: str) -> None:
    """One line for people, never wrapped and never read as markup."""
    console.print(message, soft_wrap=True, markup=False)


@contextmanager
def show_progress() -> Generator[Progress]:
    """A live display of one line a stage."""
    with Progress(
        TextColumn("[bold]{task.description}", table_column=Column(min_width=_NAME_WIDTH, no_wrap=True)),
        BarColumn(bar_width=_BAR_WIDTH, table_column=Column(min_width=_BAR_WIDTH)),
        MofNCompleteColumn(table_column=Column(no_wrap=True, justify="right")),
        TextColumn("{task.fields[detail]}", markup=False, table_column=Column(ratio=1)),
        TimesColumn(table_column=Column(no_wrap=True, justify="right")),
        console=console,
        expand=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        yield progress


_KEY = re.compile("[^a-z0-9]+")
"""What Prefect does not take in the key of an artifact."""


class TimesColumn(ProgressColumn):
    """What a stage took, or what is left of it."""

    def render(self, task: Task) -> Text:
        """The time as `1:05`, or as `1:05 left`."""
        if task.finished:
            return Text(_show_time(task.finished_time or 0.0), style="progress.elapsed")
        left = "-:--" if task.time_remaining is None else _show_time(task.time_remaining)
        return Text(f"{left} left", style="progress.remaining")


def _show_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass
class StageProgress:
    """One stage's line and its artifact."""

    progress: Progress
    name: str
    total: int | None
    _line: TaskID = field(init=False)
    _artifact: UUID | None = field(init=False, default=None)
    _next_artifact: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._line = self.progress.add_task(self.name, total=self.total, detail="")

    def update(self, done: int, detail: str, total: int | None = None) -> None:
        """Show how far the stage is; the artifact follows at most every few seconds."""
        self.progress.update(self._line, completed=done, detail=detail, total=total or self.total)
        if time.monotonic() >= self._next_artifact:
            self._next_artifact = time.monotonic() + ARTIFACT_INTERVAL_SECONDS
            whole = total or self.total
            said = f"{done:,} of {whole:,}" if whole else f"{done:,}"
            self._publish(100.0 * done / max(1, whole or done), f"{said}, {detail}" if detail else said)

    def finish(self, done: int, detail: str) -> None:
        """Show the end."""
        self.progress.update(self._line, completed=done, total=done, detail=detail)
        self._publish(100.0, f"{done:,}, {detail}" if detail else f"{done:,}")

    def _publish(self, percent: float, said: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.context import FlowRunContext

        if FlowRunContext.get() is None:
            return
        if self._artifact is None:
            created = create_progress_artifact(min(100.0, percent), _KEY.sub("-", self.name.lower()), said)
            self._artifact = created if isinstance(created, UUID) else None
        else:
            update_progress_artifact(self._artifact, min(100.0, percent), said)
