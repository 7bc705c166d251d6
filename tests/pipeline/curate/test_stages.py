"""Each stage turns away what it says, keeps the rest, and leaves a record of every row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from tracewright.pipeline.curate import (
    ExactDuplicates,
    LengthLimits,
    Matching,
    NoFailedStep,
    Outcomes,
    RowStage,
    Slice,
    Stage,
    StageConfig,
    curate,
    list_slices,
    read_slice,
    run_stages,
    write_slice,
)
from tracewright.pipeline.curate.stage import Judgement
from tracewright.pipeline.store import Store
from tracewright.schemas import InputError, MissingInputError, Rejection, StoreError, Trace

MakeTrace = Callable[..., Trace]
Curate = Callable[[Sequence[Trace], Sequence[Stage]], tuple[set[str], tuple[Rejection, ...]]]


@pytest.fixture
def keep(tmp_path: Path) -> Curate:
    """Store the traces, run the stages, and give the ids that stay and the rejections."""

    def run(traces: Sequence[Trace], stages: Sequence[Stage]) -> tuple[set[str], tuple[Rejection, ...]]:
        store = Store.open(tmp_path / "store", create=True)
        with store.writer() as writer:
            for trace in traces:
                writer.add_trace(trace)
        curated = curate(store, stages, name="kept")
        return set(curated.slice.trace_ids or ()), curated.rejections

    return run


def ids(traces: Sequence[Trace]) -> set[str]:
    return {trace.trace_id for trace in traces}


def test_outcomes_keeps_the_named_ones(keep: Curate, make_trace: MakeTrace) -> None:
    names = ("correct", "incorrect", "unverifiable", "error")
    traces = [make_trace(str(number), outcome=outcome) for number, outcome in enumerate(names)]
    kept, rejections = keep(traces, [Outcomes()])
    assert kept == ids(traces[:1])
    assert sorted(rejection.reason for rejection in rejections) == [
        *("outcome error", "outcome incorrect", "outcome unverifiable")
    ]


def test_a_failed_step_counts_unless_it_is_taken_back(keep: Curate, make_trace: MakeTrace) -> None:
    lines, checks = ["a\n", "b\n", "c"], ["holds", "fails", "holds"]
    good, bad = make_trace("1", lines), make_trace("2", lines, checks=checks)
    taken_back = make_trace("3", lines, checks=checks, corrected_by={1: 2})
    kept, rejections = keep([good, bad, taken_back], [NoFailedStep()])
    assert kept == ids([good, taken_back])
    assert [(rejection.subject, rejection.numbers) for rejection in rejections] == [
        (bad.trace_id, {"failed_steps": 1.0, "first_failed_step": 1.0})
    ]


DUPLICATES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("same text", {}, {}, True),
    ("other white space", {"lines": ["1 + 1\n", "= 2"]}, {"lines": [" 1  +\t1", "\n\n= 2 \n"]}, True),
    ("other white space in the question", {"question": "1 + 1 ?"}, {"question": " 1 +\n1  ?"}, True),
    ("another teacher", {"model": "small"}, {"model": "large"}, True),
    ("another source", {"source": "a"}, {"source": "b"}, True),
    ("another gold answer", {"gold": "2"}, {"gold": "2.0"}, True),
    ("another number", {"lines": ["1+1=2"]}, {"lines": ["1+1=3"]}, False),
    ("a digit more", {"lines": ["12"]}, {"lines": ["1 2"]}, False),
    ("another sign", {"lines": ["x = 2"]}, {"lines": ["x = -2"]}, False),
    ("another case", {"lines": ["so x"]}, {"lines": ["So x"]}, False),
    ("another number in the question", {"question": "1+1"}, {"question": "1+2"}, False),
    ("other options", {"choices": ["a", "b"]}, {"choices": ["b", "a"]}, False),
    (
        "another image",
        {"images": [{"media_type": "image/png", "data": b"1"}]},
        {"images": [{"media_type": "image/png", "data": b"2"}]},
        False,
    ),
]


@pytest.mark.parametrize(("first", "second", "same"), [case[1:] for case in DUPLICATES], ids=[c[0] for c in DUPLICATES])
def test_exact_duplicates(
    keep: Curate, make_trace: MakeTrace, first: dict[str, Any], second: dict[str, Any], same: bool
) -> None:
    traces = [make_trace(**{"question": "Q", **first}, sample=4), make_trace(**{"question": "Q", **second}, sample=2)]
    kept, rejections = keep(traces, [ExactDuplicates()])
    assert kept == (ids(traces[1:]) if same else ids(traces))
    assert len(rejections) == (1 if same else 0)


def test_which_duplicate_stays_does_not_depend_on_the_order(
    tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    kept: list[tuple[str, ...] | None] = []
    for name, traces in (("a", arithmetic_traces), ("b", arithmetic_traces[::-1])):
        store = Store.open(tmp_path / name, create=True)
        with store.writer() as writer:
            for trace in traces:
                writer.add_trace(trace)
        kept.append(curate(store, [ExactDuplicates()], name="kept").slice.trace_ids)
    assert kept[0] == kept[1]
    said = {(trace.problem.question, trace.text) for trace in arithmetic_traces}
    assert len(kept[0] or ()) == len(said) < len(arithmetic_traces)


@pytest.mark.parametrize(
    ("limits", "tokens", "steps", "reason"),
    [
        ({"min_tokens": 10}, 9, 1, "too few tokens"),
        ({"min_tokens": 10}, 10, 1, None),
        ({"max_tokens": 10}, 10, 1, None),
        ({"max_tokens": 10}, 11, 1, "too many tokens"),
        ({"min_steps": 2}, 5, 1, "too few steps"),
        ({"max_steps": 2}, 5, 3, "too many steps"),
        ({"min_tokens": 1, "max_tokens": 10, "min_steps": 1, "max_steps": 3}, 10, 3, None),
        ({"max_tokens": 3, "min_steps": 2}, 5, 1, "too many tokens"),
        ({}, 0, 1, None),
    ],
)
def test_length_limits_include_their_ends(
    keep: Curate, make_trace: MakeTrace, limits: dict[str, int], tokens: int, steps: int, reason: str | None
) -> None:
    _, rejections = keep([make_trace(lines=["x"] * steps, tokens=tokens)], [LengthLimits(**limits)])
    assert [rejection.reason for rejection in rejections] == ([reason] if reason else [])
    assert all(rejection.numbers == {"tokens": tokens, "step_count": steps} for rejection in rejections)


def test_limits_that_exclude_everything_are_refused() -> None:
    with pytest.raises(ValidationError, match="max_tokens is 5 and min_tokens 6"):
        LengthLimits(min_tokens=6, max_tokens=5)


def test_a_function_can_be_a_stage(keep: Curate, make_trace: MakeTrace) -> None:
    def judge(row: Mapping[str, Any]) -> Judgement:
        return True if row["chars"] < 5 else (False, "long")

    traces = [make_trace("1", ["1234"]), make_trace("2", ["12345"])]
    kept, (rejection,) = keep(traces, [RowStage("short", judge, numbers=("chars",))])
    assert kept == ids(traces[:1])
    assert (rejection.stage, rejection.reason, rejection.numbers) == ("curate.short", "long", {"chars": 5.0})


ALL: list[Stage] = [
    Matching(where="level <= 3"),
    Outcomes(),
    NoFailedStep(),
    ExactDuplicates(),
    LengthLimits(max_tokens=90),
]


def test_every_row_is_kept_or_recorded_once(link_store: Callable[[Path], Store], tmp_path: Path) -> None:
    store = link_store(tmp_path / "own")
    curated = curate(store, ALL, name="kept")
    everything = store.frame()["trace_id"].to_list()
    turned_away = [rejection.subject for rejection in curated.rejections]
    assert sorted([*turned_away, *(curated.slice.trace_ids or ())]) == sorted(everything)
    funnel = curated.slice.funnel
    assert funnel[0].rows_in == len(everything)
    assert [count.rows_in for count in funnel[1:]] == [count.rows_out for count in funnel[:-1]]
    by_stage = Counter(rejection.stage for rejection in curated.rejections)
    assert Counter({f"curate.{count.stage}": sum(count.reasons.values()) for count in funnel}) == by_stage
    assert all(count.rows_in - count.rows_out == sum(count.reasons.values()) for count in funnel)
    assert len(by_stage) == len(ALL) - 1
    assert len({rejection.rejection_id for rejection in curated.rejections}) == len(curated.rejections)


def test_curating_again_gives_the_same(link_store: Callable[[Path], Store], tmp_path: Path) -> None:
    store = link_store(tmp_path / "own")
    first = curate(store, ALL, name="kept", where='domain == "arithmetic"')
    text = (store.path / "slices/kept.json").read_bytes()
    assert curate(store, ALL, name="kept", where='domain == "arithmetic"') == first
    assert (store.path / "slices/kept.json").read_bytes() == text


def test_rejections_can_be_kept_in_the_store_and_come_once(
    tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        for trace in arithmetic_traces[:50]:
            writer.add_trace(trace)
    for _ in range(2):
        curated = curate(store, [Outcomes()], name="kept", at=store.version())
        with store.writer() as writer:
            for rejection in curated.rejections:
                writer.add_rejection(rejection)
    assert sorted(store.rejections(), key=subject) == sorted(curated.rejections, key=subject)


def subject(rejection: Rejection) -> str:
    return rejection.subject


def test_a_slice_is_read_as_it_was_written(link_store: Callable[[Path], Store], tmp_path: Path) -> None:
    store = link_store(tmp_path / "own")
    saved = curate(store, ALL, name="kept", where="tokens > 5 and level>=1").slice
    assert read_slice(store.path, "kept") == saved
    assert saved.where == "tokens > 5 and level >= 1"
    assert list_slices(store.path) == ["kept"]
    stages = TypeAdapter(list[StageConfig]).validate_python(saved.stages)
    assert list(stages) == ALL


def test_a_missing_slice_is_named_with_those_there_are(link_store: Callable[[Path], Store], tmp_path: Path) -> None:
    store = link_store(tmp_path / "own")
    curate(store, [], name="one")
    with pytest.raises(MissingInputError, match="no slice 'two', it has: one"):
        read_slice(store.path, "two")


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "x\n", ".hidden"])
def test_bad_slice_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can't name a slice"):
        read_slice(tmp_path, name)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"name": "x", "extra": 1})])
def test_a_file_that_is_no_slice_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "slices").mkdir()
    (tmp_path / "slices/x.json").write_text(content)
    with pytest.raises(StoreError, match=r"x\.json is not a slice"):
        read_slice(tmp_path, "x")


def test_a_filter_alone_is_a_slice_too(link_store: Callable[[Path], Store], tmp_path: Path) -> None:
    store = link_store(tmp_path / "own")
    saved = Slice(name="easy", where="level == 1", created_at=store.committed_at(store.version()))
    write_slice(store.path, saved)
    assert read_slice(store.path, "easy") == saved


def test_stages_run_on_any_frame_with_their_columns(arithmetic_store: Store) -> None:
    frame = pl.DataFrame({"trace_id": ["a", "b"], "outcome": ["correct", "error"]})
    run = run_stages(frame, [Outcomes()], at=arithmetic_store.committed_at(0))
    assert run.kept_ids == ("a",)


def test_an_empty_store_curates_to_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    curated = curate(store, ALL, name="kept")
    assert (curated.slice.trace_ids, curated.rejections) == ((), ())
