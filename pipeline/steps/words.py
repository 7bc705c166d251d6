"""Words around expressions: those that change what follows, those that mean nothing, those that end a unit."""

from __future__ import annotations

import re

from tracewright.pipeline.steps.units import find_unit

_MODIFIERS = {
    "twice", "double", "triple", "thrice", "quadruple", "half", "third", "thirds", "quarter", "quarters", "fourth",
    "fourths", "fifth", "fifths", "sixth", "seventh", "eighth", "ninth", "tenth", "negative", "average", "mean",
    "median", "root", "square", "squared", "cube", "cubed", "than", "as", "percent", "reciprocal", "inverse",
    "opposite", "remainder", "modulo", "mod", "log", "factorial", "percentage", "times", "every", "per", "product",
    "ratio", "power", "thousand", "hundred", "million", "dozen", "sin", "cos", "tan", "sqrt", "max", "min", "gcd",
    "probability", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twenty", "fifty", "one",
}  # fmt: skip
"""A word that changes what follows it, or that is a number itself: the expression after it may not be all."""
_CONNECTIVES = {"the", "a", "an", "that", "by", "of", "its", "their", "these", "those", "many", "much"}
APPROXIMATE = {"about", "approximately", "roughly", "around", "nearly", "almost", "approx"}
FILLERS = {"about", "approximately", "roughly", "around", "nearly", "almost", "approx", "only", "just", "exactly",
            "a total of", "total", "totally"}  # fmt: skip
LINKS = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|so|then|thus|gives?|gave|makes?|made|gets?|got|and|or|that|because|since|"
    r"which|means?|leaving|leaves|yields|be|being|if|when|while|where|therefore|hence|totals?|totaling|equal|but|he|she|"
    r"they|it|we|you|who|can|could|would|should|must|need|needs|earns|spends|pays|sold|sells|buys|bought)\b"
)
"""Words that are no part of a unit: what stands before them is over."""


def modifies(words: str) -> bool:
    """Whether the words change the expression after them, or are a part of it."""
    for word in reversed(words.rsplit(" ", 3)[-3:]):
        if word not in _CONNECTIVES:
            return word.lower() in _MODIFIERS
    return False


def joins_quantities(words: str) -> bool:
    """`1 hour 20 minutes`, `24 eggs in 1 tray`: the number before belongs to the one after."""
    return words == "in" or words.endswith(" in") or (" " not in words and find_unit(words) is not None)
