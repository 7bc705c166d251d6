"""Steps cover the text, and every token belongs to the step of its first character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewright.pipeline.steps import segment, token_spans
from tracewright.pipeline.steps.regions import find_regions
from tracewright.schemas import Span
from tracewright.schemas.errors import InputError

TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["a = 1", "\n", "\n\n", " ", "$x$", "\\[", "\\]", "```", "$$", "1. ", "- ", ". B", "é"])
    ).map("".join),
)


@given(TEXTS)
def test_spans_cover_the_text(text: str) -> None:
    spans = segment(text)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(span.start < span.end for span in spans)
    assert [span.end for span in spans[:-1]] == [span.start for span in spans[1:]]


def test_empty_text_has_no_steps() -> None:
    assert segment("") == []


def test_tags_are_no_steps_of_their_own() -> None:
    text = "<think>\n4 * 7 = 27. Wait, that's wrong: 4 * 7 = 28.\n</think>\n\nThe answer is 28."
    assert [text[span.start : span.end] for span in segment(text)] == [
        "<think>\n4 * 7 = 27. ",
        "Wait, that's wrong: 4 * 7 = 28.\n</think>\n\n",
        "The answer is 28.",
    ]


STYLED = st.lists(
    st.sampled_from(
        [
            *(
                "Step 3: we get ",
                "1. ",
                "2) ",
                "- ",
                "* ",
                "\n",
                "\n\n",
                " Then ",
                "so. Now ",
                "Wait, no. ",
                "| a | b |",
            ),
            *(
                "$x = 1. Y$",
                "$$a\n\n= b. C$$",
                "\\(a. B\\)",
                "\\[\na = 1. B\n\n= 2\n\\]",
                "`x. Y = 1`",
                "```py\n\nx = 1. Y\n\n- z\n```\n",
            ),
            "\\begin{align*}\na &= 1. B\\\\\n\n&= 2\n\\end{align*}",
        ]
    ),
    max_size=12,
).map("".join)


@given(STYLED)
def test_no_cut_lies_inside_a_formula_or_code(text: str) -> None:
    cuts = {span.start for span in segment(text)}
    for region in find_regions(text):
        assert not [cut for cut in cuts if region.start < cut < region.end]


CUTS = {
    "an outer fence is longer than the inner one": ["````\n```\na\n\n1. b\n```\n````\n", "Then 1 + 1 = 2."],
    "code in backticks on a line of its own": ["```x = 1```\n\n", "Then y = 2.\n\n", "Done."],
    "a fence in a text with carriage returns": ["```py\r\nx = 1\r\n\r\ny = 2\r\n```\r\n", "Then y."],
    "spaces behind a closing fence": ["```\nx\n```  \n", "Then y."],
    "a matrix without delimiters": ["M is\n\\begin{pmatrix} 1 \\\\\n\n 3 \\end{pmatrix}\n", "So 3."],
    "a sentence that is broken at its commas": ["Since $a=1$,\nwe have $b=2$,\nand so $c=3$.\n", "Then $d=4$."],
    "a list behind a comma": ["We know, therefore,\n", "- a = 1\n", "- b = 2"],
    "carriage returns": ["3 + 4 = 7\r\n", "7 * 2 = 14\r\n\r\n", "So 14.\r\n"],
    "right to left": ["الخطوة 1: 3 + 4 = 7\n", "الجواب 7"],
    "amounts of money": ["It costs $5. ", "He pays $10 and gets $5 back. ", "So $5 is left."],
}


@pytest.mark.parametrize("name", CUTS)
def test_cut(name: str) -> None:
    text = "".join(CUTS[name])
    assert [text[span.start : span.end] for span in segment(text)] == CUTS[name]


def test_reasoning_is_not_mixed_with_the_answer() -> None:
    text = "<think>a b</think>c"
    assert 18 in [span.start for span in segment(text, reasoning=Span(start=0, end=18))]


@given(TEXTS, st.data())
def test_token_spans_cover_the_tokens(text: str, data: st.DataObject) -> None:
    ends = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=30)))
    spans = segment(text)
    tokens = token_spans(spans, ends)
    assert len(tokens) == len(spans)
    starts = [0, *ends[:-1]]
    for span, part in zip(spans, tokens, strict=True):
        for index in range(part.start, part.end):
            assert span.start <= min(starts[index], len(text) - 1) < span.end


def test_character_spread_over_tokens_stays_in_its_step() -> None:
    spans = [Span(start=0, end=2), Span(start=2, end=4)]
    assert token_spans(spans, [1, 2, 2, 2, 3, 4]) == [Span(start=0, end=2), Span(start=2, end=6)]


def test_token_over_a_boundary_belongs_to_the_earlier_step() -> None:
    assert token_spans([Span(start=0, end=2), Span(start=2, end=5)], [3, 5]) == [
        Span(start=0, end=1),
        Span(start=1, end=2),
    ]


def test_decreasing_token_ends_are_refused() -> None:
    with pytest.raises(InputError, match="decreases"):
        token_spans([Span(start=0, end=2)], [2, 1, 2])
