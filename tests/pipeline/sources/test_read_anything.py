"""Any bytes at all as a file: only problems, traces and rejections come out, and every row is accounted for once."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.config import ProblemsConfig
from tracewright.pipeline.sources import TRACE_FORMATS, ImportedTrace, read_problems, read_traces
from tracewright.schemas import InputError, Problem, Rejection

NAMES = [
    "id", "prompt", "question", "answer", "kind", "choices", "tests", "images", "level", "domain", "source", "license",
    "text", "sample", "steps", "problem", "teacher", "metadata", "finish_reason", "generations", "finish_reasons",
    "correctness_llama", "messages", "conversations", "completion", "role", "content", "type", "label", "completions",
    "rating", "chosen_completion", "human_completion", "pre_generated_steps", "ground_truth", "6b", "is_correct",
    "solution", "uuid", "verdict", "media_type", "data", "program", "revision", "model", "gold", "generation",
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["assistant", "user", "#### 1", "A: 2", "<think>", "stop", "x"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
ROWS = st.dictionaries(st.sampled_from(NAMES) | st.text(st.characters(), max_size=3), VALUES, max_size=7)
LINES = st.one_of(
    st.binary(max_size=60),
    ROWS.map(lambda row: json.dumps(row).encode()),
    ROWS.map(lambda row: json.dumps({"prompt": "p", "question": "q", "text": "t", **row}).encode()),
    st.sampled_from([b"", b" ", b"\r", b'{"prompt": "a"}', b'{"prompt": "a", "id": 1}', b"\xef\xbb\xbf", b"{}", b"\0"]),
)
CONTENTS = st.one_of(st.binary(max_size=200), st.lists(LINES, max_size=12).map(b"\n".join))


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.jsonl"
        path.write_bytes(content)
        yield path


def lines_with_something(content: bytes) -> list[int]:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [number for number, line in enumerate(lines, start=1) if line.strip()]


@settings(max_examples=150, deadline=None)
@given(CONTENTS)
def test_every_line_that_is_not_blank_is_one_problem_or_one_rejection(content: bytes) -> None:
    expected = lines_with_something(content)
    with file_of(content) as path:
        if not expected:
            with pytest.raises(InputError, match="is empty"):
                list(read_problems(ProblemsConfig(path=path)))
            return
        rows = list(read_problems(ProblemsConfig(path=path)))
    assert all(isinstance(row, (Problem, Rejection)) for row in rows)
    assert len(rows) == len(expected)
    # The rows come in the file's order, so a rejection stands where its line does.
    for row, line in zip(rows, expected, strict=True):
        assert isinstance(row, Problem) or row.subject == f"{path}:{line}"


@settings(max_examples=150, deadline=None)
@given(CONTENTS, st.sampled_from(sorted(TRACE_FORMATS)))
def test_any_file_in_any_format_gives_traces_and_rejections_and_loses_no_line(content: bytes, format_: str) -> None:
    expected = lines_with_something(content)
    with file_of(content) as path:
        if not expected:
            with pytest.raises(InputError, match="is empty"):
                list(read_traces(path, format_))
            return
        rows = list(read_traces(path, format_))
    assert all(isinstance(row, (ImportedTrace, Rejection)) for row in rows)
    assert len(rows) >= len(expected)
    rejected = {int(row.subject.rpartition(":")[2]) for row in rows if isinstance(row, Rejection)}
    assert rejected <= set(expected)
    # Rejections are stored under their ids: two of one file must never share one.
    ids = [row.rejection_id for row in rows if isinstance(row, Rejection)]
    assert len(set(ids)) == len(ids)
