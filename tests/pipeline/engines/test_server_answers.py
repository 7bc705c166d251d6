"""What servers really answer: texts, thinking, the places of tokens, and what is no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.engines.base import Request
from tracewright.pipeline.engines.server_answers import AnswerError, read_answer
from tracewright.pipeline.engines.server_tokens import place_tokens

CASES = json.loads(Path(__file__).with_name("server_answers.json").read_text())
MARKS = ("<think>", "</think>")
REQUEST = Request("key", "1+1", 0)


@pytest.mark.parametrize("case", [case for case in CASES if "text" in case], ids=lambda case: case["name"])
def test_an_answer_becomes_a_completion_with_the_places_of_its_tokens(case: dict[str, Any]) -> None:
    completion = read_answer(REQUEST, case["answer"], 0.1, MARKS)
    assert (completion.text, completion.finish_reason) == (case["text"], case["finish"])
    assert completion.token_ends == (case["ends"] and tuple(case["ends"]))
    given = completion.token_logprobs
    assert (given is None) == (case["ends"] is None) and len(given or ()) == len(case["ends"] or ())
    assert len(completion.top_logprobs or ()) in (0, len(given or ()))
    assert min(given or (0.0,)) >= -9_999.0
    assert completion.token_count >= 0 and completion.prompt_token_count >= 0


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case], ids=lambda case: case["name"])
def test_what_is_no_answer_is_said_in_words(case: dict[str, Any]) -> None:
    with pytest.raises(AnswerError, match=case["error"]):
        read_answer(REQUEST, case["answer"], 0.1, MARKS)


def test_bytes_that_are_no_text_have_their_places_too() -> None:
    assert place_tokens([b"a", b"\xff", b"b"], "a\ufffdb") == [1, 2, 3]
    assert place_tokens([b"a", b"b"], "abc") is None
