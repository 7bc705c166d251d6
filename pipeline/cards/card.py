"""The data card: `README.md` of a release."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template

from tracewright.pipeline.cards.header import render_header
from tracewright.pipeline.cards.limits import find_limits, is_human, is_on_record, share
from tracewright.pipeline.cards.markdown import block, cell, code
from tracewright.pipeline.cards.meanings import CHECK_MEANINGS, METHOD_MEANINGS, describe_columns
from tracewright.pipeline.cards.pictures import PICTURES
from tracewright.pipeline.cards.stages import STAGE_MEANINGS
from tracewright.schemas.release import ReleaseManifest, StageSettings

_TEMPLATE = "release.md.jinja"
_LINE_CHARS = 100
"""A hub shows a block without wrapping: what is longer runs out of sight."""


def render_card(manifest: ReleaseManifest) -> str:
    """The card as Markdown with a YAML header. The same manifest gives the same card; every figure is one of its own.

    The manifest's list of files counts as far as it holds data: the card itself is not in it yet.
    """
    return _template().render(
        manifest=manifest,
        header=render_header(manifest),
        limits=find_limits(manifest),
        columns=describe_columns(manifest),
        steps=sum(manifest.checks.values()),
        pictures={file.path: PICTURES[file.path] for file in manifest.files if file.path in PICTURES},
        stage_meanings=STAGE_MEANINGS,
        method_meanings=METHOD_MEANINGS,
        check_meanings=CHECK_MEANINGS,
        command=block(_command(manifest), "sh"),
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


def _command(manifest: ReleaseManifest) -> str:
    """What makes the release again, from the store that it came from."""
    chosen = {"--slice": manifest.slice, "--where": manifest.where}
    options = [part for name, value in chosen.items() if value is not None for part in (name, value)]
    options += ["--reviews", str(manifest.review_watermark), "--seed", str(manifest.seed)]
    named = ["--name", manifest.name, "--version", manifest.version, "--at", str(manifest.store_version)]
    made = ["tracewright", "release", "create", "STORE", "--out", "DIR", *named, *options]
    return shlex.join([*made, "--test-share", str(manifest.test_share)])


def _settings(stages: Sequence[StageSettings]) -> str:
    """The stages' settings as YAML in a block."""
    return block(yaml.safe_dump([stage.describe() for stage in stages], sort_keys=False, allow_unicode=True).rstrip())


def _wrap(text: str) -> str:
    """The text with its long lines broken between words, the rest of each indented."""
    return "\n".join(_wrap_line(line) if len(line) > _LINE_CHARS else line for line in text.split("\n"))


def _wrap_line(line: str) -> str:
    wrapper = textwrap.TextWrapper(
        _LINE_CHARS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    wrapper.expand_tabs = wrapper.replace_whitespace = False
    return wrapper.fill(line)


def _count(number: int) -> str:
    return f"{number:,}"


def _figure(number: float) -> str:
    return f"{number:.3f}"


_FILTERS: dict[str, Any] = {
    "code": code,
    "cell": cell,
    "block": block,
    "wrap": _wrap,
    "count": _count,
    "figure": _figure,
    "share_of": share,
    "settings": _settings,
}
_TESTS: dict[str, Any] = {"on_record": is_on_record, "human": is_human}
