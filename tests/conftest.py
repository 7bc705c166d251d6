"""What several rooms' tests share: the embedded teacher on a real vLLM engine, started once."""

import time
from collections.abc import Callable, Iterator

import pytest

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.teachers import RunningTeacher


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTeacher]:
    config = TeacherConfig(engine="embedded", max_tokens=embedded.MAX_TOKENS, logprobs=embedded.LOGPROBS)
    with RunningTeacher(config, tmp_path_factory.mktemp("engine") / "engine.log") as running:
        yield running


@pytest.fixture
def effort() -> Callable[[Callable[[], object]], float]:
    """A function that says how much processor time a call takes, in that of a million additions (some 50 ms).

    A slow or busy machine changes both.
    """

    def measure(call: Callable[[], object]) -> float:
        before = _time_additions()
        began = time.process_time()
        call()
        taken = time.process_time() - began
        return taken / max(before, _time_additions())

    return measure


def _time_additions() -> float:
    began, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return time.process_time() - began
