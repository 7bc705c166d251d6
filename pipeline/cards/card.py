"""The data card: `README.md` of a release."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template

from tracewright.pipeline.cards.header import render_header
from tracewright.pipeline.cards.limits import find_limits, is_human, is_on_record, share
from tracewright.pipeline.cards.markdown import block, cell, code
from tracewright.pipeline.cards.pictures import PICTURES
from tracewright.pipeline.cards.stages import STAGE_MEANINGS
from tracewright.schemas.release import ReleaseManifest, ReleaseRow, StageSettings

_TEMPLATE = "release.md.jinja"


def render_card(manifest: ReleaseManifest) -> str:
    """The card as Markdown with a YAML header. The same manifest gives the same card; every figure is one of its own.

    The manifest's list of files counts as far as it holds data: the card itself is not in it yet.
    """
    return _template().render(
        manifest=manifest,
        header=render_header(manifest),
        limits=find_limits(manifest),
        columns=_describe_columns(),
        steps=sum(manifest.checks.values()),
        pictures={file.path: PICTURES[file.path] for file in manifest.files if file.path in PICTURES},
        stage_meanings=STAGE_MEANINGS,
    )


@cache
def _template() -> Template:
    # No HTML escaping: the output is Markdown, and every value from outside passes one of the filters below.
    environment = Environment(
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    environment.tests.update(_TESTS)
    return environment.from_string(files("tracewright.pipeline.cards").joinpath(_TEMPLATE).read_text(encoding="utf-8"))


def _describe_columns() -> list[tuple[str, str]]:
    described = {name: field.description or "" for name, field in ReleaseRow.model_fields.items()}
    return [(name, _COLUMNS.get(name) or " ".join(text.split())) for name, text in described.items()]


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
    "sample": "Which of the teacher's samples for the problem this is, from 0.",
}


def _settings(stages: Sequence[StageSettings]) -> str:
    """The stages' settings as YAML in a block."""
    return block(yaml.safe_dump([stage.describe() for stage in stages], sort_keys=False, allow_unicode=True).rstrip())


def _count(number: int) -> str:
    return f"{number:,}"


def _figure(number: float) -> str:
    return f"{number:.3f}"


_FILTERS: dict[str, Any] = {
    "code": code,
    "cell": cell,
    "block": block,
    "count": _count,
    "figure": _figure,
    "share_of": share,
    "settings": _settings,
}
_TESTS: dict[str, Any] = {"on_record": is_on_record, "human": is_human}
