"""Reads hostile files through every entry that takes Parquet, and prints what each cost as one JSON object a line.

`python hostile_parquet.py FILE…`, in a process of its own: the memory it needs is its own. A folder is a release.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from tracewright.pipeline.config import ProblemsConfig
from tracewright.pipeline.curate import Decontamination
from tracewright.pipeline.release import open_release, verify_release
from tracewright.pipeline.sources import count_problems, read_problems, read_traces
from tracewright.schemas import TracewrightError

ENTRIES: dict[str, Callable[[Path], Iterable[Any]]] = {
    "import": lambda path: read_traces(path, "messages"),
    "import of own rows": lambda path: read_traces(path, "jsonl"),
    "generate": lambda path: read_problems(ProblemsConfig(path=path)),
    "count": lambda path: [count_problems(ProblemsConfig(path=path))],
    "decontaminate": lambda path: Decontamination.model_validate({"benchmarks": [str(path)]}).reasons(_NO_ROWS),
}
RELEASE_ENTRIES: dict[str, Callable[[Path], Iterable[Any]]] = {
    "verify": lambda path: [verify_release(path)],
    "rows": lambda path: open_release(path).iter_rows("train"),
    "table": lambda path: open_release(path).table("train").to_batches(),
    "logprobs": lambda path: open_release(path).logprobs("train").to_batches(),
}
_NO_ROWS = pl.DataFrame({"question_text": ["a"], "text": ["b"]})


def cost() -> tuple[float, float]:
    """Processor seconds so far, and the peak in MiB, of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Not `ru_maxrss` of this process: what its parent had when it was started counts there.
    status = Path("/proc/self/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return sum(one.ru_utime + one.ru_stime for one in used), (own + used[1].ru_maxrss) / 1024


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        for entry, read in (RELEASE_ENTRIES if path.is_dir() else ENTRIES).items():
            before, _ = cost()
            try:
                said = f"{sum(1 for _ in read(path))} rows"
            except TracewrightError as error:
                said = str(error)
            seconds, peak = cost()
            told = {"file": path.stem, "entry": entry, "said": said, "seconds": seconds - before, "peak_mib": peak}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
