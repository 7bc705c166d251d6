"""The main job through the command line: killed, finished, run again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from tracewright.pipeline.config import ProblemsConfig
from tracewright.pipeline.release import open_release, verify_release
from tracewright.pipeline.sources import read_problems
from tracewright.pipeline.store import Store
from tracewright.schemas import Problem

Runs = tuple[Path, list[dict[str, Any]], str]
TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
PROBLEMS = 300
START_TIMEOUT_SECONDS, RUN_TIMEOUT_SECONDS = 300, 600
pytestmark = pytest.mark.timeout(3 * RUN_TIMEOUT_SECONDS)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [TRACEWRIGHT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_journal(store: Path) -> None:
    """Until the first completions are on disk: the engine is in the middle of its work then."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not any(path.stat().st_size for path in store.glob("journal/*/*.journal")):
        assert time.monotonic() < deadline, "no completion reached the journal"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A demo killed in the middle, then the same command twice; with the folder, both summaries and the last stderr."""
    out = tmp_path_factory.mktemp("demo") / "data"
    command = ("demo", "--out", str(out), "--problems", str(PROBLEMS), "--json")
    killed = start(*command)
    wait_for_journal(out / "store")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    summaries: list[dict[str, Any]] = []
    stderr = ""
    for _ in range(2):
        process = start(*command)
        stdout, stderr = process.communicate(timeout=RUN_TIMEOUT_SECONDS)
        assert process.returncode == 0, stderr
        summaries.append(json.loads(stdout.splitlines()[-1]) | {"version": Store.open(out / "store").version()})
    return out, summaries, stderr


def test_a_killed_demo_is_finished_with_every_trace_exactly_once(runs: Runs) -> None:
    out, _, _ = runs
    store = Store.open(out / "store")
    counted = Counter(trace.problem.question for trace in store.iter_traces())
    unfinished = [attempt.problem.question for attempt in store.attempts()]
    problems = read_problems(ProblemsConfig(path=out / f"problems-{PROBLEMS}.jsonl"))
    asked = [problem.question for problem in problems if isinstance(problem, Problem)]
    assert len(asked) == PROBLEMS
    assert sorted([*counted.elements(), *unfinished]) == sorted(asked)


def test_the_demo_run_again_adds_nothing(runs: Runs) -> None:
    _, (first, second), _ = runs
    unchanged = ("traces", "verified", "release", "version", "confidence", "student", "quantized")
    assert {key: first[key] for key in unchanged} == {key: second[key] for key in unchanged}


def test_the_summary_holds_what_scripts_read(runs: Runs) -> None:
    _, (summary, _), _ = runs
    assert summary.keys() >= {"traces", "verified", "release", "confidence", "report", "seconds"}
    assert summary["teacher"]["parameters"] == 1_249_920
    assert summary["teacher"]["accuracy"] > 0.95
    assert 0.9 < summary["confidence"]["auroc"] <= 1 and summary["confidence"]["ece"] < 0.05
    assert 0.035 <= summary["student"]["parameters"] / summary["teacher"]["parameters"] <= 0.072
    assert summary["quantized"]["size_ratio"] <= 0.30
    for model in (summary["student"], summary["quantized"]):
        assert 0 <= model["accuracy"] <= summary["teacher"]["accuracy"]
        assert (Path(model["checkpoint"]) / "model.safetensors").exists()
    assert 0.8 * PROBLEMS < summary["verified"] <= summary["traces"] <= PROBLEMS


def test_the_release_is_whole_and_loads_without_arguments(runs: Runs, tmp_path: Path) -> None:
    _, (summary, _), _ = runs
    release = Path(str(summary["release"]))
    manifest = verify_release(release)
    loaded = datasets.load_dataset(str(release), cache_dir=str(tmp_path))
    assert {split: rows.num_rows for split, rows in loaded.items()} == manifest.splits
    assert manifest.rows == sum(1 for split in manifest.splits for _ in open_release(release).iter_rows(split))


def test_the_report_is_one_file_that_loads_nothing(runs: Runs) -> None:
    _, (summary, _), _ = runs
    page = Path(str(summary["report"])).read_text()
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page
    assert "<script" not in page


def test_the_terminal_shows_progress_and_the_table_and_no_server_noise(
    runs: Runs,
) -> None:
    _, _, stderr = runs
    assert all(name in stderr for name in ("Problems", "Teacher", "Control", "Student, int8", "report"))
    for noise in ("prefect", "Warning", "Traceback", "INFO", "vllm"):
        assert noise not in stderr, stderr
