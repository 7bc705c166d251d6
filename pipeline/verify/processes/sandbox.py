"""Runs a program and its tests in a process of its own.

What this covers, on Linux: time (killed from outside), processor time, memory, the size of each file and the number of
open ones (rlimits); no inherited environment, descriptors or standard input; an empty temporary folder as current and
home folder, removed afterwards. Where the kernel allows namespaces for this user: no network, no signals to other
processes, at most 32 processes, and nothing that the program started outlives it; root runs it as a user that has no
account. Where it has Landlock: no change to any file outside of the temporary folder, and no TCP either way. Of tricks
to pass tests: those that `harness` names, such as to leave before they end, to change what they call, or to answer with
an object that equals everything.

What it does not cover: the program may read every file that this user can read, and write as many files as its time
allows; a kernel without namespaces or Landlock leaves network or files open; and a program that is out to cheat runs in
the same interpreter as its tests and can find a way to make them pass, as in every harness that runs both in one
process. Run hostile collections of programs in a container or virtual machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracewright.pipeline.verify.limits import MAX_PROGRAM_FILE_BYTES, MAX_WORKER_MEMORY_BYTES
from tracewright.schemas.verdict import Outcome

_CHILD = Path(__file__).with_name("code_child.py")
_MAX_RESULT_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Run:
    """How a program fared: correct where its tests passed, an error where a limit ended it."""

    outcome: Outcome
    reason: str


def run_tests(candidate: str, tests: str, *, stdin: str = "", timeout_seconds: float) -> Run:
    """Run `tests` after `candidate` in one namespace, as one script would; they pass when they come to their end.

    Unverifiable where the tests can't say: they are no program, or nothing in them is run.
    """
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="tracewright-code-", ignore_cleanup_errors=True) as folder:
        reading, writing = os.pipe()
        task = {
            "candidate": candidate,
            "tests": tests,
            "stdin": stdin,
            "token": token,
            "folder": folder,
            "result_descriptor": writing,
            "memory_bytes": MAX_WORKER_MEMORY_BYTES,
            "file_bytes": MAX_PROGRAM_FILE_BYTES,
            "timeout_seconds": timeout_seconds,
        }
        try:
            in_time = _run(task, folder, timeout_seconds)
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as result:
            message = _read_result(result.read(_MAX_RESULT_BYTES))
    if not in_time:
        return Run(Outcome.ERROR, f"the program takes more than the limit of {round(timeout_seconds, 1):g} seconds")
    return _judge(message, token)


def _run(task: dict[str, Any], folder: str, timeout_seconds: float) -> bool:
    """Run the child to its end; False where it had to be killed."""
    with tempfile.TemporaryFile() as standard_input:
        standard_input.write(json.dumps(task).encode() + b"\n")
        standard_input.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(_CHILD)],
            stdin=standard_input,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[task["result_descriptor"]],
            cwd=folder,
            env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    try:
        return _ends_in_time(process.pid, timeout_seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ends_in_time(pid: int, timeout_seconds: float) -> bool:
    # `Popen.wait` with a time looks every 50 ms, which is a third of what an ordinary test takes.
    descriptor = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(timeout_seconds * 1000))
    finally:
        os.close(descriptor)


def _read_result(data: bytes) -> dict[str, Any]:
    """The first line that is a message; the program may have written others to the same descriptor."""
    for line in data.splitlines():
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                return message
    return {}


def _judge(message: dict[str, Any], token: str) -> Run:
    if secrets.compare_digest(str(message.get("token", "")).encode(), token.encode()):
        return Run(Outcome.CORRECT, "the tests pass")
    if "memory" in message:
        return Run(Outcome.ERROR, f"the program needs more than {MAX_WORKER_MEMORY_BYTES // 1024**2} MiB of memory")
    if "untested" in message:
        return Run(Outcome.UNVERIFIABLE, str(message["untested"]))
    if "failure" in message:
        return Run(Outcome.INCORRECT, str(message["failure"]))
    return Run(Outcome.INCORRECT, "the program ends before its tests do")
