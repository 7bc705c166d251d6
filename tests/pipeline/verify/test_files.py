"""`tracewright verify`: cases from a file to verdicts in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.verify import verify_file
from tracewright.schemas import MissingInputError, Verdict

CASES = Path(__file__).with_name("cases")
SHARED = Path("../shared/data/answers")
MAX_SECONDS = 3.0


def run(path: Path, lines: list[str], **options: Any) -> tuple[list[Verdict], dict[str, int]]:
    """The verdicts that a file of these lines gets, and the counts."""
    (path / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    counts = verify_file(path / "cases.jsonl", path / "results.jsonl", **options)
    results = (path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [Verdict.model_validate_json(line) for line in results], counts


def test_each_line_gets_its_verdict_in_its_place(tmp_path: Path) -> None:
    lines = [
        '{"gold": "7", "prediction": "The answer is 7.", "note": "keys of others are not looked at"}',
        "no json",
        '{"gold": "\\\\int_0^1 x dx", "prediction": "1/2"}',
        '{"gold": "7"}',
        '{"gold": "7", "prediction": "7", "policy": {"unit": "none"}}',
        '{"gold": "7", "prediction": "7", "kind": "poem"}',
        "",
        '{"gold": "B", "prediction": "(B)", "kind": "choice", "policy": null}',
        '{"gold": "5 cm", "prediction": "5", "policy": {"units": "required"}}',
        '{"gold": "assert f() == 1", "prediction": "def f(): return 1", "kind": "code"}',
        "[1, 2]",
    ]
    verdicts, counts = run(tmp_path, lines, workers=2, timeout_seconds=20)
    expected = [
        "correct",
        "error",
        "correct",
        "error",
        "error",
        "error",
        "error",
        "correct",
        "incorrect",
        "correct",
        "error",
    ]
    assert [verdict.outcome for verdict in verdicts] == expected
    assert counts == {"correct": 4, "incorrect": 1, "unverifiable": 0, "error": 6}
    assert "no JSON" in verdicts[1].reason
    assert "prediction: missing" in verdicts[3].reason
    assert "policy.unit: unknown key; did you mean units?" in verdicts[4].reason
    assert "'math', 'choice', 'text' or 'code'" in verdicts[5].reason


def test_no_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"missing\.jsonl"):
        verify_file(tmp_path / "missing.jsonl", tmp_path / "out.jsonl")


def check_hostile(rows: list[dict[str, Any]], folder: Path) -> list[tuple[str, Verdict]]:
    """Run hostile cases with harmless ones between them, and give back the hostile ones' verdicts."""
    harmless = {"gold": "1/2", "prediction": "\\frac{2}{4}"}
    lines = [json.dumps(row) for pair in ((row, harmless) for row in rows) for row in pair]
    verdicts, _ = run(folder, lines, workers=2, timeout_seconds=2.0)
    assert {verdict.outcome for verdict in verdicts[1::2]} == {"correct"}
    assert max(verdict.seconds for verdict in verdicts) < MAX_SECONDS
    assert sorted(path.name for path in folder.iterdir()) == ["cases.jsonl", "results.jsonl"]
    return [(str(row["prediction"])[:60], verdict) for row, verdict in zip(rows, verdicts[::2], strict=True)]


def test_hostile_answers_are_not_correct_in_time_and_harm_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = json.loads((CASES / "hostile.json").read_text(encoding="utf-8"))
    judged = check_hostile(rows, tmp_path)
    assert [prediction for prediction, verdict in judged if verdict.outcome == "correct"] == []
    assert not Path("/verify-pwned").exists()


@pytest.mark.skipif(not SHARED.exists(), reason=f"no answer cases in {SHARED}")
def test_the_shared_hostile_answers_are_handled(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (SHARED / "hostile_dev.jsonl").read_text(encoding="utf-8").splitlines()]
    judged = check_hostile(rows, tmp_path)
    # One row is true mathematics: 7% is 0.07.
    assert [prediction for prediction, verdict in judged if verdict.outcome == "correct"] == ["7\\%"]


@pytest.mark.skipif(not SHARED.exists(), reason=f"no answer cases in {SHARED}")
def test_the_shared_cases_without_a_convention_are_judged_right(tmp_path: Path) -> None:
    text = (SHARED / "dev.jsonl").read_text(encoding="utf-8")
    rows = [row for line in text.splitlines() if (row := json.loads(line))["convention"] is None]
    verdicts, _ = run(tmp_path, [json.dumps(row) for row in rows], timeout_seconds=20)
    pairs = [(verdict.outcome == "correct", row["expected_equal"]) for row, verdict in zip(rows, verdicts, strict=True)]
    assert sum(given == expected for given, expected in pairs) / len(pairs) >= 0.98
    assert sum(given and not expected for given, expected in pairs) <= 1
