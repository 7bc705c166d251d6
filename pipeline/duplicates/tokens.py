"""Texts as words: what differs in case, spacing or punctuation alone is the same, what differs in a number is not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

_TOKEN = re.compile(
    # Numbers with their separators, one character of a script without spaces, a word, a sign that changes the meaning.
    r"\.?\d+(?:[.,]\d+)*|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W\d_]+|[-+*/=<>^%±×÷≤≥≠√−⁄]"
    # Parentheses say what is calculated first where signs follow; elsewhere they are punctuation.
    r"|\((?=(?:[\d\s.,()%]|\b[a-z]\b){0,40}[-+*/^×÷−])|\)(?=\s{0,2}[-+*/^×÷−])"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SIGNS = frozenset("-+*/=<>^%±×÷≤≥≠√−⁄()")
_NUMBER_WORDS_TEXT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half "
    "third quarter twice thrice double triple dozen first second"
)
_NUMBER_WORDS = frozenset(_NUMBER_WORDS_TEXT.split())
_HASH_BYTES = 8
_REMEMBERED_TOKENS = 65_536


def tokenize(text: str) -> list[str]:
    """The text's words, numbers (without thousands separators) and signs of arithmetic, in lower case."""
    tokens = _TOKEN.findall(normalize(text))
    return [_without_separators(token) if "," in token else token for token in tokens] if "," in text else tokens


def normalize(text: str) -> str:
    """Lower case and Unicode's compatible form."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def token_spans(normal: str) -> list[tuple[int, int]]:
    """Where each token stands in a text that is normalized."""
    return [match.span() for match in _TOKEN.finditer(normal)]


@lru_cache(maxsize=_REMEMBERED_TOKENS)
def is_quantity(token: str) -> bool:
    """Whether the token is a number in digits or in words, or a sign of arithmetic: what must not differ."""
    return token[-1].isdigit() or token in _NUMBER_WORDS or token in _SIGNS


def _without_separators(token: str) -> str:
    return token.replace(",", "") if _THOUSANDS.fullmatch(token) else token


def hash_bytes(data: bytes) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(blake2b(data, digest_size=_HASH_BYTES).digest(), "little")


class Vocabulary(dict[str, int]):
    """From a token to a 64-bit hash of it, the same in every process; remembers what it was asked."""

    def __missing__(self, token: str) -> int:
        made = hash_bytes(token.encode(errors="replace"))
        self[token] = made
        return made

    def hash_all(self, tokens: Sequence[str]) -> np.ndarray:
        """The tokens' hashes, in order."""
        return np.fromiter(map(self.__getitem__, tokens), np.uint64, len(tokens))
