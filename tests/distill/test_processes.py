"""Several processes train the student that one trains, and go on with each other's half-trained ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tracewright.distill.config import DistillConfig
from tracewright.distill.loss_curve import read_losses
from tracewright.distill.manifest import read_training_manifest
from tracewright.distill.processes import Processes
from tracewright.distill.progress import TrainingStep
from tracewright.distill.training import train_student

MakeConfig = Callable[..., DistillConfig]
LOSSES = {"output": 0.3, "attention": 0.2, "hidden": 0.2, "trace": 0.3}


class Killed(Exception):  # noqa: N818 - no error
    """What ends a run in the middle."""


def launch(config: DistillConfig, folder: Path) -> subprocess.CompletedProcess[str]:
    """Two processes on CPUs, started by accelerate."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["--use_fsdp", "--fsdp_version", "2", "--num_processes", "2", "--num_machines", "1"]
    settings += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(port)]
    command = [sys.executable, "-m", "accelerate.commands.launch", *settings, "-m", "tracewright.distill.launch"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, str(file)], check=False, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one_and_take_up_what_one_left(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    training = {"steps": 40, "batch_size": 7, "accumulate": 2, "tensorboard": False}
    config = make_config(training=training, losses=LOSSES, out=tmp_path / "two")
    alone = train_student(config, tmp_path / "one" / "student")

    def kill(now: TrainingStep) -> None:
        if now.step == 13:
            raise Killed

    with pytest.raises(Killed):
        train_student(config, tmp_path / "two" / "student", kill)
    ended = launch(config, tmp_path)
    assert ended.returncode == 0, ended.stderr[-3000:]
    together = read_training_manifest(tmp_path / "two" / "student")
    assert together is not None and (together.processes, alone.processes) == (2, 1)
    assert together.run == alone.run and together.tokens == alone.tokens
    curves = [read_losses(tmp_path / name / "student") for name in ("one", "two")]
    assert [record.step for record in curves[1]] == [10, 20, 30, 40]
    for one, two in zip(*curves, strict=True):
        assert two.losses == pytest.approx(one.losses, rel=5e-3)
    weights = [load_file(tmp_path / name / "student" / "model.safetensors") for name in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        # Where a gradient hardly points anywhere, rounding decides what Muon makes of it.
        assert float((weights[1][name] - value).norm()) < 0.1 * float(value.norm()), name


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_make_up_the_batch_and_fewer_lessons_than_processes_are_read_by_all(count: int) -> None:
    processes = [Processes(count, index, torch.device("cpu")) for index in range(count)]
    lessons = list(range(4))
    shares = [one.share(lessons) for one in processes]
    weight = sum(len(share) * one.scale(lessons) / count for share, one in zip(shares, processes, strict=True))
    assert weight == pytest.approx(len(lessons))
    assert all(shares) and {one for share in shares for one in share} == set(lessons)
