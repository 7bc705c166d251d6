"""The words of the language of answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a token is."""

    NUMBER = auto()
    LETTER = auto()
    CONSTANT = auto()
    FUNCTION = auto()
    WORD = auto()
    SIGN = auto()
    COMMAND = auto()
    """A LaTeX command with arguments, such as `frac`."""
    END = auto()


class Commas(Enum):
    """How a comma between digits, with no space, is read outside of brackets."""

    GROUPS = auto()
    """`1,234` is one number and `1,2` are two."""
    LISTS = auto()
    """It always separates."""
    DECIMALS = auto()
    """`1,2` is one number."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, its text in the vocabulary's form, and whether space stands before it."""

    kind: Kind
    text: str
    spaced: bool = False
