"""A release as the embedded teacher would have written it, and a quick student's config."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tracewright.distill.config import DistillConfig, StudentConfig, StudentShape, TrainingConfig
from tracewright.pipeline.engines import embedded
from tracewright.pipeline.engines.checkpoint import identify_checkpoint
from tracewright.pipeline.release import create_release
from tracewright.pipeline.sources.arithmetic import draw_expression, evaluate, format_expression, work_solution
from tracewright.pipeline.store import Store
from tracewright.schemas import Problem, Sampling, Step, TeacherRef, Trace, Verdict, make_trace_id

MakeRelease = Callable[..., Path]
MakeConfig = Callable[..., DistillConfig]


@pytest.fixture(scope="session")
def make_release() -> MakeRelease:
    """A function (folder, traces) → the release of a store with these traces."""
    return _make_release


@pytest.fixture(scope="session")
def make_trace() -> Callable[..., Trace]:
    """A function (question, text, level) → a trace of the embedded teacher, or of another one."""
    return _make_trace


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 worked problems of 1 to 3 operators. Not to be changed."""
    return _make_release(tmp_path_factory.mktemp("worked"), draw_traces(120))


@pytest.fixture
def damaged(release: Path, tmp_path: Path) -> Path:
    """The release with one byte flipped."""
    shutil.copytree(release, tmp_path / "damaged")
    file = tmp_path / "damaged" / "data" / "train-00000-of-00001.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return tmp_path / "damaged"


@pytest.fixture
def make_config(release: Path, tmp_path: Path) -> MakeConfig:
    """A function → a config whose student is trained in a second; its arguments replace what it says."""

    def make(training: dict[str, Any] | None = None, **fields: Any) -> DistillConfig:
        steps: dict[str, Any] = {"steps": 12, "batch_size": 8, "threads": 1, "checkpoint_every": 5}
        known: dict[str, Any] = {
            "release": release,
            "out": tmp_path / "students",
            "levels": (1, 2),
            "student": StudentConfig(shape=StudentShape(layers=2, hidden_size=32, intermediate_size=64)),
            "training": TrainingConfig.model_validate(steps | (training or {})),
        }
        return DistillConfig.model_validate(known | fields)

    return make


def draw_traces(count: int) -> list[Trace]:
    """Different problems, a third each of 1, 2 and 3 operators, worked without a mistake."""
    rng = random.Random(3)
    traces: dict[str, Trace] = {}
    while len(traces) < count:
        level = len(traces) % 3 + 1
        expression = draw_expression(rng, level)
        question = format_expression(expression)
        traces[question] = _make_trace(question, work_solution(expression), level, str(evaluate(expression)))
    return list(traces.values())


def _make_release(folder: Path, traces: list[Trace]) -> Path:
    store = Store.open(folder / "store", create=True)
    with store.writer() as writer:
        for trace in traces:
            writer.add_trace(trace)
    create_release(store, folder / "release", name="worked")
    return folder / "release"


def _make_trace(question: str, text: str, level: int = 1, answer: str = "0", **teacher: Any) -> Trace:
    problem = Problem.model_validate({"question": question, "answer": answer, "level": level, "source": "worked"})
    ref = _make_teacher(**teacher)
    step = {"text": text, "span": {"start": 0, "end": len(text)}, "check": {"outcome": "unchecked", "reason": "-"}}
    return Trace(
        trace_id=make_trace_id(problem, ref.fingerprint, 0),
        problem=problem,
        teacher=ref,
        sample=0,
        prompt=f"<|user|>{question}<|assistant|>",
        text=text,
        token_count=len(text),
        steps=(Step.model_validate(step),),
        answer=answer,
        verdict=Verdict.model_validate({"outcome": "correct", "method": "exact", "reason": "worked"}),
        verifier_version="1",
        checker_version="1",
        engine="worked",
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )


def _make_teacher(**fields: Any) -> TeacherRef:
    """`fields` are its own or those of its sampling."""
    identity = identify_checkpoint(str(embedded.checkpoint_path()), None)
    drawn = {name: fields.pop(name) for name in tuple(fields) if name in Sampling.model_fields}
    known = {"model": embedded.NAME, "dtype": "float32", **vars(identity), **fields}
    return TeacherRef.model_validate({**known, "sampling": Sampling(**drawn)})
