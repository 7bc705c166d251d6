"""Chat rows and prompt/completion rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.sources import ImportedTrace, read_traces
from tracewright.schemas import FinishReason, Rejection, Span

USER = {"role": "user", "content": "What is 1+1?"}
ASSISTANT = {"role": "assistant", "content": "It is 2."}


def read(folder: Path, format_: str, *rows: Any) -> list[ImportedTrace | Rejection]:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return list(read_traces(path, format_))


def test_the_last_turn_is_the_completion_of_the_question_before_it(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    row = {"messages": [system, USER, ASSISTANT], "id": 5, "answer": 2, "model": "m", "revision": "r", "sample": 3}
    (trace,) = read(tmp_path, "messages", row)
    assert (trace.problem.id, trace.problem.question, trace.problem.answer) == ("5", "What is 1+1?", "2")
    assert (trace.text, trace.prompt) == ("It is 2.", "Be brief.\n\nWhat is 1+1?")
    assert (trace.model, trace.revision, trace.sample) == ("m", "r", 3)


def test_a_conversation_is_one_question_with_all_turns_before_the_last(tmp_path: Path) -> None:
    turns = [USER, ASSISTANT, {"role": "user", "content": "Sure?"}, {"role": "assistant", "content": "Yes."}]
    (trace,) = read(tmp_path, "messages", {"messages": turns})
    assert trace.problem.question == "User: What is 1+1?\n\nAssistant: It is 2.\n\nUser: Sure?"
    assert (trace.text, trace.model) == ("Yes.", "unknown")


def test_conversations_with_from_and_value_are_the_same(tmp_path: Path) -> None:
    old = {"conversations": [{"from": "human", "value": "What is 1+1?"}, {"from": "gpt", "value": "It is 2."}]}
    new, same = read(tmp_path, "messages", {"messages": [USER, ASSISTANT]})[0], read(tmp_path, "messages", old)[0]
    assert new == same


def test_thinking_in_a_field_of_its_own_becomes_part_of_the_text(tmp_path: Path) -> None:
    turn = {**ASSISTANT, "reasoning_content": "1 and 1"}
    (trace,) = read(tmp_path, "messages", {"messages": [USER, turn]})
    assert trace.text == "<think>\n1 and 1\n</think>\n\nIt is 2."
    assert trace.reasoning == Span(start=0, end=len("<think>\n1 and 1\n</think>"))


def test_thinking_that_began_in_the_prompt_begins_the_text(tmp_path: Path) -> None:
    (trace,) = read(tmp_path, "prompt-completion", {"prompt": "q", "completion": "so\n</think>\n2"})
    assert trace.reasoning == Span(start=0, end=len("so\n</think>"))
    assert trace.finish_reason is FinishReason.STOP


def test_a_mark_that_opens_after_the_thinking_has_ended_does_not_begin_it(tmp_path: Path) -> None:
    (trace,) = read(tmp_path, "prompt-completion", {"prompt": "q", "completion": "so</think> write <think> first"})
    assert trace.reasoning == Span(start=0, end=len("so</think>"))


def test_a_list_of_text_parts_is_one_text_and_a_picture_is_refused(tmp_path: Path) -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "1+1?"}]}
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    trace, rejection = read(tmp_path, "messages", {"messages": [parts, ASSISTANT]}, {"messages": [picture, ASSISTANT]})
    assert trace.problem.question == "What is 1+1?"
    assert rejection.reason == "`messages[0]` has a part of type the text 'image_url', expected text only"


def test_prompt_and_completion_are_texts_or_turns(tmp_path: Path) -> None:
    texts = {"prompt": "What is 1+1?", "completion": "It is 2."}
    turns = {"prompt": [USER], "completion": [ASSISTANT], "id": "other"}
    text, turn = read(tmp_path, "prompt-completion", texts, turns)
    assert (text.problem.question, text.text) == (turn.problem.question, turn.text) == ("What is 1+1?", "It is 2.")


def test_completions_without_numbers_get_one_from_their_text(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "completion": text} for text in ("a", "b")]
    forward = {trace.text: trace.sample for trace in read(tmp_path, "prompt-completion", *rows)}
    backward = {trace.text: trace.sample for trace in read(tmp_path, "prompt-completion", *reversed(rows))}
    assert forward == backward
    assert len(set(forward.values())) == 2


@pytest.mark.parametrize(
    ("given", "read_as"), [("length", "length"), ("max_tokens", "length"), ("EOS", "stop"), (None, "stop")]
)
def test_finish_reasons_are_read_in_the_words_of_several_engines(tmp_path: Path, given, read_as: str) -> None:
    (trace,) = read(tmp_path, "prompt-completion", {"prompt": "q", "completion": "a", "finish_reason": given})
    assert trace.finish_reason == read_as


@pytest.mark.parametrize(
    ("format_", "row", "reason"),
    [
        ("messages", {}, "no `messages`, expected a list of turns"),
        ("messages", {"messages": []}, "no `messages`, expected a list of turns"),
        ("messages", {"messages": "hi"}, "`messages` is the text 'hi', expected a list"),
        ("messages", {"messages": ["hi"]}, "`messages[0]` is the text 'hi', expected an object"),
        ("messages", {"messages": [USER]}, "the last turn is of role 'user', expected an assistant's"),
        ("messages", {"messages": [ASSISTANT]}, "no user's turn before the assistant's"),
        ("messages", {"messages": [USER, {"role": "assistant", "content": " "}]}, "the last turn is blank"),
        ("messages", {"messages": [USER, {"content": "a"}]}, "no `role` or `from`; the row has content"),
        ("messages", {"messages": [USER, ASSISTANT], "sample": -1}, "`sample` is -1, expected 0 or more"),
        ("messages", {"messages": [USER, ASSISTANT], "sample": "1"}, "`sample` is the text '1', expected a whole"),
        ("prompt-completion", {"prompt": "q"}, "no `completion`; the row has prompt"),
        ("prompt-completion", {"prompt": "", "completion": "a"}, "`prompt` is blank"),
    ],
)
def test_a_row_that_is_no_chat_is_a_rejection(tmp_path: Path, format_: str, row: Any, reason: str) -> None:
    (rejection,) = read(tmp_path, format_, row)
    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith(reason)
