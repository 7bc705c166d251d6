"""A training in a process of its own: it has its own threads and memory, two can run side by side, and neither outlives
the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from tracewright.distill.config import DistillConfig
from tracewright.distill.manifest import TrainingManifest
from tracewright.distill.progress import TrainingStep
from tracewright.schemas import (
    ConfigError,
    InputError,
    IntegrityError,
    MissingInputError,
    ReleaseYankedError,
    SchemaVersionError,
    TracewrightError,
    TrainingError,
)

_KINDS: dict[str, type[TracewrightError]] = {
    kind.__name__: kind
    for kind in (ConfigError, InputError, IntegrityError, MissingInputError, ReleaseYankedError, SchemaVersionError)
}
_LOG_TAIL_LINES = 12


def train_in_process(
    config: DistillConfig, out: Path, log: Path, report: Callable[[TrainingStep], None] = lambda _: None
) -> TrainingManifest:
    """`train_student` in a child process; what it says for itself goes to `log`.

    Raises:
        InputError, IntegrityError: as `train_student`.
        TrainingError: the process died; the message ends with its log. What it had saved is kept.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tracewright.distill.training_worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env=_environment(config),
            start_new_session=True,
        )
    try:
        return _follow(process, config, out, log, report)
    finally:  # after its last line a child has nothing left to do
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _follow(
    process: subprocess.Popen[bytes],
    config: DistillConfig,
    out: Path,
    log: Path,
    report: Callable[[TrainingStep], None],
) -> TrainingManifest:
    with cast(IO[bytes], process.stdin) as stdin:
        stdin.write(json.dumps({"config": config.model_dump(mode="json"), "out": str(out)}).encode() + b"\n")
    for line in cast(IO[bytes], process.stdout):
        message = json.loads(line)
        if "step" in message:
            report(TrainingStep(**message["step"]))
        elif "error" in message:
            raise _KINDS.get(message["error"], TracewrightError)(message["message"])
        else:
            return TrainingManifest.model_validate(message["manifest"])
    raise _death(process, out, log)


def _death(process: subprocess.Popen[bytes], out: Path, log: Path) -> TrainingError:
    code = process.wait()
    cause = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    said = "\n  ".join(log.read_text(errors="replace").strip().splitlines()[-_LOG_TAIL_LINES:]) or "(nothing)"
    return TrainingError(
        f"the training of {out} {cause}. Run the same command again once the cause is mended: it goes on from its last "
        f"saved state. The end of its log ({log}):\n  {said}"
    )


def _environment(config: DistillConfig) -> dict[str, str]:
    wanted = {"TOKENIZERS_PARALLELISM": "false"}
    if config.training.threads is not None:
        wanted["OMP_NUM_THREADS"] = str(config.training.threads)
    return wanted | dict(os.environ)
