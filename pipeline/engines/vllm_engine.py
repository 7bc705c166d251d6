"""The adapter to vLLM, the same on a CPU and on a GPU.

vLLM's step loop runs in a child process of ours, so that post-processing has the other core and its own interpreter
lock, a dead engine leaves the run alive, and nothing of it outlives the run (`lifeline`). vLLM's own asynchronous
engine was measured slower on a CPU (4.7k against 5.9k tokens a second), starts in 18 s instead of 5 s, and its process
is the one that outlives a killed parent. On a GPU the child lets vLLM put the engine core into a process of its own,
in the same process group, so that detokenizing does not hold up the accelerator.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import IO, Any, cast

import orjson

from tracewright.pipeline.engines.base import (
    Completion,
    Distributions,
    Failure,
    Request,
    RequestDrawer,
    ScoringRequest,
)
from tracewright.pipeline.engines.vllm_results import read_distributions, read_result
from tracewright.schemas import EngineError, Sampling

_START_TIMEOUT_SECONDS = 600.0
"""A large model on a slow disk takes minutes to load."""
STALL_SECONDS = 30.0
"""Without a sign of life for so long the engine counts as hung. It gives one every second between its steps, and a
step takes far less than a second but for the largest models on a CPU."""
DEADLINE_SECONDS = 900.0
_AHEAD_SHARE, _REFILL_SHARE = 1.0, 0.25
"""Of requests wait in the engine beside those that it works on, at most and before more are sent: no place is empty
while a result is taken. Many at a time, since one among steps takes a small engine twice as long to take in."""
_CLOSE_TIMEOUT_SECONDS = 5.0
_LOG_TAIL_LINES = 12

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}
_CPU_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "TORCH_COMPILE_DISABLE": "1",
}


@dataclass(frozen=True)
class VllmSettings:
    """What to load and how to ask it."""

    model: str
    """A checkpoint folder or a hub name."""
    sampling: Sampling
    max_tokens: int
    logprobs: int = 5
    """How many of the likeliest tokens come back beside the sampled one."""
    max_in_flight: int = 256
    cpu_threads: int | None = None
    """OpenMP threads of a CPU engine; None: vLLM's choice, which is right for a model that keeps the cores busy. A
    small one spends its time in Python: with 2 threads it made 470 tokens a second beside another busy process, with 1
    it made 5,300."""
    deadline_seconds: float = DEADLINE_SECONDS
    """From a request's submission to its last token; what takes longer is a failure."""
    stall_seconds: float = STALL_SECONDS
    with_top_ids: bool = False
    """Whether the ids of the likeliest tokens come back too, and those of the end."""
    engine_args: dict[str, Any] = field(default_factory=lambda: {})
    """Handed to vLLM's EngineArgs as they are: tensor_parallel_size, dtype, quantization, gpu_memory_utilization …"""


def has_nvidia_gpu() -> bool:
    """Whether vLLM will find an NVIDIA GPU here."""
    return Path("/dev/nvidiactl").exists()


class VllmEngine:
    """A vLLM engine in a child process. Starts at once; `stream` waits until it is ready."""

    def __init__(self, settings: VllmSettings, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._log = log
        self._ready: dict[str, Any] | None = None
        self._numbers = count()
        """Of texts to score: no two have the same."""
        self._results: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tracewright.pipeline.engines.vllm_worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env=engine_environment(settings),
                start_new_session=True,
            )
        self._send(
            {
                "engine_args": engine_arguments(settings),
                "sampling": _sampling(settings),
                "deadline_seconds": settings.deadline_seconds,
                "with_top_ids": settings.with_top_ids,
            }
        )
        threading.Thread(target=self._read_results, name="engine-results", daemon=True).start()
        self._sender = threading.Thread(target=self._send_outbox, name="engine-requests", daemon=True)
        self._sender.start()

    @property
    def pid(self) -> int:
        """Of the child process, which leads the process group that everything of the engine is in."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    @property
    def name(self) -> str:
        """For example `vllm 0.32.0 (float32)`."""
        ready = self._wait_until_ready()
        return f"vllm {ready['version']} ({ready['dtype']})"

    @property
    def dtype(self) -> str:
        """The number format that the weights were loaded in."""
        return str(self._wait_until_ready()["dtype"])

    def stream(self, requests: Iterable[Request | None]) -> Iterator[Completion | Failure]:
        """See `Engine.stream`."""
        self._wait_until_ready()
        drawer, in_flight = RequestDrawer(requests), set[str]()
        most, few = (math.ceil(self._settings.max_in_flight * (1 + share)) for share in (_AHEAD_SHARE, _REFILL_SHARE))
        while True:
            wanted = most if len(in_flight) <= few else 0
            while len(in_flight) < wanted and (request := drawer.draw()):
                self._send(asdict(request))
                in_flight.add(request.key)
            if not in_flight:
                return
            message = self._receive(self._settings.stall_seconds, "gave no sign of life")
            if message["key"] in in_flight:  # else of an earlier stream that was given up
                in_flight.remove(message["key"])
                yield read_result(message)

    def score(self, requests: Sequence[ScoringRequest], likeliest: int) -> list[Distributions]:
        """What the model makes of texts that others wrote, one for each of them in their order.

        All are taken in before the engine's next step, so that it cuts them into the same batches each time: on a CPU
        the same texts give the same numbers, to the last digit. Not while a stream is open.

        Args:
            requests: the texts.
            likeliest: how many tokens to tell at each place, at most the settings' `logprobs`.

        Raises:
            EngineError: the engine died or hangs, or can't take one of the texts: it is too long for it, say.
        """
        self._wait_until_ready()
        keys = [f"score-{number}" for number in islice(self._numbers, len(requests))]
        texts = [{"key": key, **asdict(request)} for key, request in zip(keys, requests, strict=True)]
        self._send({"score": texts, "likeliest": likeliest})
        found: dict[str, Distributions] = {}
        while len(found) < len(keys):
            message = self._receive(self._settings.stall_seconds, "gave no sign of life")
            if message["key"] not in keys:  # of what was asked before and given up
                continue
            if "failure" in message:
                raise EngineError(f"the vLLM engine could not score a text: {message['failure']}")
            found[message["key"]] = read_distributions(message)
        return [found[key] for key in keys]

    def close(self) -> None:
        """See `Engine.close`."""
        self._outbox.put(None)
        try:
            self._process.wait(_CLOSE_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> VllmEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error or Ctrl-C nobody waits for what is still in flight.
        self.kill() if kind else self.close()

    def kill(self) -> None:
        """End it and everything that it started, whatever they are doing."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        self._outbox.put(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")

    def _send_outbox(self) -> None:
        """In a thread of its own: a hung engine leaves its pipe full, and a write would wait for it for ever."""
        stdin = cast(IO[bytes], self._process.stdin)
        with contextlib.suppress(BrokenPipeError), stdin:
            while (data := self._outbox.get()) is not None:
                stdin.write(data)
                if self._outbox.empty():
                    stdin.flush()

    def _read_results(self) -> None:
        for line in cast(IO[bytes], self._process.stdout):
            self._results.put(orjson.loads(line))
        self._results.put(None)

    def _receive(self, timeout_seconds: float, what: str) -> dict[str, Any]:
        """The next result; signs of life only put off the timeout."""
        while True:
            try:
                message = self._results.get(timeout=timeout_seconds)
            except queue.Empty:
                self.kill()
                raise EngineError(
                    f"the vLLM engine {what} in {timeout_seconds:.0f} s; its log is {self._log}"
                ) from None
            if message is None:
                raise self._death()
            if "alive" not in message:
                return message

    def _wait_until_ready(self) -> dict[str, Any]:
        if self._ready is None:
            self._ready = self._receive(_START_TIMEOUT_SECONDS, "was not ready")["ready"]
        return cast(dict[str, Any], self._ready)

    def _death(self) -> EngineError:
        code = self._process.wait()
        cause = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_LOG_TAIL_LINES:]
        said = "\n  ".join(lines) or "(nothing)"
        return EngineError(
            f"the vLLM engine for {self._settings.model} {cause}. Finished traces are kept: run the same command again "
            f"once the cause is mended. The end of its log ({self._log}):\n  {said}"
        )


def engine_environment(settings: VllmSettings) -> dict[str, str]:
    """What vLLM's process is told by environment variables; what is set already wins."""
    wanted = dict(_ENVIRONMENT)
    if not has_nvidia_gpu():
        wanted |= _CPU_ENVIRONMENT
        if "kv_cache_memory_bytes" in settings.engine_args:
            del wanted["VLLM_CPU_KVCACHE_SPACE"]  # it would win over the argument
        if settings.cpu_threads is not None:
            wanted |= {"OMP_NUM_THREADS": str(settings.cpu_threads), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    if Path(settings.model).is_dir():
        wanted |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return wanted | dict(os.environ)


def engine_arguments(settings: VllmSettings) -> dict[str, Any]:
    """What vLLM's EngineArgs are made from: ours, then the settings' own; code from a checkpoint never runs."""
    own: dict[str, Any] = {
        "model": settings.model,
        "max_logprobs": max(20, settings.logprobs),
        "max_num_seqs": settings.max_in_flight,
        "seed": 0,
        "disable_log_stats": True,
        "trust_remote_code": False,
    }
    if not has_nvidia_gpu():
        # Seeded sampling on a CPU fails where a prompt is cut in two ("CPU Generator does not use offset").
        own |= {"enforce_eager": True, "enable_chunked_prefill": False}
    return own | settings.engine_args | {"trust_remote_code": False}


def _sampling(settings: VllmSettings) -> dict[str, Any]:
    sampling = settings.sampling
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "stop": list(sampling.stop),
        "max_tokens": settings.max_tokens,
        "logprobs": settings.logprobs,
    }
