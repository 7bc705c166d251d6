"""The commands that look after a store and its releases: what they do, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tracewright.flows.cli import app
from tracewright.pipeline.release import create_release, open_release
from tracewright.pipeline.store import ShardLimits, Store
from tracewright.schemas import (
    InputError,
    Problem,
    ReleaseYankedError,
    Sampling,
    Span,
    Step,
    StepCheck,
    TeacherRef,
    Trace,
    Verdict,
)

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TEACHER = TeacherRef(
    model="m", revision="1", dtype="float32", tokenizer_hash="t", template_hash="p", sampling=Sampling()
)


def make_trace(number: int) -> Trace:
    text = f"{number}+1={number + 1}"
    return Trace(
        trace_id=f"t{number}",
        problem=Problem(
            id=str(number), question=f"{number}+1", answer=str(number + 1), source="sums", level=number % 2
        ),
        teacher=TEACHER,
        sample=0,
        prompt=f"{number}+1",
        text=text,
        token_count=len(text),
        steps=(Step(text=text, span=Span(start=0, end=len(text)), check=StepCheck(outcome="holds", reason="1=1")),),
        verdict=Verdict(outcome="correct", method="exact", reason="equal"),
        verifier_version="1",
        checker_version="1",
        engine="e",
        created_at=MOMENT,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """24 traces in 8 shards."""
    made = Store.open(tmp_path / "store", create=True)
    with made.writer(limits=ShardLimits(rows=3)) as writer:
        for number in range(24):
            writer.add_trace(make_trace(number))
    return made


def run(*arguments: object) -> str:
    """What the command says on either stream."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_compact_and_vacuum_say_what_they_did(store: Store) -> None:
    assert "traces: 8 shards became 1" in run("store", "compact", store.path)
    assert "traces: 0 files deleted" in run("store", "vacuum", store.path)
    assert "traces: 8 files deleted" in run("store", "vacuum", store.path, "--keep-hours", 0)
    assert run("store", "history", store.path).count("vacuumed") == 8
    assert len(store.trace_ids()) == 24


def test_remove_takes_the_traces_down_and_withdraws_releases(store: Store, tmp_path: Path) -> None:
    create_release(store, tmp_path / "out", name="sums")
    said = run("store", "remove", store.path, "--where", "level == 1", "--reason", "a wish")
    assert "12 traces taken down" in said
    assert "withdrawn: sums@1" in said
    assert store.frame()["level"].unique().to_list() == [0]
    with pytest.raises(ReleaseYankedError):
        open_release(tmp_path / "out")
    assert "withdrawn 20" in run("release", "show", tmp_path / "out", "--facts")
    assert "12 traces: a wish" in run("store", "history", store.path)
    assert run("store", "remove", store.path, "--finish") == ""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "either --finish alone, or"),
        (["--where", "level == 1"], "needs both"),
        (["--finish", "--reason", "a wish"], "either --finish alone"),
        (["--where", "levle == 1", "--reason", "a wish"], r"did you mean `level` \(integer\)"),
        (["--where", "level == 9", "--reason", "a wish"], "nothing was taken down"),
    ],
)
def test_remove_asks_for_a_filter_and_a_reason(store: Store, given: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        run("store", "remove", store.path, *given)
    assert len(store.trace_ids()) == 24


def test_diff_names_rows_and_columns(store: Store, tmp_path: Path) -> None:
    create_release(store, tmp_path / "a", name="sums", where="level == 0")
    create_release(store, tmp_path / "b", name="sums", where="tokens > 5", test_share=1.0)
    said = run("release", "diff", tmp_path / "a", tmp_path / "b", "--ids")
    assert "added 8, removed 5, changed 7" in said
    assert "split changed in" in said
    assert "+ t11" in said
    assert "- t0" in said
