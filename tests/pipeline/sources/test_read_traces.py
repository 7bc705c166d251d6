"""Existing traces: what holds for every format."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.sources import TRACE_FORMATS, ImportedTrace, read_traces
from tracewright.schemas import InputError, MissingInputError, Rejection

GSM8K = Path("../shared/data/gsm8k")
needs_gsm8k = pytest.mark.skipif(not GSM8K.is_dir(), reason=f"the published GSM8K files are not at {GSM8K}")


def write_rows(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_the_formats_are_those_of_the_contract() -> None:
    names = {"jsonl", "gsm8k", "gsm8k-solutions", "openr1", "messages", "prm800k", "prompt-completion"}
    assert set(TRACE_FORMATS) == names


@pytest.mark.parametrize(("given", "said"), [("openr-1", "did you mean openr1?"), ("csv", "known: jsonl, gsm8k")])
def test_an_unknown_format_is_answered_with_the_nearest_before_the_file_is_looked_for(given: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_traces(Path("absent.jsonl"), given)
    assert said in str(caught.value)


def test_a_missing_file_and_an_empty_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="there is no file"):
        read_traces(tmp_path / "absent.jsonl", "jsonl")
    with pytest.raises(InputError, match="is empty"):
        list(read_traces(write_rows(tmp_path / "t.jsonl", ""), "jsonl"))


def test_source_and_licence_come_from_the_caller_then_the_row_then_the_file(tmp_path: Path) -> None:
    said = {"prompt": "q", "completion": "c", "source": "row", "license": "CC0-1.0"}
    path = write_rows(tmp_path / "chats.jsonl", said, {"prompt": "p", "completion": "c"})
    row, file = (trace.problem for trace in read_traces(path, "prompt-completion"))
    assert (row.source, row.license, file.source, file.license) == ("row", "CC0-1.0", "chats", None)
    for trace in read_traces(path, "prompt-completion", source="caller", license="MIT"):
        assert (trace.problem.source, trace.problem.license) == ("caller", "MIT")


def test_a_malformed_row_is_a_rejection_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = {"question": "q", "answer": "#### 1"}
    path = write_rows(tmp_path / "t.jsonl", good, "{", {"question": "r"}, {**good, "question": "s"})
    kinds = [type(row).__name__ for row in read_traces(path, "gsm8k")]
    assert kinds == ["ImportedTrace", "Rejection", "Rejection", "ImportedTrace"]


def test_a_completion_that_comes_twice_is_read_once_and_said(tmp_path: Path) -> None:
    row = {"question": "q", "answer": "so\n#### 1"}
    first, second = read_traces(write_rows(tmp_path / "t.jsonl", row, row), "gsm8k")
    assert isinstance(first, ImportedTrace)
    assert isinstance(second, Rejection)
    assert second.reason == "human, sample 0: repeats line 1: the same completion, which is read once"


def test_two_completions_with_one_number_are_both_kept_in_any_order(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": f"{way}\n#### 1"} for way in ("one way", "another", "a third")]
    forward = list(read_traces(write_rows(tmp_path / "t.jsonl", *rows), "gsm8k"))
    assert [trace.text for trace in forward] == [row["answer"] for row in rows]
    assert len({trace.sample for trace in forward}) == 3
    assert forward[0].sample == 0
    swapped = read_traces(write_rows(tmp_path / "u.jsonl", rows[0], rows[2], rows[1]), "gsm8k")
    assert {trace.text: trace.sample for trace in swapped} == {trace.text: trace.sample for trace in forward}


def test_parquet_is_read_by_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"question": ["q", "r"], "answer": ["#### 1", None]}), path)
    trace, rejection = read_traces(path, "gsm8k")
    assert (trace.problem.answer, trace.text) == ("1", "#### 1")
    assert rejection.subject == f"{path}:2"


def test_model_solutions_give_a_trace_for_each_model_with_its_label(tmp_path: Path) -> None:
    row = {
        "question": "q",
        "ground_truth": "It is 1,200\nA: 1,200",
        "small": {"is_correct": True, "solution": "A: 1200"},
        "large": {"is_correct": False, "solution": "Hm\nA: 2"},
    }
    small, large = read_traces(write_rows(tmp_path / "t.jsonl", row), "gsm8k-solutions")
    assert (small.model, small.text, small.metadata) == ("small", "A: 1200", {"is_correct": "true"})
    assert (large.model, large.text, large.metadata) == ("large", "Hm\nA: 2", {"is_correct": "false"})
    assert small.problem == large.problem
    assert (small.problem.answer, small.prompt, small.sample) == ("1200", "q", 0)


def test_one_malformed_solution_costs_no_other_of_its_row(tmp_path: Path) -> None:
    row = {
        "question": "q",
        "ground_truth": "A: 1",
        "a": {"is_correct": "yes", "solution": "A: 1"},
        "b": {"is_correct": True, "solution": "A: 1"},
        "c": "A: 1",
        "d": {"is_correct": True, "solution": " "},
    }
    rows = list(read_traces(write_rows(tmp_path / "t.jsonl", row), "gsm8k-solutions"))
    assert [row.model for row in rows if isinstance(row, ImportedTrace)] == ["b"]
    assert [row.reason for row in rows if isinstance(row, Rejection)] == [
        "a: `is_correct` is the text 'yes', expected true or false",
        "c: `c` is the text 'A: 1', expected an object",
        "d: `solution` is blank",
    ]
    assert len({row.rejection_id for row in rows if isinstance(row, Rejection)}) == 3


@needs_gsm8k
def test_every_published_model_solution_is_read_with_its_label() -> None:
    traces = list(read_traces(GSM8K / "example_model_solutions.jsonl", "gsm8k-solutions"))
    assert all(isinstance(trace, ImportedTrace) for trace in traces)
    assert Counter(trace.model for trace in traces) == dict.fromkeys(
        ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"], 1_319
    )
    assert Counter(trace.metadata["is_correct"] for trace in traces) == {"true": 2_001, "false": 3_275}


@needs_gsm8k
def test_every_published_human_solution_is_read_and_its_gold_is_a_number() -> None:
    traces = list(read_traces(GSM8K / "train.jsonl", "gsm8k"))
    assert len(traces) == 7_473
    for trace in traces:
        assert isinstance(trace, ImportedTrace)
        assert trace.problem.answer is not None
        assert float(trace.problem.answer) == float(trace.text.rpartition("####")[2].replace(",", ""))
