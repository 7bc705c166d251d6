"""Where the answer of a completion is found, and where none is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.pipeline.verify import AnswerSource, extract_answer, verify_answer
from tracewright.pipeline.verify.extraction.boxes import find_boxes
from tracewright.pipeline.verify.extraction.thinking import strip_thinking
from tracewright.schemas import Outcome

PIECES = st.sampled_from(json.loads(Path(__file__).with_name("pieces.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "answer", "source"),
    [
        ("so \\boxed{7}.", "7", AnswerSource.BOXED),
        ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", AnswerSource.BOXED),
        ("2*3=6\n#### 6", "6", AnswerSource.HASHES),
        ("<answer> 6 </answer>", "6", AnswerSource.ANSWER_TAG),
        ("The final answer is 6.", "6", AnswerSource.FINAL_ANSWER),
        ("So the answer is $6$, as required.", "$6$", AnswerSource.ANSWER_IS),
        ("reasoning\nA: 6", "6", AnswerSource.ANSWER_LABEL),
        ("6", "6", AnswerSource.WHOLE),
        ("In total she has 6 apples.", "6 apples", AnswerSource.LAST_MATHEMATICS),
    ],
)
def test_each_mark_gives_its_answer_and_says_which_it_was(text: str, answer: str, source: AnswerSource) -> None:
    found = extract_answer(text)
    assert found is not None
    assert (found.text, found.source) == (answer, source)


def test_the_last_box_that_is_not_empty_counts() -> None:
    found = extract_answer("\\boxed{1} is wrong. So it is \\boxed{2}. \\boxed{}")
    assert found is not None
    assert found.text == "2"


def test_the_start_of_the_mark_is_its_place_in_the_text() -> None:
    found = extract_answer("first\nA: 6")
    assert found is not None
    assert found.start == len("first\n")


def test_boxes_nest_and_one_without_an_end_is_none() -> None:
    assert [box.content for box in find_boxes("\\boxed{a\\boxed{b}} \\boxed{c")] == ["a\\boxed{b}"]


@pytest.mark.parametrize(
    ("completion", "shown"),
    [
        ("<think>7</think>8", "8"),
        ("7</think>8", "8"),
        ("a<think>7</think>b", "ab"),
        ("<think>7", None),
        ("<think>7</think>8<think>9", None),
        ("8<|im_end|>\n<|im_start|>user\n9", "8"),
        ("<|channel|>analysis<|message|>7<|end|><|channel|>final<|message|>8<|return|>", "8"),
        ("<|channel|>analysis<|message|>7", None),
        ("no thinking", "no thinking"),
    ],
)
def test_thinking_and_other_turns_are_not_shown(completion: str, shown: str | None) -> None:
    assert strip_thinking(completion) == shown


def test_a_truncated_completion_is_unverifiable_whatever_it_says() -> None:
    verdict = verify_answer("7", "\\boxed{7}", truncated=True)
    assert verdict.outcome is Outcome.UNVERIFIABLE
    assert "token limit" in verdict.reason


def test_a_completion_without_an_answer_is_unverifiable() -> None:
    assert verify_answer("7", "").outcome is Outcome.UNVERIFIABLE
    assert verify_answer("7", "<think>7").outcome is Outcome.UNVERIFIABLE


def test_a_completion_past_the_limit_is_refused_with_the_limit_named() -> None:
    verdict = verify_answer("7", "7 " * 600_000)
    assert verdict.outcome is Outcome.ERROR
    assert "1000000" in verdict.reason


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_gives_an_answer_or_none(text: str) -> None:
    for kind in ("math", "choice", "text", "code"):
        found = extract_answer(text, kind)
        assert found is None or found.text.strip()


@settings(max_examples=50, deadline=None)
@given(st.integers(), st.text(alphabet="abc xyz.\n", max_size=100))
def test_a_boxed_answer_is_found_in_any_words(number: int, words: str) -> None:
    assert verify_answer(str(number), f"{words} \\boxed{{{number}}}").outcome is Outcome.CORRECT


def test_a_long_text_of_any_one_piece_is_read_in_linear_time(
    effort: Callable[[Callable[[], object]], float],
) -> None:
    pieces = [
        *json.loads(Path(__file__).with_name("pieces.json").read_text(encoding="utf-8")),
        "1 or ",
        " ",
        "3 geq ",
        "a'",
    ]
    slow: list[tuple[str, str]] = []
    for piece in pieces:
        for kind in ("math", "choice", "text"):
            for start in ("", "1"):
                text = start + piece * (10_000 // len(piece)) + " 3"
                began = time.process_time()
                verify_answer("7", text, kind=kind)
                if time.process_time() - began > 0.5:  # worth measuring beside the machine's own speed
                    slow += [(start + piece, kind)] if effort(partial(verify_answer, "7", text, kind=kind)) > 45 else []
    assert slow == []
