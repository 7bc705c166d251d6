"""Solutions whose steps people rated."""

import json
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.sources import ImportedTrace, read_traces
from tracewright.schemas import FinishReason, Rejection


def offered(*ratings: tuple[str, int | None], chosen: int | None = 0, human: Any = None) -> dict[str, Any]:
    completions = [{"text": text, "rating": rating, "flagged": None} for text, rating in ratings]
    return {"completions": completions, "human_completion": human, "chosen_completion": chosen}


def row(steps: list[dict[str, Any]], whole: list[str] | None = None, finish: str = "found_error") -> dict[str, Any]:
    question: dict[str, Any] = {"problem": "What is $1+1$?", "ground_truth_answer": "2"}
    if whole is not None:
        question["pre_generated_steps"] = whole
    label = {"steps": steps, "total_time": 1, "finish_reason": finish}
    return {"labeler": "l", "generation": 9 if whole else None, "question": question, "label": label}


def read(folder: Path, *rows: Any) -> list[ImportedTrace | Rejection]:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in rows))
    return list(read_traces(path, "prm800k"))


def test_a_whole_solution_is_rated_up_to_its_first_error(tmp_path: Path) -> None:
    steps = [offered(("One", 0)), offered(("Two", 1)), offered(("Three", -1), ("Other", 1), chosen=None)]
    (trace,) = read(tmp_path, row(steps, ["One", "Two", "Three", "Four\n\n# Answer\n\n3"]))
    assert trace.text == "One\nTwo\nThree\nFour\n\n# Answer\n\n3"
    assert [step.rating for step in trace.steps] == [0, 1, -1, None]
    assert "".join(trace.text[step.span.start : step.span.end] for step in trace.steps) == trace.text
    assert trace.text[trace.steps[2].span.start :].startswith("Three")
    assert (trace.finish_reason, trace.revision) == (FinishReason.STOP, "generation 9")
    assert (trace.problem.question, trace.problem.answer) == ("What is $1+1$?", "2")
    assert trace.metadata == {
        "step_ratings": "[0, 1, -1, null]",
        "step_ends": "[4, 8, 14, 31]",
        "steps_by_people": "[]",
        "other_steps_rated": "1",
        "label_finish_reason": "found_error",
    }


def test_ratings_of_another_line_are_not_given_to_the_solution(tmp_path: Path) -> None:
    steps = [offered(("One", 1)), offered(("Else", 1)), offered(("Three", 1))]
    (trace,) = read(tmp_path, row(steps, ["One", "Two", "Three"]))
    assert [step.rating for step in trace.steps] == [1, None, None]
    assert trace.metadata["other_steps_rated"] == "2"


@pytest.mark.parametrize("human", [{"text": "By hand", "rating": None}, "By hand"])
def test_a_grown_solution_is_the_line_of_choices(tmp_path: Path, human: Any) -> None:
    steps = [
        offered(("A", -1), ("B", 1), chosen=1),
        offered(("C", -1), chosen=None, human=human),
        offered(("D", 1)),
    ]
    (trace,) = read(tmp_path, row(steps, finish="solution"))
    assert trace.text == "B\nBy hand\nD"
    assert [step.rating for step in trace.steps] == [1, None, 1]
    assert (trace.metadata["steps_by_people"], trace.metadata["other_steps_rated"]) == ("[1]", "2")
    assert (trace.finish_reason, trace.revision) == (FinishReason.STOP, None)


def test_a_line_that_was_given_up_is_not_finished(tmp_path: Path) -> None:
    steps = [offered(("A", 1)), offered(("B", -1), chosen=None)]
    (trace,) = read(tmp_path, row(steps, finish="give_up"))
    assert (trace.text, trace.finish_reason) == ("A", FinishReason.ABORT)


def test_several_solutions_of_one_problem_are_several_traces(tmp_path: Path) -> None:
    rows = [row([offered((text, 1))], finish="solution") for text in ("A", "B")]
    assert len({trace.sample for trace in read(tmp_path, *rows)}) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({}, "no `question`, expected an object"),
        (row([]), "no step was chosen, expected at least one"),
        (row([offered(("A", 2))]), "`steps[0].completions.rating` is the number 2, expected -1, 0, 1 or null"),
        (row([offered(("A", 1), chosen=3)]), "`steps[0].chosen_completion` is 3, expected a place among 1"),
        (row([offered(("A", 1), chosen=-1)]), "`steps[0].chosen_completion` is -1, expected a place among 1"),
        ({"question": {"problem": "q"}, "label": [1]}, "`label` is a list, expected an object"),
    ],
)
def test_a_row_of_another_layout_is_a_rejection(tmp_path: Path, bad: Any, reason: str) -> None:
    (rejection,) = read(tmp_path, bad)
    assert isinstance(rejection, Rejection)
    assert rejection.reason == reason
