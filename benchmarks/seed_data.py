"""The seed's data set: 100,000 problems, full chains of about 12 steps, through a whole run: `bench seed_data`.

A server of this repository gives the chains with a logprob for every token; a run in a process of its own journals,
cuts, checks, verifies and stores them. Rows a second, bytes on disk for a trace, and the memory of the run: resident at
10,000 rows and at the end, and the highest of it, with and without the processes that it scores in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROWS = 100_000
IN_FLIGHT = 256


def run(rows: int = ROWS) -> dict[str, Any]:
    """One run; what it stored is counted from the store, not from the run's own counts."""
    server_script = str(HERE / "_mock_server.py")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [sys.executable, server_script, "--problems", str(rows), str(folder / "problems.jsonl")], check=True
        )
        with subprocess.Popen([sys.executable, server_script], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            teacher = {
                "engine": "server",
                "base_urls": [f"http://127.0.0.1:{int(server.stdout.readline())}/v1"],
                "model": "mock",
                "max_tokens": 1024,
                "logprobs": 1,
                "max_in_flight": IN_FLIGHT,
            }
            config = {"problems": {"path": "problems.jsonl"}, "teacher": teacher, "store": str(folder / "store")}
            (folder / "config.yaml").write_text(json.dumps(config))
            command = [sys.executable, str(HERE / "_seed_data_run.py"), str(folder / "config.yaml")]
            ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            server.kill()
        return json.loads(ran.stdout.splitlines()[-1])
