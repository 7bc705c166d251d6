"""A checkpoint behind vLLM's OpenAI-compatible server, with the settings that the engine in this process would have."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tracewright.pipeline.engines.vllm_engine import (
    VllmSettings,
    engine_arguments,
    engine_environment,
    has_nvidia_gpu,
)
from tracewright.schemas import EngineError, InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_TIMEOUT_SECONDS = 600.0
_ASK_INTERVAL_SECONDS = 0.25
_ASK_TIMEOUT_SECONDS = 2.0
_STOP_SECONDS = 10.0
_LOG_TAIL_LINES = 12


class VllmServer:
    """The server in a child process that never outlives this one. Starts at once."""

    def __init__(self, settings: VllmSettings, log: Path, *, host: str, port: int, name: str) -> None:
        self.url = f"http://{host}:{port}"
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = engine_arguments(settings) | {"host": host, "port": port, "served_model_name": name}
        worker = [sys.executable, "-m", "tracewright.pipeline.engines.vllm_server_worker", str(os.getpid())]
        with log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [*worker, *format_arguments(arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env=_server_environment(settings),
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return once `/health` answers.

        Raises:
            EngineError: the server ended, or took too long.
        """
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not self.is_healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self._failure()
            time.sleep(_ASK_INTERVAL_SECONDS)

    def is_healthy(self) -> bool:
        """Whether the server answers, and its engine lives."""
        try:
            return httpx.get(f"{self.url}/health", timeout=_ASK_TIMEOUT_SECONDS).is_success
        except httpx.HTTPError:
            return False

    def wait(self) -> None:
        """Until the server ends by itself.

        Raises:
            EngineError: always, since nobody asked it to.
        """
        self._process.wait()
        raise self._failure()

    def close(self) -> None:
        """Stop the server and everything of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _failure(self) -> EngineError:
        code = self._process.poll()
        what = "was not ready in time" if code is None else f"ended with exit status {code}"
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_LOG_TAIL_LINES:]
        said = "\n  ".join(lines) or "(nothing)"
        return EngineError(f"vLLM's server {what}. The end of its log ({self._log}):\n  {said}")


def _server_environment(settings: VllmSettings) -> dict[str, str]:
    """The engine's environment, for a server: the engine runs beside the process that answers over HTTP.

    On a CPU the variable says only whether the model has a process of its own beside the engine's too. Both wait for
    each other by spinning: on two cores nothing was left to take requests in, and 16 that came at once were answered
    one after another. vLLM needs the second process where it places the threads itself.
    """
    joins_engine = settings.cpu_threads is not None and not has_nvidia_gpu()
    return engine_environment(settings) | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0" if joins_engine else "1"}


def check_address(host: str, variables: Mapping[str, str]) -> None:
    """Refuse to let strangers in.

    Raises:
        InputError: the address is not a loopback one, and no key is set.
    """
    if host not in LOOPBACK and not variables.get("VLLM_API_KEY"):
        raise InputError(
            f"--host {host} is reachable from other machines: set VLLM_API_KEY, which requests then have to bring, or "
            "take 127.0.0.1"
        )


def format_arguments(arguments: dict[str, Any]) -> list[str]:
    """vLLM's engine arguments as its command line takes them."""
    words: list[str] = []
    for name, value in arguments.items():
        flag = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", json.dumps(value) if isinstance(value, dict | list) else str(value)]
    return words
