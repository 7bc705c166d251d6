"""What a click on a facet makes of a filter."""

import pytest

from tracewright.api.pages.narrowing import Narrowing
from tracewright.pipeline.filter import parse_filter


def narrow(text):
    return Narrowing.of(parse_filter(text) if text else None)


@pytest.mark.parametrize(
    ("before", "column", "value", "after"),
    [
        ("", "outcome", "correct", 'outcome == "correct"'),
        ('outcome == "correct"', "outcome", "correct", ""),
        ('outcome == "correct"', "outcome", "error", 'outcome in ["correct", "error"]'),
        ('outcome in ["correct", "error"]', "outcome", "correct", 'outcome == "error"'),
        ('level == 2 and outcome == "error"', "domain", "x", 'level == 2 and outcome == "error" and domain == "x"'),
        ('outcome == "error" or level == 2', "domain", "x", '(outcome == "error" or level == 2) and domain == "x"'),
        ("", "decision", None, "decision is null"),
        ("decision is null", "decision", None, ""),
        ("decision is null", "decision", "accept", 'decision == "accept"'),
        ("", "flagged", True, "flagged"),
        ("flagged", "flagged", False, "not flagged"),
        ("not flagged", "flagged", False, ""),
        ('domain != "x"', "domain", "y", 'domain != "x" and domain == "y"'),
        ("", "source", 'a"b\\', 'source == "a\\"b\\\\"'),
    ],
)
def test_a_value_is_let_through_or_no_longer(before, column, value, after):
    assert narrow(before).toggle(column, value).text == after


@pytest.mark.parametrize(
    ("before", "column", "low", "high", "after"),
    [
        ("", "confidence", 0.35, 0.4, "confidence >= 0.35 and confidence < 0.4"),
        ("", "confidence", None, 0.05, "confidence < 0.05"),
        ("", "confidence", 0.95, None, "confidence >= 0.95"),
        ("confidence < 0.2 and level == 1", "confidence", 0.5, None, "confidence >= 0.5 and level == 1"),
        ("", "level", 2.0, 3.0, "level == 2"),
        ("", "tokens", 8.0, 16.0, "tokens between 8 and 15"),
        ("tokens between 8 and 15", "tokens", None, None, ""),
    ],
)
def test_a_bar_is_a_range(before, column, low, high, after):
    assert narrow(before).limit(column, low, high).text == after


def test_every_narrower_filter_can_be_read_again():
    text = narrow("not (level == 2 or flagged)").toggle("model", 'x" or true').limit("seconds", 0.1, 1e-9).text
    assert str(parse_filter(text)) == text
