"""Where the numbers that a step uses come from."""

from __future__ import annotations

import re

from tracewright.pipeline.steps.memory import QUESTION, Memory, Standing
from tracewright.pipeline.steps.reading import StepReading


def find_sources(memory: Memory, reading: StepReading) -> set[int]:
    """The steps, or the question, that the step's numbers come from, those apart that it arrives at itself."""
    worked = memory.worked
    if worked is not None and _is_worked(reading, worked):
        # The digits of column work come from the expression that is worked, not from where they were seen before.
        return {worked.step}
    producers, given = memory.producers, memory.question.numbers
    sources: set[int] = set()
    for _, content in reading.pieces:
        for value in content.used:
            source = producers.get(value)
            if source is not None:
                sources.add(source)
            elif value in given:
                sources.add(QUESTION)
            elif (mention := memory.mentions.get(value)) is not None:
                sources.add(mention)
    return sources


def find_references(memory: Memory, index: int, text: str) -> set[int]:
    """The earlier steps that a step names by their number: `from step 2`. Its own number is remembered."""
    label = _LABEL.match(text)
    found: set[int] = set()
    if memory.labels and "step" in text.lower():
        named = {int(match[1]) for match in _REFERENCE.finditer(text, label.end() if label else 0)}
        found = {memory.labels[number] for number in named if number in memory.labels}
    if label is not None:
        memory.labels[int(label[1] or label[2])] = index
    return found


_LABEL = re.compile(r"[\s*_#>]*(?:step\s+(\d{1,3})\b|\(?(\d{1,3})[.)]\s)", re.IGNORECASE)
_REFERENCE = re.compile(r"\bsteps?\s+(\d{1,3})\b", re.IGNORECASE)


def _is_worked(reading: StepReading, worked: Standing) -> bool:
    """Whether the step is a line of worked arithmetic: `…; = …`, or equations after such a line."""
    chains = [chain for _, content in reading.pieces for chain in content.chains]
    return bool(chains) and (worked.step >= 0 or any(chain.follows == ";" for chain in chains))
