"""The program in a completion."""

from __future__ import annotations

import re

from tracewright.pipeline.verify.extraction.extract import AnswerSource, Extraction

_FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n", re.MULTILINE)
_PYTHON = frozenset({"", "python", "python3", "py", "py3"})
_DEFINITION = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=", re.MULTILINE)
_NAME = re.compile(r"\b[A-Za-z_]\w*")


def extract_program(text: str, tests: str = "") -> Extraction | None:
    """The last fenced Python block that defines a name which the tests use, else the last one, else the bare text.

    None where the text is empty or has fenced blocks in other languages only.
    """
    blocks = _fenced_blocks(text)
    if not blocks:
        return Extraction(text, AnswerSource.WHOLE, 0) if text.strip() and not _FENCE.search(text) else None
    used = set(_NAME.findall(tests))
    for start, block in reversed(blocks):
        if used & {name for names in _DEFINITION.findall(block) for name in names if name}:
            return Extraction(block, AnswerSource.CODE_BLOCK, start)
    start, block = blocks[-1]
    return Extraction(block, AnswerSource.CODE_BLOCK, start)


def _fenced_blocks(text: str) -> list[tuple[int, str]]:
    """The Python blocks with where they begin; one that is never closed goes to the end of the text."""
    blocks: list[tuple[int, str]] = []
    position = 0
    while opening := _FENCE.search(text, position):
        closing = re.compile(rf"^[ \t]*{re.escape(opening['marks'])}[ \t]*$", re.MULTILINE).search(text, opening.end())
        end = closing.start() if closing else len(text)
        if opening["language"].lower() in _PYTHON and text[opening.end() : end].strip():
            blocks.append((opening.start(), text[opening.end() : end]))
        if closing is None:
            break
        position = closing.end()
    return blocks
