"""A model in a process of its own: it answers as in this one, and ends as it should."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import psutil
import pytest

from tracewright.distill.export.process_engine import ProcessEngine
from tracewright.distill.export.runtimes import Runtime, start_engine, start_local
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.base import Request
from tracewright.schemas import EngineError, MissingInputError

TEACHER = Path(embedded.__file__).parent


ASKED = [Request("a", "12+7*3", 0, greedy=True), Request("b", "1+2", 5)]


def test_what_can_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="holds no config"):
        ProcessEngine(partial(start_engine, tmp_path, Runtime.VLLM, None, tmp_path / "log"))


def test_it_answers_as_in_this_process_and_is_gone_when_closed(tmp_path: Path) -> None:
    engine = start_engine(TEACHER, Runtime.TRANSFORMERS, 80, tmp_path / "log")
    assert isinstance(engine, ProcessEngine) and engine.pid != os.getpid()
    here, there = start_local(TEACHER, 80), engine.stream([*ASKED, None, ASKED[0]])
    texts = [[getattr(one, "text", None) for one in results] for results in (here.stream(ASKED), there)]
    assert texts[0] == texts[1] and all(texts[0]) and engine.name == here.name
    engine.close()
    assert not psutil.pid_exists(engine.pid)


def test_a_process_that_died_is_an_engine_that_died() -> None:
    engine = ProcessEngine(partial(start_local, TEACHER, 80))
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"died \(exit status -9\)"):
        list(engine.stream(ASKED))
    engine.close()
