"""Ids follow from content alone, and never change: stores and releases hold them."""

from hypothesis import given
from hypothesis import strategies as st

from tracewright.schemas import Problem, Sampling, TeacherRef, hash_to_unit, is_held_out, make_id, make_trace_id

TEACHER = {
    "model": "m",
    "revision": "r",
    "dtype": "float32",
    "tokenizer_hash": "t",
    "template_hash": "p",
    "sampling": {"temperature": 0.7},
}


def test_ids_are_the_ones_of_every_earlier_release() -> None:
    problem = Problem(question="What is 2+3?", answer="5", source="s")
    teacher = TeacherRef.model_validate(TEACHER)
    assert make_id("a", 1) == "135f17a475a61afdeeaf3759"
    assert problem.id == "074e6c805f5035c4ca3530f7"
    assert problem.content_id == "1c5e665b4243ad70b500199c"
    assert teacher.fingerprint == "01a0b7d6631f9524394b44e7"
    assert make_trace_id(problem, teacher.fingerprint, 0) == "4092ce4c68a6f14fab0919b7"


def test_a_fingerprint_is_the_same_however_the_teacher_is_written() -> None:
    written = TeacherRef.model_validate(TEACHER)
    built = TeacherRef(**{**TEACHER, "sampling": Sampling(temperature=0.7)})
    full = TeacherRef.model_validate({**written.model_dump(), "fingerprint": ""})
    assert written == built == full
    assert written.fingerprint == built.fingerprint == full.fingerprint


def test_two_files_that_call_different_problems_alike_give_different_traces() -> None:
    first = Problem(id="1", question="What is 2+3?", answer="5", source="a")
    second = Problem(id="1", question="What is 2+4?", answer="6", source="a")
    third = Problem(id="1", question="What is 2+3?", answer="5", source="b")
    ids = {make_trace_id(problem, "f", sample) for problem in (first, second, third) for sample in (0, 1)}
    assert len(ids) == 6


def test_images_and_tests_count_as_content() -> None:
    plain = Problem(id="1", question="q", source="a")
    drawn = Problem(id="1", question="q", source="a", images=({"media_type": "image/png", "data": b"\x89"},))
    tested = Problem(id="1", question="q", source="a", tests=({"program": "assert f(1)"},))
    assert len({problem.content_id for problem in (plain, drawn, tested)}) == 3


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_different_content_has_different_ids(left: list[str], right: list[str]) -> None:
    assert (make_id(*left) == make_id(*right)) == (left == right)


@given(st.text())
def test_white_space_does_not_move_a_problem_into_training(question: str) -> None:
    assert is_held_out(question) == is_held_out(f"  {question}\n")


def test_a_tenth_is_held_out() -> None:
    held_out = sum(is_held_out(f"What is {n}+1?") for n in range(20_000))
    assert 1_850 < held_out < 2_150
    assert 0 <= hash_to_unit("x") < 1
