"""What several rooms' tests share: the embedded teacher on a real vLLM engine, started once."""

from collections.abc import Iterator

import pytest

from tracewright.pipeline.config import TeacherConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.teachers import RunningTeacher


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTeacher]:
    config = TeacherConfig(engine="embedded", max_tokens=embedded.MAX_TOKENS, logprobs=embedded.LOGPROBS)
    with RunningTeacher(config, tmp_path_factory.mktemp("engine") / "engine.log") as running:
        yield running
