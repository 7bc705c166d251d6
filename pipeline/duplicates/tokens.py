"""Texts as words: the same but for case, spacing, punctuation and notation is the same, another number is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from tracewright.pipeline.duplicates.notation import to_plain

_TOKEN = re.compile(
    # A word in ASCII: most are, and found first.
    r"[a-z]+(?![^\W\d_])"
    # A number; a list such as 1,2,3 is several.
    r"|\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\.?\d+(?:\.\d+)*"
    # One character of a script without spaces; any other word; a sign that changes the meaning.
    r"|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W\d_]+|[+*/=<>^%±∓≤≥≠√]"
    # A hyphen of a word, as in 12-packs and by-pass, is none.
    r"|-(?!(?<=[^\W\d_][^\W\d_]-)\w)(?!(?<=\w-)[^\W\d_][^\W\d_])"
    # An exclamation mark in a formula is a factorial.
    r"|(?<=[\d)])!(?=\s{0,2}[-+*/=^)<>!?}$])"
    # Parentheses say what is calculated first where signs follow; elsewhere they are punctuation.
    r"|\((?=(?:[\d\s.,()%]|\b[a-z]\b){0,40}[-+*/^])|\)(?=\s{0,2}[-+*/^])"
)
_DECIMAL = re.compile(r"\d*\.\d+")
_SIGNS = frozenset("-+*/=<>^%±∓≤≥≠√()!")
_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SAME = {
    **{word: str(number) for number, word in enumerate(_TO_NINETEEN.split())},
    **{word: str(10 * number) for number, word in enumerate(_TENS.split(), start=2)},
    **{"percent": "%", "plus": "+", "minus": "-"},
}
_LARGE = "hundred thousand million billion trillion dozen once twice thrice double triple quadruple"
_PARTS = "half halves third thirds quarter quarters fifths sixths sevenths eighths ninths tenths hundredth thousandth"
_ORDINALS = "first second fourth fifth sixth seventh eighth ninth tenth eleventh twelfth twentieth"
_SIGNS_IN_WORDS = "more less fewer even odd sin cos tan cot sec csc arcsin arccos arctan log ln"
_QUANTITIES = frozenset(" ".join((_LARGE, _PARTS, _ORDINALS, _SIGNS_IN_WORDS)).split())
_HASH_BYTES = 8
_REMEMBERED_TOKENS = 65_536


def tokenize(text: str) -> list[str]:
    """The text's words, numbers and signs of arithmetic, in lower case; compare them in their `canonical` form."""
    return _TOKEN.findall(normalize(text))


def normalize(text: str) -> str:
    """Lower case and plain notation."""
    return to_plain(text)


def token_spans(normal: str) -> list[tuple[int, int]]:
    """Where each token stands in a text that is normalized."""
    return [match.span() for match in _TOKEN.finditer(normal)]


@lru_cache(maxsize=_REMEMBERED_TOKENS)
def canonical(token: str) -> str:
    """The same for tokens that mean the same: 1,000 and 1000, $3 and $3.00, nine and 9, percent and %."""
    if not token[-1].isdigit():
        return _SAME.get(token, token)
    token = token.replace(",", "")
    if _DECIMAL.fullmatch(token):
        whole, _, decimals = token.partition(".")
        decimals = decimals.rstrip("0")
        token = f"{whole or '0'}.{decimals}" if decimals else whole or "0"
    return token


@lru_cache(maxsize=_REMEMBERED_TOKENS)
def is_quantity(token: str) -> bool:
    """Whether the token is a number in digits or in words, or a sign of arithmetic: what must not differ."""
    token = canonical(token)
    return token[-1].isdigit() or token in _SIGNS or token in _QUANTITIES


def hash_bytes(data: bytes) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(blake2b(data, digest_size=_HASH_BYTES).digest(), "little")


class Vocabulary(dict[str, int]):
    """From a token to a 64-bit hash of what it means, the same in every process; remembers what it was asked."""

    def __missing__(self, token: str) -> int:
        made = hash_bytes(canonical(token).encode(errors="replace"))
        self[token] = made
        return made

    def hash_all(self, tokens: Sequence[str]) -> np.ndarray:
        """The tokens' hashes, in order."""
        return np.fromiter(map(self.__getitem__, tokens), np.uint64, len(tokens))
