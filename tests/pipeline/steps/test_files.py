"""`check-steps`: one result a line in the same order, and errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracewright.pipeline.steps import check_steps_file
from tracewright.schemas.errors import InputError, MissingInputError

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
