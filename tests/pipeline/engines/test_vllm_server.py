"""A checkpoint behind vLLM's server: the same template, a health check, and nothing left when it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.base import Completion, Request
from tracewright.pipeline.engines.server_engine import ServerEngine, ServerSettings
from tracewright.pipeline.engines.vllm_server import check_address, format_arguments
from tracewright.schemas import InputError, Sampling

TRACEWRIGHT = str(Path(sys.executable).with_name("tracewright"))
TEACHER = Path(embedded.__file__).parent
START_SECONDS = 240
STOP_SECONDS = 20


def test_arguments_become_the_words_of_a_command_line() -> None:
    arguments = {"model": "m", "enforce_eager": True, "enable_chunked_prefill": False, "hf_overrides": {"a": [1]}}
    words = " ".join(format_arguments(arguments | {"quantization": None, "seed": 0}))
    assert words == '--model m --enforce-eager --no-enable-chunked-prefill --hf-overrides {"a": [1]} --seed 0'


def test_strangers_need_a_key() -> None:
    check_address("127.0.0.1", {})
    check_address("192.0.2.1", {"VLLM_API_KEY": "k"})
    with pytest.raises(InputError, match="set VLLM_API_KEY"):
        check_address("192.0.2.1", {})


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_it_answers_with_the_models_template_and_leaves_nothing_behind(tmp_path: Path, ending: signal.Signals) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (tmp_path / "teacher").symlink_to(TEACHER)
    command = [TRACEWRIGHT, "serve-model", str(tmp_path / "teacher"), "--port", port, "--name", "small"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stderr is not None
        assert any("answers at" in line for line in server.stderr)
        children = psutil.Process(server.pid).children(recursive=True)
        engines = [child.name() for child in children if child.name().startswith("VLLM")]
        question = {"model": "small", "temperature": 0, "messages": [{"role": "user", "content": "12+7*3"}]}
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=question, timeout=60)
        assert answer.json()["choices"][0]["message"]["content"].endswith("#### 33")
        assert httpx.get(f"http://127.0.0.1:{port}/health").is_success
        settings = ServerSettings((f"http://127.0.0.1:{port}/v1",), "small", Sampling(), max_tokens=300, logprobs=3)
        with ServerEngine(settings) as engine:
            (made,) = engine.stream([Request("key", "12+7*3", 0)])
        assert isinstance(made, Completion) and made.token_ends and made.token_logprobs and made.top_logprobs
        assert made.token_ends[-1] == len(made.text), "the end token is among vLLM's logprobs, and not in its text"
        os.kill(server.pid, ending)
        server.wait(STOP_SECONDS)
    assert children
    assert len(engines) == 1, f"two would spin for each other and starve the server: {engines}"
    deadline = time.monotonic() + STOP_SECONDS
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < deadline, children
        time.sleep(0.1)
