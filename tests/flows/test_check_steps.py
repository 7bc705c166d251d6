"""`tracewright check-steps`: exit status, one clear line, and results in place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TRACE = {"question": "(47+38)*3", "steps": ["47+38=86; = 86*3", "86*3=258", "#### 258"]}


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracewright.flows.cli", "check-steps", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_results_are_written_and_counted(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    traces.write_text(json.dumps(TRACE) + "\n", encoding="utf-8")
    done = call(traces, "--out", tmp_path / "results.jsonl", "--graphs", tmp_path / "graphs")
    assert done.returncode == 0, done.stderr
    (line,) = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    result = json.loads(line)
    assert [step["check"] for step in result["steps"]] == ["fails", "holds", "holds"]
    assert result["first_failed_step"] == 0
    assert (tmp_path / "graphs" / "trace-000000.graphml").is_file()


def test_refusal_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    traces.write_text('{"question": "q"}\n', encoding="utf-8")
    for arguments in ([traces, "--out", tmp_path / "r.jsonl"], [traces, "--out", tmp_path / "nowhere" / "r.jsonl"]):
        refused = call(*arguments)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert "expected" in refused.stderr


def test_wrong_usage_exits_with_2() -> None:
    assert call().returncode == 2
