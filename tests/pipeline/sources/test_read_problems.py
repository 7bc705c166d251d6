"""Problems from JSONL files that nobody has checked."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tracewright.pipeline.config import ColumnsConfig, ProblemsConfig
from tracewright.pipeline.sources import count_problems, read_problems, write_problems
from tracewright.pipeline.sources.jsonl import MAX_LINE_BYTES
from tracewright.pipeline.sources.rows import MAX_KEPT_ROW_CHARACTERS
from tracewright.schemas import AnswerKind, CodeTest, Image, InputError, MissingInputError, Problem, Rejection, make_id

BAD_ROWS = json.loads(Path(__file__).with_name("bad_rows.json").read_text())
GOOD_LINE = b'{"prompt": "What is 2+2?", "answer": "4"}'


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Problem | Rejection]]:
    def read_lines(content: bytes | str, **settings: object) -> list[Problem | Rejection]:
        path = tmp_path / "problems.jsonl"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_problems(ProblemsConfig(path=path, **settings)))  # pyright: ignore[reportArgumentType]

    return read_lines


def problems_of(rows: list[Problem | Rejection]) -> list[Problem]:
    return [row for row in rows if isinstance(row, Problem)]


def rejections_of(rows: list[Problem | Rejection]) -> list[Rejection]:
    return [row for row in rows if isinstance(row, Rejection)]


def test_rows_of_the_documented_form_become_problems(read) -> None:
    first, second, third = read(
        '{"id": "p1", "prompt": "1+1", "answer": "2"}\n{"id": 7, "question": "1+2", "answer": 3}\n{"prompt": "x"}\n'
    )
    assert (first.id, first.question, first.answer, first.answer_kind) == ("p1", "1+1", "2", AnswerKind.MATH)
    assert (second.id, second.question, second.answer) == ("7", "1+2", "3")
    assert (third.id, third.answer) == (make_id("problem", "x", None), None)
    assert {problem.source for problem in (first, second, third)} == {"problems"}


def test_numbers_keep_the_digits_they_were_written_with(read) -> None:
    answers = ["0.10", "1e400", "-0", "123456789012345678901234567890", "1.0"]
    rows = read("".join(f'{{"prompt": "q{i}", "answer": {answer}}}\n' for i, answer in enumerate(answers)))
    assert [row.answer for row in rows] == ["0.10", "1e400", "0", "123456789012345678901234567890", "1.0"]


def test_columns_are_found_under_the_names_that_the_config_gives(read) -> None:
    columns = ColumnsConfig(id="uid", question="problem", answer="gold", answer_kind="type", domain="subject")
    (problem,) = read(
        '{"uid": 3, "problem": "q", "gold": "a", "type": "text", "subject": "law", "prompt": "not this"}',
        columns=columns,
        source="exams",
        license="MIT",
        revision="v2",
    )
    assert (problem.id, problem.question, problem.answer, problem.domain) == ("3", "q", "a", "law")
    assert (problem.answer_kind, problem.source, problem.license, problem.revision) == ("text", "exams", "MIT", "v2")


def test_the_row_says_its_kind_and_domain_and_the_config_says_them_for_rows_that_do_not(read) -> None:
    said, unsaid = read(
        '{"prompt": "a", "kind": "choice", "domain": "law"}\n{"prompt": "b"}', answer_kind="text", domain="art"
    )
    assert (said.answer_kind, said.domain) == ("choice", "law")
    assert (unsaid.answer_kind, unsaid.domain) == ("text", "art")


def test_choices_and_tests_say_the_kind_where_nothing_else_does(read) -> None:
    choice, code, both = read(
        '{"prompt": "a", "choices": ["x", 2]}\n'
        '{"prompt": "b", "tests": "assert f(1) == 1"}\n'
        '{"prompt": "c", "tests": [{"program": "p", "stdin": "1"}, "q"], "kind": "text"}\n'
    )
    assert (choice.answer_kind, choice.choices) == (AnswerKind.CHOICE, ("x", "2"))
    assert (code.answer_kind, code.tests) == (AnswerKind.CODE, (CodeTest(program="assert f(1) == 1"),))
    assert (both.answer_kind, both.tests[0].stdin) == (AnswerKind.TEXT, "1")


@pytest.mark.parametrize(("level", "expected"), [("3", 3), ('"Level 4"', 4), ('"Level ?"', None), ("null", None)])
def test_a_level_is_a_number_or_a_text_that_holds_one(read, level: str, expected: int | None) -> None:
    (problem,) = read(f'{{"prompt": "a", "level": {level}}}')
    assert problem.level == expected


@pytest.mark.parametrize("case", BAD_ROWS, ids=[case["name"] for case in BAD_ROWS])
def test_a_bad_row_in_the_middle_is_kept_with_its_reason_and_the_rest_goes_on(read, tmp_path: Path, case) -> None:
    rows = read(b'{"prompt": "first"}\n' + case["line"].encode() + b'\n{"prompt": "last"}\n')
    assert [problem.question for problem in problems_of(rows)] == ["first", "last"]
    (rejection,) = rejections_of(rows)
    assert rejection.reason.startswith(case["reason"])
    assert rejection.subject == f"{tmp_path / 'problems.jsonl'}:2"
    assert rejection.row == case["line"]
    assert rejection.stage == "read"


def test_bytes_that_are_not_utf8_are_a_rejection_that_names_the_byte(read) -> None:
    rows = read(b'{"prompt": "caf\xe9"}\n' + GOOD_LINE)
    (rejection,) = rejections_of(rows)
    assert rejection.reason == "byte 16 of the line is not UTF-8 (0xe9)"
    assert rejection.row == '{"prompt": "caf\ufffd"}'
    assert len(problems_of(rows)) == 1


def test_a_line_over_the_limit_is_skipped_and_cut(read) -> None:
    huge = b'{"prompt": "' + b"a" * (2 * MAX_LINE_BYTES) + b'"}'
    rows = read(huge + b"\n" + GOOD_LINE + b"\n" + huge)
    assert len(problems_of(rows)) == 1
    for rejection, line in zip(rejections_of(rows), (1, 3), strict=True):
        assert rejection.subject.endswith(f":{line}")
        assert f"expected at most {MAX_LINE_BYTES}" in rejection.reason
        assert rejection.numbers["bytes"] >= 2 * MAX_LINE_BYTES
        assert len(rejection.row) == MAX_KEPT_ROW_CHARACTERS


def test_a_line_of_just_the_limit_is_read(read) -> None:
    frame = b'{"prompt": ""}'
    line = b'{"prompt": "' + b"a" * (MAX_LINE_BYTES - len(frame)) + b'"}'
    assert len(line) == MAX_LINE_BYTES
    at_limit, over, last = read(line + b"\n " + line + b"\n" + GOOD_LINE)
    assert isinstance(at_limit, Problem)
    assert isinstance(over, Rejection)
    assert isinstance(last, Problem)


def test_nesting_made_to_exhaust_the_stack_is_a_rejection(read) -> None:
    rows = read(b'{"prompt": ' + b"[" * 200_000 + b"\n" + GOOD_LINE)
    assert len(problems_of(rows)) == 1
    assert "nested too deeply" in rejections_of(rows)[0].reason


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD_LINE + b"\n",
        GOOD_LINE,
        GOOD_LINE + b"\r\n",
        b"\n\r\n  \t\n" + GOOD_LINE + b"\n\n\n",
        b"\xef\xbb\xbf\r\n" + GOOD_LINE,
    ],
    ids=["mark", "no last line end", "windows", "blank lines", "mark on a blank line"],
)
def test_marks_line_ends_and_blank_lines_do_no_harm(read, content: bytes) -> None:
    (problem,) = read(content)
    assert (problem.question, problem.answer) == ("What is 2+2?", "4")


def test_a_repeated_id_with_other_content_names_both_lines(read) -> None:
    rows = read('{"id": "a", "prompt": "x"}\n\n{"id": "b", "prompt": "y"}\n{"id": "a", "prompt": "z"}\n')
    assert [problem.question for problem in problems_of(rows)] == ["x", "y"]
    (rejection,) = rejections_of(rows)
    assert "'a' is on line 1 and again on line 4 with other content" in rejection.reason
    assert rejection.subject.endswith(":4")


def test_an_exact_repeat_is_read_once_and_said(read) -> None:
    rows = read(GOOD_LINE + b"\n" + GOOD_LINE + b'\n{"answer": 4, "prompt": "What is 2+2?"}')
    assert len(problems_of(rows)) == 1
    assert [row.reason for row in rejections_of(rows)] == [
        "repeats line 1: the same id and content, which is read once"
    ] * 2


def test_rejections_of_one_file_read_twice_have_the_same_ids_and_of_two_lines_different_ones(read) -> None:
    content = b"bad\nbad\n" + GOOD_LINE
    first, second = (rejections_of(read(content)) for _ in range(2))
    assert [row.rejection_id for row in first] == [row.rejection_id for row in second]
    assert len({row.rejection_id for row in first}) == 2


def test_the_limit_counts_problems_and_not_rejections(read) -> None:
    rows = read("bad\n" + "".join(f'{{"prompt": "{n}"}}\n' for n in range(5)), limit=2)
    assert [type(row).__name__ for row in rows] == ["Rejection", "Problem", "Problem"]


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "endless.jsonl"
    os.mkfifo(path)
    # A pipe that stays open for writing never ends: only a reader that is lazy gives its first row.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.write(descriptor, b"".join(b'{"prompt": "%d"}\n' % n for n in range(1_000)))
        rows = read_problems(ProblemsConfig(path=path))
        assert next(rows).question == "0"
        assert count_problems(ProblemsConfig(path=path)) is None
    finally:
        os.close(descriptor)


def test_a_missing_file_is_a_missing_input_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"there is no file .*absent\.jsonl"):
        read_problems(ProblemsConfig(path=tmp_path / "absent.jsonl"))


def test_a_folder_is_no_file_of_problems(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, expected a file"):
        read_problems(ProblemsConfig(path=tmp_path, format="jsonl"))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_a_file_without_a_row_is_an_error(read, content: bytes) -> None:
    with pytest.raises(InputError, match="is empty, expected at least one row"):
        read(content)


def test_the_count_is_that_of_the_rows_that_are_not_blank(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"\xef\xbb\xbf\n" + GOOD_LINE + b"\nbad\n\n" + GOOD_LINE)
    assert count_problems(ProblemsConfig(path=path)) == 3
    assert count_problems(ProblemsConfig(path=path, limit=2)) == 2


def test_gsm8k_gives_the_number_after_the_mark_as_gold(read) -> None:
    rows = read(
        '{"question": "q", "answer": "It is 2*600 = <<2*600=1200>>1,200\\n#### 1,200"}\n'
        '{"question": "r", "answer": "about #### 3"}\n{"question": "s"}\n{"question": "t", "answer": "#### "}\n',
        format="gsm8k",
    )
    assert [problem.answer for problem in problems_of(rows)] == ["1200"]
    assert [rejection.reason for rejection in rejections_of(rows)] == [
        "no line begins with ####, after which the answer is expected",
        "no `answer`, expected a solution that ends in #### and the answer",
        "nothing stands after ####, expected the answer",
    ]


def test_of_several_marks_the_last_one_counts(read) -> None:
    (problem,) = read('{"question": "q", "answer": "#### 1 would be wrong\\n#### 2\\n"}', format="gsm8k")
    assert problem.answer == "2"


def test_written_problems_read_back_as_they_were(tmp_path: Path) -> None:
    problems = [
        Problem(id="a", question="Was ist √2?\n", answer="a\u2028b", source="s", revision="r", license="MIT", level=2),
        Problem(
            id="b",
            question="Which?",
            answer="A",
            answer_kind=AnswerKind.CHOICE,
            accepted_answers=("a",),
            choices=("x", "y"),
            images=(Image(media_type="image/png", data=bytes(range(256))),),
            tests=(CodeTest(program="print()", stdin="1"),),
            domain="d",
            source="s",
        ),
    ]
    path = tmp_path / "out.jsonl"
    assert write_problems(path, problems) == 2
    assert list(read_problems(ProblemsConfig(path=path))) == problems
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]
