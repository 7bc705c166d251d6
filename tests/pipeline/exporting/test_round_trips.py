"""What goes out in another's format comes back as it was, and what the format can't hold is listed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.importing import import_traces
from tracewright.pipeline.release import create_release, open_release
from tracewright.pipeline.sources import read_traces
from tracewright.pipeline.store import Store, publish_reviews
from tracewright.schemas import PublishedReview, Trace

MakeTrace = Callable[..., Trace]
BY_ROW = ("messages", "prompt-completion", "jsonl")


def bring_in(folder: Path, rows: list[dict[str, Any]], format: str, **origin: str) -> Store:
    """A new store with what a file of these rows holds."""
    path = folder / f"{format}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return bring_in_file(folder / "store", path, format, **origin)


def bring_in_file(folder: Path, path: Path, format: str, **origin: str) -> Store:
    store = Store.open(folder, create=True)
    with store.writer() as writer:
        counts = import_traces(read_traces(path, format, **origin), writer, lambda _: None)
    assert not counts.rejected
    return store


def facts(store: Store) -> dict[str, Any]:
    """By trace id, what a format may carry."""
    return {
        trace.trace_id: (
            trace.problem.model_dump(exclude={"revision"}),
            trace.teacher,
            trace.sample,
            trace.text,
            trace.reasoning,
            [step.text for step in trace.steps],
            trace.verdict.outcome,
        )
        for trace in store.iter_traces()
    }


CHAT = [
    {
        "messages": [
            {"role": "user", "content": "What is 2+2?"},
            {"role": "assistant", "content": "<think>\n2+2=4\n</think>\n\nThe answer is \\boxed{4}."},
        ],
        "id": "p1",
        "answer": "4",
        "model": "m",
        "revision": "r1",
        "sample": 3,
        "domain": "sums",
        "license": "MIT",
        "source": "somewhere",
    },
    {
        "messages": [
            {"role": "user", "content": "Äpfel? 𝔁"},
            {"role": "assistant", "content": 'Line "one", done.\nLine two.'},
        ]
    },
]


@pytest.mark.parametrize("format", BY_ROW)
def test_chat_rows_come_back_whatever_way_they_went(tmp_path: Path, format: str) -> None:
    store = bring_in(tmp_path, CHAT, "messages", source="s")
    exported = store.export(tmp_path / "out.jsonl", format)
    again = bring_in_file(tmp_path / "again", tmp_path / "out.jsonl", format)
    assert facts(again) == facts(store)
    assert exported.traces == 2
    assert exported.left_out == (
        {}
        if format == "jsonl"
        else {"where the steps begin and end": 2, "what was found out: verdict, checks, confidence": 2}
    )


OPENR1 = [
    {
        "problem": "What is 2+2?",
        "answer": "4",
        "uuid": "u1",
        "problem_type": "Algebra",
        "question_type": "math-word-problem",
        "source": "olympiads",
        "generations": ["<think>two and two</think> \\boxed{4}", "<think>hm</think> \\boxed{5}"],
        "correctness_math_verify": [True, False],
        "is_reasoning_complete": [True, True],
        "finish_reasons": ["stop", "stop"],
    },
    {"problem": "What is 3+3?", "answer": "6", "uuid": "u2", "generations": ["\\boxed{6}"]},
]


def test_openr1_rows_come_back_whole(tmp_path: Path) -> None:
    store = bring_in(tmp_path, OPENR1, "openr1", source="open-r1")
    exported = store.export(tmp_path / "out.jsonl", "openr1")
    rows = {row["uuid"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    for given in OPENR1:
        assert given.items() <= rows[given["uuid"]].items()
    assert rows["u1"]["outcomes"] == ["correct", "incorrect"]
    again = bring_in_file(tmp_path / "again", tmp_path / "out.jsonl", "openr1", source="open-r1")
    assert facts(again) == facts(store)
    assert "the source" in exported.left_out
    assert "the sample's number" not in exported.left_out
    assert "the importer's notes" not in exported.left_out


def test_samples_that_a_row_would_number_anew_are_listed(tmp_path: Path, make_trace: MakeTrace) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace(sample=0))
        writer.add_trace(make_trace(sample=7))
    exported = store.export(tmp_path / "out.jsonl", "openr1")
    assert exported.left_out["the sample's number"] == 1
    assert exported.left_out["the teacher's sampling, precision, tokenizer and template"] == 2


def rated(*ratings: int | None, whole: list[str], generation: int = 9) -> dict[str, Any]:
    steps = [
        {
            "completions": [{"text": whole[i], "rating": r, "flagged": None}],
            "human_completion": None,
            "chosen_completion": 0,
        }
        for i, r in enumerate(ratings)
    ]
    question = {"problem": "What is 1+1?", "ground_truth_answer": "2", "pre_generated_steps": whole}
    return {"generation": generation, "question": question, "label": {"steps": steps, "finish_reason": "found_error"}}


PRM800K = [
    rated(0, 1, -1, whole=["One and one.", "Is it two?", "No: it is 3.", "# Answer\n\n3"]),
    rated(1, None, 1, whole=["First.", "Second.\n", "The answer is 2."], generation=8),
]


def test_step_ratings_become_labels_and_come_back(tmp_path: Path) -> None:
    store = bring_in(tmp_path, PRM800K, "prm800k", source="prm800k")
    create_release(store, tmp_path / "release", name="rated", pictures=False)
    released = open_release(tmp_path / "release")
    labels = sorted(
        [step["label"] for step in row["steps"]]
        for split in released.splits
        for row in released.iter_rows(split)
        if len(row["steps"]) == 4
    )
    assert labels == [[0, 1, -1, None]]
    exported = store.export(tmp_path / "out.jsonl", "prm800k")
    rows = {row["generation"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    for given in PRM800K:
        came_back = rows[given["generation"]]
        assert came_back["label"] == given["label"]
        assert given["question"].items() <= came_back["question"].items()
    again = bring_in_file(tmp_path / "again", tmp_path / "out.jsonl", "prm800k", source="prm800k")
    assert facts(again) == facts(store)
    assert "people's ratings of the steps" not in exported.left_out
    assert "where the steps begin and end" not in exported.left_out


def test_a_reviewers_label_comes_before_the_sources(tmp_path: Path) -> None:
    store = bring_in(tmp_path, PRM800K[:1], "prm800k", source="prm800k")
    (trace,) = store.iter_traces()
    review = PublishedReview(
        review_id="r", trace_id=trace.trace_id, reviewer="ann", step=0, label=-1, created_at=trace.created_at, number=1
    )
    publish_reviews(store, [review], watermark=1)
    store.export(tmp_path / "out.jsonl", "prm800k")
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert [step["completions"][0]["rating"] for step in row["label"]["steps"]] == [-1, 1, -1]


def test_labels_of_own_rows_come_back(tmp_path: Path) -> None:
    store = bring_in(tmp_path, PRM800K, "prm800k", source="prm800k")
    store.export(tmp_path / "out.jsonl", "jsonl")
    again = bring_in_file(tmp_path / "again", tmp_path / "out.jsonl", "jsonl")
    assert facts(again) == facts(store)
    first, second = (
        {trace.trace_id: trace.metadata["step_ratings"] for trace in one.iter_traces()} for one in (store, again)
    )
    assert first == second


def test_what_steps_share_a_line_is_listed_for_prm800k(tmp_path: Path, make_trace: MakeTrace) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace(lines=["First. ", "Second.\n", "#### 2"]))
    exported = store.export(tmp_path / "out.jsonl", "prm800k")
    assert exported.left_out["borders of steps within a line"] == 1
    assert exported.left_out["the domain"] == 1
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert row["question"]["pre_generated_steps"] == ["First. Second.", "#### 2"]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "  =1+1", "＝1"])
def test_no_cell_of_a_table_is_a_formula(tmp_path: Path, make_trace: MakeTrace, text: str) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace(f"{text}?", [text], gold=text, source=text, domain=text, model=text, license=text))
    store.export(tmp_path / "out.csv", "csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["text"] == f"'{text}"
    assert not [cell for cell in row.values() if cell.lstrip()[:1] in tuple("=+-@＝") and not cell.startswith("'")]
