"""What outcomes of checks, ways of comparing and columns mean, for people who do not know the pipeline."""

from __future__ import annotations

from tracewright.schemas.release import UNKNOWN, ReleaseManifest, ReleaseRow

METHOD_MEANINGS: dict[str, str] = {
    "exact": "answer and gold answer are the same text, but for spacing and notation",
    "numeric": "their values were computed and compared",
    "structural": "the same expression, written in another way",
    "symbolic": "compared by algebra",
    "set": "the same members in any order",
    "list": "the same members in order",
    "choice": "the same option",
    "tests": "the program was run on tests",
    "extraction": "one of the two answers was not found",
    "limit": "an answer was too long or took too long",
    "input": "the case could not be read",
}
"""By the name of what decided an outcome."""

CHECK_MEANINGS: dict[str, str] = {
    "holds": "all that the step claims was worked out and is so",
    "fails": "something that it claims is not so",
    "unchecked": "it claims nothing that can be worked out",
}

_COLUMNS: dict[str, str] = {
    "trace_id": "A hash of problem, teacher and sample: the same trace has the same id everywhere.",
    "problem_id": "The problem's id in its source.",
    "steps": "The completion cut into steps: text, span, confidence, check (`holds`, `fails`, `unchecked`) and label.",
    "messages": "The question as the user's turn, the completion as the assistant's.",
    "answer": "The answer as extracted from the completion.",
    "reasoning": "The span of the completion that is thinking; empty where the teacher does not mark it.",
    "method": "Which part of the verifier decided the outcome.",
    "gold": "The right answer, as the source gives it.",
    "outcome": "`correct`, `incorrect`, `unverifiable` or `error`: what comparing answer and gold gave.",
    "confidence": "The calibrated probability that the trace is right.",
    "answer_kind": "How answers are compared.",
    "tokens": "How many tokens the teacher wrote.",
    "source": "Where the problem comes from.",
    "domain": "The problem's field.",
    "level": "How hard the problem is by construction.",
    "license": "The problem's licence.",
    "model": "The teacher's model.",
    "fingerprint": "A hash of the teacher's model, revision, precision, tokenizer, template and sampling.",
    "decision": "The most careful of the reviewers' decisions that stand; empty where nobody decided.",
    "sample": "Which of the teacher's samples for the problem this is, from 0.",
}


def describe_columns(manifest: ReleaseManifest) -> list[tuple[str, str]]:
    """Every column with what it holds, and whether it holds nothing in this release."""
    described = {name: field.description or "" for name, field in ReleaseRow.model_fields.items()}
    empty = _find_empty(manifest)
    return [
        (name, (_COLUMNS.get(name) or " ".join(text.split())) + (f" {empty[name]}" if name in empty else ""))
        for name, text in described.items()
    ]


def _find_empty(manifest: ReleaseManifest) -> dict[str, str]:
    found: dict[str, str] = {}
    if not manifest.steps_with_confidence:
        found["confidence"] = "Empty in every row here."
    if not manifest.tokens:
        found["tokens"] = "Not on record here: 0 in every row."
    if not manifest.review_watermark:
        found |= {"decision": "Empty in every row here.", "first_error": "Empty in every row here."}
    for name, counts in (("domain", manifest.domains), ("level", manifest.levels), ("license", manifest.licenses)):
        if counts.keys() == {UNKNOWN}:
            found[name] = "Empty in every row here."
    return found
