"""Whether a student learns more than the text: ablation on a scarce release, stored logprobs, and the loss's memory.

The embedded teacher solves a thousand problems of one and two operators; students of 3.5 to 7.2 % of its parameters
learn the release in different ways, each with its own best learning rate, and are asked a thousand held-out problems.
Problems are few so that the text alone does not say everything. Finished students are kept in
./tracewright-data/bench and taken again; remove that folder to train them anew.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tracewright.distill.ablation_config import AblationConfig, Arm
from tracewright.distill.ablation_report import AblationReport
from tracewright.distill.config import DistillConfig, TrainingConfig
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.stored_format import StoredSettings, TraceLogprobs, measure_logprobs, write_logprobs
from tracewright.flows.runtime import configure_prefect

_HERE = Path(__file__).parent
_KEPT = Path("tracewright-data") / "bench" / "distill"
PROBLEMS = 1000
"""That the teacher solves; all of its right traces are trained on."""
LEVELS = (1, 2)
STEPS, BATCH = 2000, 32
LOSSES = {"output": {"weight": 0.7, "temperature": 4.0}, "attention": {"weight": 0.3}}
"""The teacher is so sure of itself that at temperature 1 its distributions say hardly more than its text."""
LOSS_SIZES = {"tokens": 2048, "vocabulary": 151_936, "student_width": 256, "teacher_width": 384}
PAIRS = 5
ARMS = (Arm.CONTROL, Arm.OUTPUT, Arm.ATTENTION)
"""The whole is the last one: it does without the text."""
STORED_K, STORED_TOKENS, ZIPF_EXPONENT = 32, 20_000, 1.1


def run(seed: int = 0) -> dict[str, Any]:
    """The gain over the control, every arm, what the loss takes, and what a stored token takes."""
    report = run_ablation()
    whole = report.arm(ARMS[-1])
    gain = whole.over_control if whole else None
    assert gain is not None
    return {
        "gain_points": gain.points,
        "ci_low": gain.low,
        "ci_high": gain.high,
        "seeds": report.seeds,
        "problems": report.problems,
        **measure_loss(seed),
        **measure_stored(seed),
        "ablation": report.model_dump(mode="json"),
    }


def run_ablation() -> AblationReport:
    """Every arm on the scarce release; what an earlier run trained is taken."""
    folder = _KEPT.resolve()
    release = make_release(folder)
    configure_prefect(folder)
    from tracewright.flows.ablate import ablate  # Prefect reads its settings when it is imported

    config = DistillConfig(
        release=release,
        out=folder / "students",
        levels=LEVELS,
        losses=LossConfig.model_validate(LOSSES),
        training=TrainingConfig(steps=STEPS, batch_size=BATCH, threads=1),
        ablation=AblationConfig(arms=ARMS),
    )
    return ablate(config)


def make_release(folder: Path) -> Path:
    """A release of what the embedded teacher wrote, through the commands that anyone would use."""
    release = folder / "release"
    if not release.exists():
        folder.mkdir(parents=True, exist_ok=True)
        problems = f"{{arithmetic: {{count: {PROBLEMS}, operators: {list(LEVELS)}}}}}"
        teacher = "{engine: embedded, max_tokens: 320, logprobs: 5}"
        (folder / "generate.yaml").write_text(f"problems: {problems}\nteacher: {teacher}\nstore: ./store\n")
        command = str(Path(sys.executable).with_name("tracewright"))
        subprocess.run([command, "generate", str(folder / "generate.yaml")], check=True, stdout=subprocess.DEVNULL)
        where = ["--where", 'outcome == "correct"', "--name", "scarce", "--out", str(release)]
        subprocess.run([command, "release", "create", str(folder / "store"), *where], check=True)
    return release


def measure_loss(seed: int) -> dict[str, Any]:
    """Peak memory and time of the generalised JSD against Liger's, both warm, pass by pass in turn."""
    task = {**LOSS_SIZES, "seed": seed, "threads": len(os.sched_getaffinity(0))}
    figures: dict[str, Any] = {}
    with loss_process({**task, "loss": "tracewright"}) as ours:
        _ask(ours)
        if importlib.util.find_spec("liger_kernel") is None:
            return {"kd_peak_mib": _ask(ours)["peak_mib"], "kd_peer": "liger-kernel is not installed"}
        with loss_process({**task, "loss": "liger"}) as theirs:
            _ask(theirs)
            pairs = [(_ask(ours), _ask(theirs)) for _ in range(PAIRS)]
    mine, peer = pairs[-1]
    figures["kd_peak_mib"], figures["kd_peer_peak_mib"] = mine["peak_mib"], peer["peak_mib"]
    figures["kd_seconds_ratio"] = statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)
    figures["kd_value_difference"] = abs(mine["value"] / peer["value"] - 1)
    figures["kd_gradient_difference"] = max(abs(a / b - 1) for a, b in zip(mine["norms"], peer["norms"], strict=True))
    return figures


@contextmanager
def loss_process(task: dict[str, Any]) -> Generator[subprocess.Popen[str]]:
    """A process that measures one loss whenever it is asked."""
    command = [sys.executable, str(_HERE / "_output_loss_run.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n", "the loss could not be set up"
            yield process
        finally:
            process.kill()


def _ask(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("again\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def measure_stored(seed: int) -> dict[str, Any]:
    """Bytes of a stored token, its ids drawn by Zipf's law, and how far what is read back is from what was stored."""
    rng = np.random.default_rng(seed)
    settings = StoredSettings(STORED_K, (2.0,), "tokenizer", LOSS_SIZES["vocabulary"], "revision")
    rows = [_draw_row(rng, settings, number) for number in range(STORED_TOKENS // 500)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logprobs.parquet"
        write_logprobs(path, rows, settings)
        size = path.stat().st_size
    logits = torch.randn(200, 4096, generator=torch.Generator().manual_seed(seed)) * 3
    stored = measure_logprobs("one", [0] * 200, logits, StoredSettings(STORED_K, (2.0,), "", 4096, ""))
    exact = torch.from_numpy(stored.top_logprobs_n_K)
    read = torch.from_numpy(stored.top_logprobs_n_K.astype(np.float16).astype(np.float64))
    divergence = (_with_rest(exact).exp() * (_with_rest(exact) - _with_rest(read))).sum(-1)
    return {
        "stored_bytes_per_token": size / (len(rows) * 500),
        "stored_kl_round_trip": float(divergence.abs().max()),
    }


def _draw_row(rng: np.random.Generator, settings: StoredSettings, number: int) -> TraceLogprobs:
    cumulated = np.cumsum(np.arange(1, settings.vocabulary + 1, dtype=np.float64) ** -ZIPF_EXPONENT)
    tokens = np.searchsorted(cumulated, rng.random((500, settings.k)) * cumulated[-1])
    logprobs = -np.sort(rng.gamma(2.0, 3.0, (500, settings.k)), axis=-1)
    return TraceLogprobs(
        f"{number:024x}", tokens[:, 0].tolist(), tokens, logprobs, logprobs[:, 0], rng.normal(size=(500, 1))
    )


def _with_rest(logprobs: torch.Tensor) -> torch.Tensor:
    rest = (1 - logprobs.exp().sum(-1, keepdim=True)).clamp_min(1e-30).log()
    return torch.cat([logprobs, rest], dim=-1)
