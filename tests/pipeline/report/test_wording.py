"""Numbers as people read them."""

import pytest

from tracewright.pipeline.report.wording import (
    format_bytes,
    format_confidence,
    format_count,
    format_seconds,
    format_share,
    shorten,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9345, "93.5 %"), (1.0, "100 %"), (0.0, "0 %"), (0.9999, ">99.9 %"), (0.0001, "<0.1 %"), (0.5, "50.0 %"),
        (None, "—"),
    ],
)  # fmt: skip
def test_shares_never_round_to_all_or_none(value, text):
    assert format_share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.99996, ">0.999"), (1.0, ">0.999"), (0.0004, "<0.001"), (0.0843, "0.084"), (0.9994, "0.999"), (None, "—")],
)
def test_a_confidence_is_never_shown_as_certain(value, text):
    assert format_confidence(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (185, "3 min 05 s"), (3599.7, "1 h 00 min"),
     (7620, "2 h 07 min"), (None, "—")],
)  # fmt: skip
def test_durations(value, text):
    assert format_seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (999_600, "1 MB"), (4_999_680, "5 MB"), (68_544, "68.5 KB"), (None, "—")],
)
def test_sizes(value, text):
    assert format_bytes(value) == text


def test_counts_have_separators():
    assert format_count(1234567) == "1,234,567"
    assert format_count(None) == "—"


def test_what_is_cut_says_how_much():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefgh", 3) == "abc … (5 more characters)"
