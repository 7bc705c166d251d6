"""GSM8K's way of writing answers down (Cobbe et al. 2021, arXiv:2110.14168)."""

from __future__ import annotations

from tracewright.pipeline.sources.rows import RowError

HUMAN_MARK = "####"
MODEL_MARK = "A:"
"""Ends the solutions of the models, and the gold ones beside them."""


def final_answer(solution: str, *marks: str) -> str:
    """What stands after the last mark at the beginning of a line, without thousands separators.

    Raises:
        RowError: there is no such line, or nothing stands after the mark.
    """
    for line in reversed(solution.splitlines()):
        for mark in marks:
            if line.lstrip().startswith(mark):
                return _bare(line.lstrip().removeprefix(mark), mark)
    raise RowError(f"no line begins with {' or '.join(marks)}, after which the answer is expected")


def _bare(text: str, mark: str) -> str:
    answer = text.replace(",", "").strip()
    if not answer:
        raise RowError(f"nothing stands after {mark}, expected the answer")
    return answer
