"""Two answers of the mathematics kind, from their texts: the cheap part of the cascade, in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from tracewright.pipeline.verify.comparison.clean import clean_answer, strip_delimiters
from tracewright.pipeline.verify.comparison.clock import read_clock, same_clock
from tracewright.pipeline.verify.comparison.compare import compare_answers
from tracewright.pipeline.verify.comparison.dates import DATE, may_be_date, read_date
from tracewright.pipeline.verify.comparison.normal_text import normal_words, same_words
from tracewright.pipeline.verify.comparison.short_text import compare_texts
from tracewright.pipeline.verify.comparison.units import read_unit
from tracewright.pipeline.verify.evaluation.budget import begin_comparison
from tracewright.pipeline.verify.evaluation.values import Algebra, Finding, Truth
from tracewright.pipeline.verify.failures import LimitError, UnreadableError
from tracewright.pipeline.verify.grammar.nodes import Apply, Listing, Node, Number, Quantity, Words, walk
from tracewright.pipeline.verify.grammar.notations import in_figures, with_binomials
from tracewright.pipeline.verify.grammar.number_words import read_number_words
from tracewright.pipeline.verify.grammar.parser import changes_number, parse_answer
from tracewright.pipeline.verify.grammar.tokens import Commas
from tracewright.pipeline.verify.grammar.vocabulary import SUPERSCRIPTS
from tracewright.pipeline.verify.policy import Policy

_COMMA_BETWEEN_DIGITS = re.compile(r"\d,\d")
_PLAIN_INTEGER = re.compile(r"-?\d{1,300}")
_FRACTION = re.compile(
    r"(-)?(?:(\d{1,30}) ?/ ?(\d{1,30})|\\[dt]?frac ?\{(\d{1,30})\} ?\{(\d{1,30})\}|(\d{1,30}(?:\.\d{1,30})?))", re.ASCII
)
_LABELLED = re.compile(
    r"(?P<amount>-?[$€£¥₹]?-?\d[\d,.]*)\s+(?P<label>[^\W\d_]+(?:[ ,'’.-]+[^\W\d_]{2,})+|[^\W\d_]{3,}|[mgshLlNJWV])"
)
_COMPOUND = re.compile(
    r"(?P<many>\d+)\s*(?P<larger>[a-z]+)\.?(?:\s*,)?(?:\s+and)?\s+(?P<few>\d+(?:\.\d+)?)\s*(?P<smaller>[a-z]+)\.?"
)
_HAS_MATHEMATICS = re.compile(r"[\d=<>+*/^|(){}\[\]\\!'-]")
_TEXT_COMMAND = re.compile(r"\\(?:text|mbox|mathrm)\s*\{[^\W\d_](?:[^\W\d_]| )*\}")
_NO_ANSWERS = frozenset({"nan", "null", "n/a", "na", "none of these", "?"})
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_REMARK = re.compile(r"(?<=\d) \((?!or\b|and\b)[A-Za-z][A-Za-z ,]{2,}\)$")
_RESULT = re.compile(r"[^=\\]*\b[A-Za-z]{3,}\b[^=\\]*=\s*(?P<value>[^=]+)")
"""A calculation with words in it, such as `50 snowballs / 200 snowballs * 100% = 25%`."""
_RESTATED = re.compile(
    r"(?P<value>[^()]{1,300}) \((?:≈|\\approx|i\.e\.,?|=|or)?\s*(?P<again>[\d.][^()]{0,100})\)(?: [a-z ]{2,40})?"
)
"""`0.25 (25%)`, which says the same twice unless it is a product."""
_MAX_RESULT_CHARS = 300
_SPACE = re.compile(r"(?<![^\W_])\s+|\s+(?![^\W_])")
"""Between two letters or digits a space may have a meaning: `4 2` is not 42."""


def prepare(text: str) -> str:
    """The answer's text, cleaned; without an ordinal's ending and a remark in parentheses behind a number."""
    text = strip_delimiters(clean_answer(text))
    return _REMARK.sub("", _ORDINAL.sub("", text))


def compare_mathematics(gold: str, given: str, policy: Policy, algebra: Algebra | None = None) -> Finding:
    """Whether two cleaned answers are the same. UNKNOWN where one can't be read or only algebra could say."""
    if gold.casefold() in _NO_ANSWERS:
        return Finding(Truth.REFUSED, "text", "the gold answer is none")
    if _SPACE.sub("", gold) == _SPACE.sub("", given):
        return Finding(Truth.SAME, "exact", "as written")
    words = _TEXT_COMMAND.sub("", gold)
    if not _HAS_MATHEMATICS.search(words) and same_words(gold, given, ignore_case=len(gold) > 1):
        return Finding(Truth.SAME, "text", "the same words")
    if not policy.relative_tolerance and _PLAIN_INTEGER.fullmatch(gold) and _PLAIN_INTEGER.fullmatch(given):
        return Finding(Truth.SAME if int(gold) == int(given) else Truth.DIFFERENT, "rational")
    fraction = _read_fraction(gold)
    if fraction is not None and fraction == _read_fraction(given):
        return Finding(Truth.SAME, "rational")
    clocks = read_clock(gold), read_clock(given)
    if clocks[0] and clocks[1]:
        same = policy.time == "clock" and same_clock(clocks[0], clocks[1])
        return Finding(Truth.SAME if same else Truth.DIFFERENT, "time")
    found = _compare_dates(gold, given)
    if found is not None:
        return found
    begin_comparison()
    try:
        return _compare_readings(gold, given, policy, algebra)
    except RecursionError:
        return Finding(Truth.REFUSED, "limit", "an answer is nested too deep")


def _read_fraction(text: str) -> Fraction | None:
    """What most answers are, without a tree: `3/4`, `\\frac{3}{4}`, `-0.75`; None for all else, with a unit say."""
    found = _FRACTION.fullmatch(text)
    if found is None:
        return None
    sign, over, under, above, below, decimal = found.groups()
    if decimal is not None:
        value = Fraction(decimal)
    elif int(under or below) == 0:
        return None
    else:
        value = Fraction(int(over or above), int(under or below))
    return -value if sign else value


def _compare_dates(gold: str, given: str) -> Finding | None:
    """Whether both are one date; None where the gold answer is none, nor the day of one."""
    wanted, stated = (read_date(normal_words(text)) if may_be_date(text) else None for text in (gold, given))
    if wanted and stated:
        return Finding(Truth.SAME if wanted == stated else Truth.DIFFERENT, "date")
    if wanted and DATE.fullmatch(gold):
        return Finding(Truth.DIFFERENT, "date", "it is no date")
    if stated and DATE.fullmatch(given) and _PLAIN_INTEGER.fullmatch(gold):
        return Finding(Truth.SAME if int(gold) == int(stated[-2:]) else Truth.DIFFERENT, "date", "by the day")
    return None


def _compare_readings(gold: str, given: str, policy: Policy, algebra: Algebra | None) -> Finding:
    try:
        # `C(5,2)` is ten, but beside `C(5,3)` it may be a point.
        are_points = "C(" in gold and "C(" in given
        golds = list(readings(gold, decimal_comma=False, are_points=are_points))
        givens = list(readings(given, decimal_comma="." in gold, are_points=are_points))
    except (UnreadableError, LimitError) as error:
        return Finding(Truth.REFUSED, "text", f"it is not the gold answer's text, and {error}")
    findings = [compare_answers(a, b, policy, algebra) for a in golds for b in givens]
    if isinstance(golds[0], Words) and not any(found.truth is Truth.SAME for found in findings):
        return compare_texts(gold, given, policy)
    return next((found for found in findings if found.truth is Truth.SAME), findings[0])


def readings(text: str, *, decimal_comma: bool, are_points: bool) -> Iterator[Node]:
    """The trees that the text may mean: first the usual one, then those with other commas between digits.

    `C(5,2)` is also read as a binomial coefficient, unless `are_points`.

    Raises:
        LimitError, UnreadableError: it means nothing that can be read.
    """
    labelled = _compound(text) or _labelled(text)
    text = in_figures(text)
    binomials = text if are_points else with_binomials(text)
    try:
        first = parse_answer(text)
    except UnreadableError:
        result = _RESULT.fullmatch(text[:_MAX_RESULT_CHARS])
        if labelled is None and result is None and binomials == text:
            raise
        first = labelled or parse_answer(result["value"] if result else binomials)
    numeral = read_number_words(first.text) if isinstance(first, Words) else None
    first = parse_answer(numeral) if numeral else first
    yield first
    if labelled is not None and labelled != first:
        yield labelled
    restated = _restated(text)
    if restated is not None:
        yield restated
    if binomials != text:
        yield parse_answer(binomials)
    if not _COMMA_BETWEEN_DIGITS.search(text):
        return
    yield parse_answer(text, Commas.LISTS)
    if decimal_comma and not any(isinstance(part, Number) and part.decimals for part in walk(first)):
        yield parse_answer(text, Commas.DECIMALS)


def _restated(text: str) -> Node | None:
    """A value with the same again in parentheses."""
    found = _RESTATED.fullmatch(text)
    try:
        return found and Listing((parse_answer(found["value"]), parse_answer(found["again"])), alternative=True)
    except UnreadableError:
        return None


def _compound(text: str) -> Node | None:
    """One quantity in two units: `2 hours 30 minutes`, `5 ft 6 in`."""
    found = _COMPOUND.fullmatch(text)
    units = (read_unit(found["larger"]), read_unit(found["smaller"])) if found else (None, None)
    if found is None or not units[0] or not units[1] or units[0].dimensions != units[1].dimensions:
        return None
    smaller = Apply("*", (parse_answer(found["few"]), Number(units[1].factor / units[0].factor)))
    return Quantity(Apply("+", (parse_answer(found["many"]), smaller)), found["larger"])


def _labelled(text: str) -> Node | None:
    """A number and the words for what is counted, in any language: `5 men`, `79 g de cire`."""
    found = _LABELLED.fullmatch(text)
    if found is None or changes_number(found["label"]) or not SUPERSCRIPTS.keys().isdisjoint(found["label"]):
        return None
    try:
        return Quantity(parse_answer(found["amount"]), found["label"])
    except UnreadableError:
        return None
