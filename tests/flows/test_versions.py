"""One config takes a release to quantized and exported students, and one table compares them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracewright.distill.evaluation import Answered, Evaluation
from tracewright.distill.export.runtimes import Runtime
from tracewright.distill.model_table import TABLE, Asked, load_versions, make_report, write_versions
from tracewright.distill.version_config import VersionsConfig
from tracewright.pipeline.release import create_release
from tracewright.pipeline.sources import draw_problems
from tracewright.pipeline.store import Store

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
PROBLEMS = list(draw_problems(20, (1, 2), seed=5, held_out=True))


def run(*arguments: str) -> tuple[dict[str, Any], str]:
    """What the command printed as JSON, and what it said to people."""
    command = [TRACEWRIGHT, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    return json.loads(lines[-1]) if lines else {}, result.stderr


def asked(folder: Path, name: str, solved: int) -> Asked:
    (folder / name).mkdir()
    (folder / name / "model.safetensors").write_bytes(b"0" * 2000)
    answers = tuple(Answered(problem, "", place < solved, 10, 0.5) for place, problem in enumerate(PROBLEMS))
    return Asked.of(name, folder / name, Runtime.VLLM, Evaluation(answers, 4.0, 2**20))


def test_names_stand_for_settings_and_each_version_is_named_once() -> None:
    config = VersionsConfig.model_validate({"quantize": ["int8", {"scheme": "int4", "sparsity": "2:4"}]})
    assert [one.folder for one in config.quantize] == ["int8", "int4-2of4"] and config
    assert not VersionsConfig()
    with pytest.raises(ValueError, match="two versions are the same"):
        VersionsConfig.model_validate({"quantize": ["int8", {"scheme": "int8"}]})
    with pytest.raises(ValueError, match="int2"):
        VersionsConfig.model_validate({"quantize": ["int2"]})


def test_the_table_compares_every_version_with_the_student(tmp_path: Path) -> None:
    report = make_report("key", [asked(tmp_path, "student", 15), asked(tmp_path, "student-int8", 13)])
    write_versions(tmp_path, report)
    assert load_versions(tmp_path, "key") == report and load_versions(tmp_path, "other") is None
    student, int8 = report.models
    assert "against_first" not in student and int8["against_first"]["points"] == pytest.approx(-10.0)
    assert "| student-int8 | vllm | 65.0 (43.3–81.9) | -10.0 (" in (tmp_path / TABLE).read_text()
    assert int8["tokens_per_second"] == 50 and int8["file_bytes"] == 2000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_one_config_makes_and_compares_all_versions(tmp_path: Path) -> None:
    problems, teacher = "{arithmetic: {count: 200, operators: [1, 2]}}", "{engine: embedded, max_tokens: 320}"
    (tmp_path / "generate.yaml").write_text(f"problems: {problems}\nteacher: {teacher}\nstore: ./store\n")
    run("generate", str(tmp_path / "generate.yaml"))
    create_release(Store.open(tmp_path / "store"), tmp_path / "release", name="a", where='outcome == "correct"')
    versions = "{quantize: [int8, int4], export: [onnx, gguf], limit: 20}"
    losses = "losses: {trace: 1.0}\ntraining: {steps: 40, threads: 1}"
    config = tmp_path / "distill.yaml"
    config.write_text(f"release: ./release\nout: ./students\nlevels: [1, 2]\n{losses}\nversions: {versions}\n")
    printed, said = run("distill", str(config), "--json")
    runtimes = {model["name"]: model["runtime"] for model in printed["versions"]}
    assert list(runtimes)[:3] == ["student", "student-int8", "student-int4"]
    assert runtimes["student-onnx/model_int8.onnx"] == "onnxruntime"
    assert runtimes["student-on-transformers"] == "transformers"
    assert "student-gguf/model.gguf" in runtimes or "student-gguf/model.gguf is not asked" in " ".join(said.split())
    assert all(model["memory_bytes"] > 2**20 and model["problems"] == 20 for model in printed["versions"])
    assert "on the same problems: " in (tmp_path / "students" / "student-int8" / "README.md").read_text()
    again, said = run("distill", str(config), "--json")
    assert again["versions"] == printed["versions"] and "ask " not in said
