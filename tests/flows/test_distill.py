"""From a release to an int8 student through the command line: killed, resumed, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tracewright.distill.manifest import TrainingManifest, read_training_manifest
from tracewright.distill.state import STATE
from tracewright.pipeline.release import create_release
from tracewright.pipeline.sources import draw_problems, write_problems
from tracewright.pipeline.store import Store

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
PROBLEMS = 300
STEPS = 150
TIMEOUT_SECONDS = 280


def run(*arguments: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """What the command printed as JSON, and what it said to people."""
    command = [TRACEWRIGHT, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    assert result.returncode == code, result.stderr
    lines = result.stdout.splitlines()
    return json.loads(lines[-1]) if lines else {}, result.stderr


def write_config(folder: Path, release: Path, **training: int) -> Path:
    settings = {"steps": STEPS, "threads": 1, "checkpoint_every": 20, **training}
    path = folder / "distill.yaml"
    path.write_text(
        f"release: {release}\nout: ./students\nlevels: [1, 2]\ncontrol: true\ntraining: {json.dumps(settings)}\n"
    )
    return path


def refuse(*arguments: str) -> str:
    said = run(*arguments, code=1)[1]
    assert "Traceback" not in said
    return " ".join(said.split())


def test_bad_configs_are_refused_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "distill.yaml"
    config.write_text("release: r\nout: o\nlosses: {trace: 0, output: 0}\nstudent: {shares: 0.05}\n")
    said = refuse("distill", str(config))
    assert "give one of them a weight" in said and "unknown key; did you mean share?" in said


def test_what_is_no_checkpoint_is_not_evaluated(tmp_path: Path) -> None:
    assert "holds no config.json, so it is no checkpoint" in refuse(
        "evaluate", str(tmp_path), "--problems", "arithmetic"
    )


def test_what_is_no_file_of_problems_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert "there is no file" in refuse("evaluate", str(tmp_path), "--problems", str(tmp_path / "none.jsonl"))
    assert "or arithmetic" in refuse("evaluate", str(tmp_path), "--problems", str(tmp_path / "none.txt"))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of what the embedded teacher wrote."""
    folder = tmp_path_factory.mktemp("generated")
    problems = f"{{arithmetic: {{count: {PROBLEMS}, operators: [1, 2, 3]}}}}"
    teacher = "{engine: embedded, max_tokens: 320, logprobs: 5}"
    (folder / "generate.yaml").write_text(f"problems: {problems}\nteacher: {teacher}\nstore: ./store\n")
    run("generate", str(folder / "generate.yaml"))
    store = Store.open(folder / "store")
    create_release(store, folder / "release", name="arithmetic", where='outcome == "correct"')
    return folder / "release"


@pytest.fixture(scope="module")
def trained(release: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A distill run killed in the middle and started again: its folder, and what the second run printed."""
    folder = tmp_path_factory.mktemp("killed")
    config = write_config(folder, release)
    killed = subprocess.Popen([TRACEWRIGHT, "distill", str(config)], stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (folder / "students" / "student" / STATE).exists():
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    return folder / "students", run("distill", str(config), "--json")[0]


def manifest_of(checkpoint: str | Path) -> TrainingManifest:
    manifest = read_training_manifest(Path(checkpoint))
    assert manifest is not None
    return manifest


@pytest.mark.slow
def test_a_killed_distillation_ends_with_the_weights_of_one_that_was_not(
    release: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, printed = trained
    whole, _ = run("distill", str(write_config(tmp_path, release)), "--json")
    for arm in (printed, printed["control"]):
        assert not (Path(arm["checkpoint"]) / STATE).exists()
    assert manifest_of(printed["checkpoint"]).weights_sha256 == manifest_of(whole["checkpoint"]).weights_sha256
    control = manifest_of(printed["control"]["checkpoint"])
    assert control.weights_sha256 == manifest_of(whole["control"]["checkpoint"]).weights_sha256
    assert control.losses.output.weight == 0 and printed["parameters"] == control.parameters
    assert 0.035 <= printed["parameters"] / printed["teacher_parameters"] <= 0.072


@pytest.mark.slow
def test_a_students_folder_of_another_config_is_refused(release: Path, trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    said = refuse("distill", str(write_config(folder.parent, release, seed=1)))
    assert "holds the student of another run" in said and "choose another `out`" in said


@pytest.mark.slow
def test_quantize_and_evaluate_take_the_student_to_vllm(
    release: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, printed = trained
    out = ("--release", str(release), "--out", str(tmp_path / "int8"))
    quantized, _ = run("quantize", printed["checkpoint"], "--scheme", "int8", *out, "--json")
    assert quantized["size_ratio"] <= 0.30 and quantized["layers"] == 14
    problems = tmp_path / "problems.jsonl"
    write_problems(problems, draw_problems(60, (1, 2), seed=4, held_out=True))
    evaluated = [
        run("evaluate", str(checkpoint), "--problems", str(problems), "--max-tokens", "120", "--json")[0]
        for checkpoint in (printed["checkpoint"], quantized["checkpoint"])
    ]
    for one in evaluated:
        assert one["problems"] == 60 and set(one["levels"]) == {"1", "2"}
        assert one["interval"][0] <= one["pass@1"] <= one["interval"][1]
        assert one["pass@k"]["1"] == pytest.approx(one["pass@1"])
        assert 0 < one["latency_seconds"]["p50"] <= one["latency_seconds"]["p95"]
        assert one["tokens_per_second"] > 0
    assert abs(evaluated[0]["pass@1"] - evaluated[1]["pass@1"]) <= 0.1


@pytest.mark.slow
def test_the_end_of_the_main_job_compares_four_models_and_is_taken_as_it_is_when_run_again(
    release: Path, tmp_path: Path
) -> None:
    code = f"""
import json, time
from pathlib import Path
from tracewright.flows.runtime import configure_prefect
folder = Path({str(tmp_path)!r})
configure_prefect(folder)
from tracewright.distill.config import TrainingConfig
from tracewright.flows.distill import distill_demo
from tracewright.flows.evaluate import Asking, evaluate
from tracewright.flows.unrecorded import Unrecorded
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.sources import draw_problems
problems = list(draw_problems(40, (1, 2), seed=4, held_out=True))
asking = Asking(problems, keep=False)
teacher = evaluate({{"teacher": embedded.checkpoint_path()}}, Unrecorded(asking), folder)["teacher"]
for _ in range(2):
    students = distill_demo(Path({str(release)!r}), folder, teacher, problems, TrainingConfig(steps=40, threads=1))
    files = sorted(folder.glob("*/student*/*.safetensors"))
    print(json.dumps({{
        "names": [one.name for one in students.contenders],
        "asked": [len(one.evaluation.answers) for one in students.contenders],
        "curves": [len(one.losses) for one in students.contenders],
        "conclusion": students.conclusion,
        "ratio": students.size_ratio,
        "question": students.side_by_side()[0].question,
        "changed": [file.stat().st_mtime_ns for file in files],
        "seconds": students.seconds,
        "card": (students.quantized.checkpoint / "README.md").read_text(),
    }}))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )
    assert result.returncode == 0, result.stderr
    first, again = map(json.loads, result.stdout.splitlines())
    assert first["names"] == ["teacher", "control", "student", "student, int8"]
    assert first["asked"] == [40] * 4 and first["curves"] == [0, 4, 4, 0]
    assert first["ratio"] <= 0.30 and "on the text alone" in first["conclusion"]
    assert "| 2 | 20 |" in first["card"] and "not measured" not in first["card"]
    assert len(first["changed"]) == 2
    assert {key: first[key] for key in first if key != "seconds"} == {
        key: again[key] for key in again if key != "seconds"
    }
    assert again["seconds"]["evaluate"] < first["seconds"]["evaluate"] / 2
