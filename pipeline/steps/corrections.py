"""Where the author takes a step back: "wait, that's wrong: 3 × 4 = 12"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tracewright.pipeline.steps.claims import Claim, Finding
from tracewright.schemas import CheckOutcome

_PAUSE = r"wait|hold on|hmm+|oops|actually|sorry|hang on|correction|let me|on second thought"
_WRONG = (
    r"(?:wrong|incorrect|not right|not correct|n't right|n't correct|mistaken|an error|a mistake|off by|miscalculated)"
)
_ADMISSION = (
    r"\b(?:that|this|it|which|above|previous|earlier|calculation|answer|result|step|equation|line)"
    rf"(?:\s+(?:is|was|are|were|seems|looks|must be|has)|'s|\s*is|\s+ca)\b[^.!?\n]{{0,15}}{_WRONG}\b"
    r"|\b(?:I|we)(?:'ve|\s+have)?\s+(?:just\s+)?(?:made (?:an?|some) \w*\s*(?:mistake|error|slip)|miscalculated|misread"
    r"|miscounted|messed|mis(?:took|copied|wrote|stated|applied))\b|\bI forgot\b"
    r"|\bmy (?:mistake|bad|error)\b|\bscratch that\b"
)
_AGAIN = (
    r"(?:re-?check|re-?do|re-?calculat|re-?comput|re-?count|re-?consider|correct (?:that|this|it|the)"
    r"|fix (?:that|this|it)|try again|start over|go back|should have been|double[- ]check)"
)
_MARKER = re.compile(
    rf"(?P<admission>{_ADMISSION})|(?P<pause>(?:^|(?<=[.!?\n>*]))\W*(?:{_PAUSE})\b)|(?P<again>\b{_AGAIN})",
    re.IGNORECASE,
)
_HINTS = (
    "wait", "hold on", "hmm", "oops", "actually", "sorry", "hang on", "correct", "let me", "thought", "wrong",
    "t right",
    "mista", "error", "miscal", "misread", "miscount", "misst", "miswr", "misap", "miscop", "mess", "forgot", "scratch",
    "rech", "redo", "recalc", "recomp", "recount", "recons", "re-", "try again", "start over", "go back", "should have",
    "off by", "double", "my bad", "fix",
)  # fmt: skip
"""A text without one of these takes nothing back: looking for them costs a tenth of the pattern."""
MAX_DISTANCE = 4
"""Steps between a mistake and the words that take it back; a later word is about something else."""


class Marker(NamedTuple):
    """Words that take something back; `is_admission` where they say that something was wrong."""

    start: int
    is_admission: bool


def find_marker(text: str) -> Marker | None:
    """The first words of a text that may take something back."""
    if not _has_hint(text):
        return None
    marker: Marker | None = None
    for match in _MARKER.finditer(text):
        if match["admission"] is not None:
            return Marker(match.start() if marker is None else marker.start, True)
        marker = marker or Marker(match.start(), False)
    return marker


def _has_hint(text: str) -> bool:
    lowered = text.lower()
    if lowered == text.upper():
        # Nothing but figures and signs.
        return False
    return any(hint in lowered for hint in _HINTS)


def withdraw_within(text: str, claims: Sequence[Claim]) -> list[Claim]:
    """The claims, those unchecked that fail and are taken back further on in the same step."""
    marker = find_marker(text) if any(claim.outcome is CheckOutcome.FAILS for claim in claims) else None
    if marker is None:
        return list(claims)
    later = [claim for claim in claims if claim.start >= marker.start and claim.outcome is CheckOutcome.HOLDS]
    return [
        claim._replace(outcome=CheckOutcome.UNCHECKED, reason=f"{claim.reason}; taken back in the same step")
        if claim.outcome is CheckOutcome.FAILS and claim.end <= marker.start and (later or marker.is_admission)
        else claim
        for claim in claims
    ]


def find_corrections(texts: Sequence[str], findings: Sequence[Finding]) -> dict[int, int]:
    """For each step that is taken back, the later step that does so.

    A step that says so and works the same thing out again corrects the step that did so first. One that admits a
    mistake without that takes back the last step before it that claims something, and with it the nearest step that
    fails on which that one rests.
    """
    corrections: dict[int, int] = {}
    if not _has_hint("\n".join(texts)):
        # Most traces take nothing back: one look at the whole costs a tenth of a look at each step.
        return corrections
    for index, text in enumerate(texts):
        marker = find_marker(text) if index else None
        if marker is None:
            continue
        first = max(0, index - MAX_DISTANCE)
        again = _find_repeated([found.claims for found in findings], first, index)
        if again is not None:
            corrections.setdefault(again, index)
        elif marker.is_admission:
            said = next((step for step in range(index - 1, first, -1) if findings[step].claims), first)
            grounds = _find_grounds(findings, said)
            failed = [step for step in range(first, index) if step in grounds and _fails(findings[step].claims)]
            corrections.setdefault(failed[-1] if failed else index - 1, index)
    return corrections


def _find_grounds(findings: Sequence[Finding], step: int) -> set[int]:
    """The step and all earlier ones on which it rests."""
    grounds: set[int] = set()
    waiting = [step]
    while waiting:
        ground = waiting.pop()
        if ground >= 0 and ground not in grounds:
            grounds.add(ground)
            waiting.extend(findings[ground].depends_on)
    return grounds


def _find_repeated(claims: Sequence[Sequence[Claim]], first: int, index: int) -> int | None:
    """The latest step before `index` with a failing claim about something that is now worked out again and holds."""
    right = {_squeeze(claim.subject) for claim in claims[index] if claim.outcome is CheckOutcome.HOLDS}
    if index + 1 < len(claims):
        right |= {_squeeze(claim.subject) for claim in claims[index + 1] if claim.outcome is CheckOutcome.HOLDS}
    for step in range(index - 1, first - 1, -1):
        if any(claim.outcome is CheckOutcome.FAILS and _squeeze(claim.subject) in right for claim in claims[step]):
            return step
    return None


def _fails(claims: Sequence[Claim]) -> bool:
    return any(claim.outcome is CheckOutcome.FAILS for claim in claims)


def _squeeze(text: str) -> str:
    return "".join(text.split())
