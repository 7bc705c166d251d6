"""An engine that dies or hangs is replaced, and every request gets its result. Real engines, really killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracewright.pipeline.engines.base import Completion, Failure, Request
from tracewright.pipeline.engines.embedded import checkpoint_path
from tracewright.pipeline.engines.steady_engine import SteadyEngine
from tracewright.pipeline.engines.vllm_engine import VllmEngine, VllmSettings
from tracewright.schemas import EngineError, Sampling

REPLACED_WITHIN_SECONDS = 60
SETTINGS = VllmSettings(
    model=str(checkpoint_path()),
    sampling=Sampling(),
    max_tokens=200,
    max_in_flight=16,
    cpu_threads=1,
    stall_seconds=5,
    engine_args={"dtype": "float32", "max_model_len": 512},
)


def hurt(signal_number: int, tmp_path: Path) -> float:
    """Ask 40 questions and hurt the engine after the tenth answer; the longest time between two answers."""
    requests = [Request(str(n), f"{n}+{n}*3", n) for n in range(10, 50)]
    results: dict[str, Completion | Failure] = {}
    longest, last = 0.0, time.monotonic()
    with SteadyEngine(lambda: VllmEngine(SETTINGS, tmp_path / "engine.log")) as engine:
        first = engine.pid
        for result in engine.stream(requests):
            assert result.key not in results
            results[result.key] = result
            longest, last = max(longest, time.monotonic() - last if len(results) > 1 else 0.0), time.monotonic()
            if len(results) == 10:
                os.kill(first, signal_number)
        assert engine.replaced == 1 and engine.pid != first
    assert len(results) == 40 and all(isinstance(result, Completion) for result in results.values())
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    return longest


@pytest.mark.slow
def test_a_killed_engine_is_replaced_and_no_row_is_lost(tmp_path: Path) -> None:
    assert hurt(signal.SIGKILL, tmp_path) < REPLACED_WITHIN_SECONDS


@pytest.mark.slow
def test_a_hanging_engine_is_replaced_and_no_row_is_lost(tmp_path: Path) -> None:
    assert hurt(signal.SIGSTOP, tmp_path) < REPLACED_WITHIN_SECONDS


class Mortal:
    """Stands for an engine that dies of a certain request, as no real one can be made to."""

    def __init__(self, poison: str) -> None:
        self.poison, self.name, self.dtype, self.pid, self.is_alive = poison, "mortal 1", "none", 0, True

    def stream(self, requests: Iterator[Request | None]) -> Iterator[Completion | Failure]:
        drawn = [request for request in requests if request is not None]
        if any(request.question.startswith(self.poison) for request in drawn):
            raise EngineError("killed by signal 11")
        yield from (Failure(request.key, "asked") for request in drawn)

    def kill(self) -> None:
        """Nothing runs."""


def steady(poison: str) -> SteadyEngine:
    start: Callable[[], VllmEngine] = lambda: Mortal(poison)  # type: ignore[assignment,return-value]  # noqa: E731
    return SteadyEngine(start)


def test_a_request_that_kills_engines_fails_alone() -> None:
    results = steady("bad").stream([Request(q, q, 0) for q in ("a", "b", "bad", "c")])
    reasons = {result.key: result.reason for result in results if isinstance(result, Failure)}
    assert set(reasons) == {"a", "b", "bad", "c"}
    assert "died while it worked on this request alone: killed by signal 11" in reasons["bad"]
    assert {reasons[key] for key in "abc"} == {"asked"}


def test_an_engine_that_dies_of_everything_ends_the_run() -> None:
    with pytest.raises(EngineError, match="signal 11"):
        list(steady("").stream([Request(q, q, 0) for q in "abcdef"]))
