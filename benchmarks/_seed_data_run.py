"""The run of `bench seed_data`, in a process of its own: prints its figures as JSON."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import psutil

from tracewright.pipeline.config import GenerateConfig, load_config
from tracewright.pipeline.engines.teachers import RunningTeacher
from tracewright.pipeline.generation import GenerationCounts, run_config
from tracewright.pipeline.store import Store

EARLY_ROWS = 10_000
SAMPLE_SECONDS = 0.25
MIB = 2**20


class Memory:
    """Resident memory, of this process and of all that it started."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.own: list[tuple[int, int]] = []
        """Rows done, and bytes."""
        self.highest_of_all = 0
        self.rows = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        """Look a few times a second."""
        while True:
            own = self.process.memory_info().rss
            self.own.append((self.rows, own))
            self.highest_of_all = max(self.highest_of_all, own + sum(map(resident, self.process.children())))
            time.sleep(SAMPLE_SECONDS)

    def note(self, counts: GenerationCounts) -> None:
        """Take how far the run is."""
        self.rows = counts.done

    def highest(self, first: float, last: float) -> float:
        """The most that it had while it did these rows, in MiB."""
        return round(max((size for rows, size in self.own if first <= rows <= last), default=0) / MIB, 1)


def resident(process: psutil.Process) -> int:
    """0 for one that has just ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def main() -> None:
    """See the module."""
    path = Path(sys.argv[1])
    config = load_config(GenerateConfig, path)
    memory, store = Memory(), Store.open(config.store, create=True)
    began = time.monotonic()
    with RunningTeacher(config.teacher, config.store / "logs" / "engine.log") as teacher:
        counts = run_config(config, store, teacher, memory.note)
    seconds = time.monotonic() - began
    frame = store.frame()
    stored = sum(file.stat().st_size for file in (config.store / "traces").glob("*.parquet"))
    early, late = memory.highest(0.9 * EARLY_ROWS, EARLY_ROWS), memory.highest(0.9 * counts.done, counts.done)
    figures = {
        "rows": frame.height,
        "rows_per_second": round(frame.height / seconds, 1),
        "seconds": round(seconds, 1),
        "tokens_per_second": round(counts.tokens / seconds),
        "bytes_per_trace": round(stored / max(1, frame.height)),
        "steps_per_trace": round(float(frame["step_count"].mean() or 0), 2),  # pyright: ignore[reportArgumentType]
        "tokens_per_trace": round(counts.tokens / max(1, counts.traces), 1),
        "correct_share": round(counts.correct / max(1, counts.traces), 4),
        "failed": counts.failed,
        "mib_at_10000": early,
        "mib_at_end": late,
        "mib_growth": round(late - early, 1),
        "peak_mib": round(max(size for _, size in memory.own) / MIB, 1),
        "peak_mib_with_scoring_processes": round(memory.highest_of_all / MIB, 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
