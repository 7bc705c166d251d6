"""Words without what does not change them: case, articles, accents, punctuation, spelling of numbers."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_COMMAND = re.compile(r"\\(?:text|mbox|textbf|textit|mathrm|mathbf|operatorname|textrm)\b|\\[,;:! ]|[${}~]")
_POSSESSIVE = re.compile(r"['’`´]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_PUNCTUATION = re.compile(r"[^\w%+#\-/.]+|(?<!\d)\.|\.(?!\d)|_")
_HYPHEN = re.compile(r"(?<=[^\W\d])[-/](?=[^\W\d])")
_SYNONYMS = {
    **dict.fromkeys(
        ("no solution", "no solutions", "no real solution", "no real solutions", "empty set"), "no solution"
    ),
    **dict.fromkeys(("dne", "does not exist", "doesnt exist", "undefined", "not defined"), "undefined"),
    **dict.fromkeys(("infinitely many", "infinitely many solutions", "infinite solutions"), "infinitely many"),
}


def normal_words(text: str, *, ignore_case: bool = True) -> str:
    """The text in its normal form: two texts that say the same in the same words have the same one."""
    text = unicodedata.normalize("NFKD", _COMMAND.sub(" ", text))
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = text.casefold() if ignore_case else text
    text = _THOUSANDS.sub("", text).replace(" %", "%")
    text = _INITIALS.sub(lambda found: found.group().replace(".", ""), text)
    text = _HYPHEN.sub(" ", _POSSESSIVE.sub("", text))
    text = _ARTICLES.sub(" ", _PUNCTUATION.sub(" ", text))
    return " ".join(text.split())


def same_words(a: str, b: str, *, ignore_case: bool = True) -> bool:
    """Whether two texts have the same normal form; two that have none are not the same."""
    left, right = (normal_words(text, ignore_case=ignore_case) for text in (a, b))
    return bool(left) and _SYNONYMS.get(left, left) == _SYNONYMS.get(right, right)
