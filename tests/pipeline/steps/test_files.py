"""`check-steps`: one result a line in the same order, and errors that name the line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.steps import check_steps_file
from tracewright.schemas.errors import InputError, MissingInputError

HARD_EFFORT = 300.0
"""For three traces of 4 MB with 2,010 steps; they take about 1 s on a quiet core."""
ROWS = [
    {"question": "(47+38)*3", "steps": ["47+38=86; = 86*3", "86*3=258", "#### 258"]},
    {"question": "Why?", "steps": []},
    {"question": "", "steps": ["2 + 2 = 4", "so it is 4 * 2 = 8"]},
]


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_results_follow_the_contract(tmp_path: Path) -> None:
    traces = write_lines(tmp_path / "traces.jsonl", [json.dumps(row) for row in ROWS])
    out = tmp_path / "results.jsonl"
    counts = check_steps_file(traces, out)
    results = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(results) == len(ROWS)
    assert [step["check"] for step in results[0]["steps"]] == ["fails", "holds", "holds"]
    assert results[0]["first_failed_step"] == 0
    assert results[0]["steps"][0]["depends_on"] == []
    assert results[0]["steps"][1]["depends_on"] == [0]
    assert results[1] == {"steps": [], "first_failed_step": None}
    assert results[2]["steps"][1] == {"check": "holds", "reason": "1 claim holds", "depends_on": [0]}
    assert (counts.traces, counts.steps, counts.fails, counts.failed_traces) == (3, 5, 1, 1)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not JSON"),
        ("[1]", "a JSON list"),
        ('{"steps": []}', '"question" is missing'),
        ('{"question": "q"}', '"steps" is missing'),
        ('{"question": "q", "steps": "one"}', '"steps" is of type str'),
        ('{"question": "q", "steps": ["a", 3]}', "step 1 is of type int"),
        ("\xff", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_malformed_line_is_named_and_nothing_is_written(tmp_path: Path, line: str, complaint: str) -> None:
    traces = tmp_path / "traces.jsonl"
    traces.write_bytes(json.dumps(ROWS[0]).encode() + b"\n" + line.encode("latin-1") + b"\n")
    out = tmp_path / "results.jsonl"
    with pytest.raises(InputError, match="line 2") as caught:
        check_steps_file(traces, out)
    assert complaint in str(caught.value)
    assert list(tmp_path.iterdir()) == [traces]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no file"):
        check_steps_file(tmp_path / "nowhere.jsonl", tmp_path / "results.jsonl")


def test_graphs_are_written_one_file_a_trace(tmp_path: Path) -> None:
    traces = write_lines(tmp_path / "traces.jsonl", [json.dumps(row) for row in ROWS])
    check_steps_file(traces, tmp_path / "results.jsonl", tmp_path / "graphs")
    names = sorted(path.name for path in (tmp_path / "graphs").iterdir())
    assert names == [f"trace-{index:06d}.graphml" for index in range(len(ROWS))]
    assert "<edge" in (tmp_path / "graphs" / names[0]).read_text(encoding="utf-8")


def test_hard_rows_pass_in_order_and_in_bounded_time(
    tmp_path: Path, effort: Callable[[Callable[[], object]], float]
) -> None:
    rows = [
        {"question": "", "steps": ["", " ", "\n", "\u2028", "𝟛 + ４ = 7", "٣ + ٤ = ٧", "\ud83d\ude00 2 + 2 = 5"]},
        {
            "question": "x" * 2_000_000,
            "steps": ["1 + 1 = 2\n" * 200_000, "9^9^9^9 = 1", "(" * 10_000 + "1" + ")" * 10_000],
        },
        {"question": "2+2", "steps": ["2+2=4"] * 2_000, "more": {"ignored": True}},
    ]
    lines = [json.dumps(row) for row in rows]
    traces = write_lines(tmp_path / "traces.jsonl", [lines[0], "", lines[1], lines[2].replace("more", "\\ud800")])
    counted: list[Any] = []
    assert effort(lambda: counted.append(check_steps_file(traces, tmp_path / "results.jsonl"))) < HARD_EFFORT
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [len(result["steps"]) for result in results] == [len(row["steps"]) for row in rows]
    assert results[0]["first_failed_step"] == 6
    assert [step["check"] for step in results[1]["steps"]] == ["unchecked"] * 3
    assert counted[0].traces == 3
