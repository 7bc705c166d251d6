"""What tracewright adds to each row, beside a bare asyncio client: `bench overhead`.

The same requests to a server of this repository that runs in a process of its own and thinks nothing: chains of about
12 steps and 220 tokens, without logprobs, 256 in flight. The bare client posts, parses and counts. Tracewright also
renders, journals, cuts into steps, checks, verifies and stores. Milliseconds a row are the slope between a short and a
long run, so that starting costs nothing; each run is a process of its own, the two kinds in turns. `cpu_ms_per_row` is
the same slope of CPU time, the scoring processes included: it says what a run costs on a machine that has other work.
Peers run in environments of their own, where they are named: TRACEWRIGHT_CURATOR_PYTHON and
TRACEWRIGHT_DISTILABEL_PYTHON are interpreters that have `bespokelabs-curator`, and `distilabel[openai]` with the
`requests` that it needs and does not ask for. Theirs is the
slope between fewer rows, each run with its start, of which the slope is free.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHORT_ROWS, LONG_ROWS = 2_000, 12_000
PAIRS = 5
IN_FLIGHT = 256
PEERS = {"curator": "TRACEWRIGHT_CURATOR_PYTHON", "distilabel": "TRACEWRIGHT_DISTILABEL_PYTHON"}
PEER_ROWS = (500, 2_500)
PEER_RUNS = 3
CLI = str(Path(sys.executable).with_name("tracewright"))


def run(short: int = SHORT_ROWS, long: int = LONG_ROWS, pairs: int = PAIRS) -> dict[str, Any]:
    """Medians over pairs of runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in (short, long):
            write_problems(folder, rows)
        slopes: dict[str, list[float]] = {"bare": [], "tracewright": []}
        cpu: dict[str, list[float]] = {client: [] for client in slopes}
        starts: list[float] = []
        for _ in range(pairs):
            for client, found in slopes.items():
                times = [measure(client, folder, rows) for rows in (short, long)]
                found.append(slope(times, "seconds", long - short))
                cpu[client].append(slope(times, "cpu_seconds", long - short))
                starts += [one["start_up_seconds"] for one in times if client == "tracewright"]
        with_prefect = measure_flow(folder, short)
        peers = {name: measure_peer(name, folder) for name, python in PEERS.items() if os.environ.get(python)}
    ours, raw = statistics.median(slopes["tracewright"]), statistics.median(slopes["bare"])
    return {
        "ms_per_row": round(ours - raw, 3),
        "raw_ms_per_row": round(raw, 3),
        "whole_ms_per_row": round(ours, 3),
        "start_up_seconds": round(statistics.median(starts), 2),
        "start_up_seconds_with_prefect": round(with_prefect, 2),
        "cpu_ms_per_row": round(statistics.median(cpu["tracewright"]), 3),
        "raw_cpu_ms_per_row": round(statistics.median(cpu["bare"]), 3),
        "peers": {name: round(statistics.median(times[0]), 3) for name, times in peers.items()},
        "peers_cpu": {name: round(statistics.median(times[1]), 3) for name, times in peers.items()},
        "rows": [short, long],
        "pairs": pairs,
        "all": {client: [round(one, 3) for one in found] for client, found in slopes.items()},
    }


def slope(times: list[dict[str, float]], what: str, rows: int) -> float:
    """Milliseconds for each further row."""
    return 1_000 * (times[1][what] - times[0][what]) / rows


def write_problems(folder: Path, rows: int) -> None:
    """The problems of a run, and its config but for the server's address."""
    command = [sys.executable, str(HERE / "_mock_server.py"), "--problems", str(rows), str(folder / f"{rows}.jsonl")]
    subprocess.run(command, check=True)


@contextmanager
def serve(folder: Path) -> Generator[tuple[str, Path]]:
    """A server of its own for each run, and the file that tells when it was first asked."""
    asked = folder / "asked"
    asked.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "_mock_server.py"), "--asked", str(asked)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1", asked
        server.kill()


def measure(client: str, folder: Path, rows: int) -> dict[str, float]:
    """One run in a process of its own: seconds from its first request to its end, and to its first request."""
    with serve(folder) as (url, asked), tempfile.TemporaryDirectory(dir=folder) as store:
        config = write_config(folder, url, rows, Path(store) / "store")
        began = time.time()
        arguments = [client, str(config)]
        ran = subprocess.run(
            [sys.executable, str(HERE / "_overhead_client.py"), *arguments], check=True, capture_output=True, text=True
        )
        cpu_seconds, ended = map(float, ran.stdout.split()[-2:])
        first = float(asked.read_text())
    return {"seconds": ended - first, "cpu_seconds": cpu_seconds, "start_up_seconds": first - began}


def write_config(folder: Path, url: str, rows: int, store: Path) -> Path:
    """The short config."""
    teacher = {"engine": "server", "base_urls": [url], "model": "mock", "max_tokens": 1024, "max_in_flight": IN_FLIGHT}
    path = folder / "config.yaml"
    path.write_text(json.dumps({"problems": {"path": f"{rows}.jsonl"}, "teacher": teacher, "store": str(store)}))
    return path


def measure_peer(name: str, folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds and CPU milliseconds for each further row, of each pair of runs."""
    wall, cpu = list[float](), list[float]()
    for _ in range(PEER_RUNS):
        runs = [run_peer(name, folder, rows) for rows in PEER_ROWS]
        wall.append(slope(runs, "seconds", PEER_ROWS[1] - PEER_ROWS[0]))
        cpu.append(slope(runs, "cpu_seconds", PEER_ROWS[1] - PEER_ROWS[0]))
    return wall, cpu


def run_peer(name: str, folder: Path, rows: int) -> dict[str, float]:
    """One run of a peer."""
    write_problems(folder, rows)
    with serve(folder) as (url, _), tempfile.TemporaryDirectory(dir=folder) as cache:
        command = [os.environ[PEERS[name]], str(HERE / "_overhead_peer.py"), name, str(folder / f"{rows}.jsonl"), url]
        ran = subprocess.run([*command, cache], check=True, capture_output=True, text=True)
    _, seconds, cpu_seconds = ran.stdout.split()[-3:]
    return {"seconds": float(seconds), "cpu_seconds": float(cpu_seconds)}


def measure_flow(folder: Path, rows: int) -> float:
    """Seconds from the command line to the first request, Prefect's server included."""
    with serve(folder) as (url, asked), tempfile.TemporaryDirectory(dir=folder) as store:
        config = write_config(folder, url, rows, Path(store) / "store")
        began = time.time()
        subprocess.run([CLI, "generate", str(config)], check=True, capture_output=True)
        return float(asked.read_text()) - began
