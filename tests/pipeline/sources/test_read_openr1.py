"""Rows of OpenR1-Math-220k."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.sources import ImportedTrace, read_traces
from tracewright.schemas import FinishReason, Rejection, Span

ROW: dict[str, Any] = {
    "problem": "What is $1+1$?",
    "solution": "It is $2$.",
    "answer": "2",
    "problem_type": "Algebra",
    "question_type": "math-word-problem",
    "source": "olympiads",
    "uuid": "u-1",
    "is_reasoning_complete": [True, False],
    "generations": ["<think>\n1+1\n</think>\n\n$\\boxed{2}$", "<think>\nhm"],
    "correctness_math_verify": [True, False],
    "correctness_llama": None,
    "finish_reasons": None,
    "correctness_count": 1,
    "messages": [{"role": "user", "content": "What is $1+1$?"}],
}


def read(folder: Path, **changes: Any) -> list[ImportedTrace | Rejection]:
    path = folder / "rows.jsonl"
    path.write_text(json.dumps({**ROW, **changes}))
    return list(read_traces(path, "openr1"))


def test_each_generation_is_a_trace_with_its_labels(tmp_path: Path) -> None:
    first, second = read(tmp_path)
    assert (first.problem.id, first.problem.question, first.problem.answer) == ("u-1", "What is $1+1$?", "2")
    assert (first.problem.domain, first.model) == ("Algebra", "deepseek-ai/DeepSeek-R1")
    assert (first.sample, second.sample) == (0, 1)
    assert first.metadata == {
        "problem_type": "Algebra",
        "question_type": "math-word-problem",
        "source": "olympiads",
        "correctness_math_verify": "true",
        "is_reasoning_complete": "true",
    }
    assert second.metadata["correctness_math_verify"] == "false"


def test_thinking_is_marked_and_a_text_cut_in_it_is_not_finished(tmp_path: Path) -> None:
    first, second = read(tmp_path)
    assert first.reasoning == Span(start=0, end=len("<think>\n1+1\n</think>"))
    assert first.finish_reason is FinishReason.STOP
    assert second.reasoning == Span(start=0, end=len("<think>\nhm"))
    assert second.finish_reason is FinishReason.LENGTH


def test_the_engines_finish_reasons_count_where_they_are_given(tmp_path: Path) -> None:
    first, second = read(tmp_path, finish_reasons=["length", "stop"])
    assert (first.finish_reason, second.finish_reason) == (FinishReason.LENGTH, FinishReason.STOP)


def test_incomplete_reasoning_is_not_finished_whatever_the_text_looks_like(tmp_path: Path) -> None:
    first, _ = read(tmp_path, is_reasoning_complete=[False, False])
    assert first.finish_reason is FinishReason.LENGTH


def test_labels_that_do_not_match_the_generations_are_refused(tmp_path: Path) -> None:
    (rejection,) = read(tmp_path, correctness_math_verify=[True])
    assert rejection.reason == "`correctness_math_verify` has 1 entries, expected one for each of 2 generations"


def test_empty_label_lists_say_nothing(tmp_path: Path) -> None:
    first, _ = read(tmp_path, correctness_math_verify=[], is_reasoning_complete=[])
    assert "correctness_math_verify" not in first.metadata


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generations": []}, "no `generations`"),
        ({"generations": "one"}, "`generations` is the text 'one', expected a list"),
        ({"problem": None}, "no `problem`; the row has"),
        ({"generations": ["a", None]}, "generations[1]: `text` is null, expected text"),
        ({"generations": ["a", " "]}, "generations[1]: the generation is blank"),
        ({"finish_reasons": ["stop", "bored"]}, "generations[1]: the finish reason is the text 'bored', expected one"),
        ({"correctness_llama": [True, "yes"]}, "generations[1]: `correctness_llama` is the text 'yes', expected true"),
    ],
)
def test_a_bad_value_is_a_rejection_of_what_it_belongs_to(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    rows = read(tmp_path, **changes)
    (rejection,) = [row for row in rows if isinstance(row, Rejection)]
    assert rejection.reason.startswith(reason)
    assert len(rows) == (2 if reason.startswith("generations[") else 1)


def test_the_published_layout_is_read_from_parquet_as_from_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([ROW]), path)
    assert list(read_traces(path, "openr1")) == read(tmp_path)
