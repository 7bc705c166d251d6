"""YAML text to plain values: the core schema of YAML 1.2, and nothing that could build an object.

PyYAML's own rules are those of YAML 1.1, in which `no` is false, `010` is eight, `2024-01-01` is a date and `1e-4` is
text. A config that is hashed into what it produced must not depend on such surprises, so only the parser and composer
are used and scalars are read here. Keys always are text; a repeated key, an alias or a tag is a fault.
"""

from __future__ import annotations

import re

import yaml
from pydantic import JsonValue

_MAX_DEPTH = 32
_MAX_NUMBER_CHARACTERS = 64

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class YamlError(ValueError):
    """Why a text is not a config; the message names the line."""


class _Composer(yaml.SafeLoader):
    """Composes nodes without resolving any tag, and no deeper than a config needs."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise YamlError(f"{_place(self.peek_event())}: an alias (*name), which a config can't use: write it out")
        tag = getattr(self.peek_event(), "tag", None)
        if tag is not None:
            raise YamlError(f"{_place(self.peek_event())}: the tag {tag}, which a config can't use: leave it out")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise YamlError(f"{_place(self.peek_event())}: more than {_MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def parse_yaml(text: str) -> JsonValue:
    """The one document in the text as plain values; None for an empty one.

    Raises:
        YamlError: the text is not YAML, or uses what a config can't hold.
    """
    try:
        node = _Composer(text).get_single_node()
    except yaml.YAMLError as error:
        raise YamlError(_describe(error)) from error
    return None if node is None else _value(node)


def _value(node: yaml.Node) -> JsonValue:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    is_quoted = getattr(node, "style", None) is not None
    return _text(node) if is_quoted else _plain(_text(node))


def _mapping(node: yaml.MappingNode) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = {}
    first: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(f"{_place(key)}: a key that is a list or a mapping, expected text")
        name = _text(key)
        if name in values:
            raise YamlError(f"{_place(key)}: the key {name!r} again, first given on {_place(first[name])}")
        first[name] = key
        values[name] = _value(value)
    return values


def _text(node: yaml.Node) -> str:
    if _LONE_SURROGATE.search(node.value):
        raise YamlError(f"{_place(node)}: half of a character (a lone surrogate), which no encoding can hold")
    return node.value


def _plain(text: str) -> JsonValue:
    """An unquoted scalar, read by the core schema of YAML 1.2 (section 10.3.2)."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if len(text) > _MAX_NUMBER_CHARACTERS:
        return text
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, base=0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else text


def _place(marked: yaml.Node | yaml.Event) -> str:
    mark = marked.start_mark
    return "line ?" if mark is None else f"line {mark.line + 1}"


def _describe(error: yaml.YAMLError) -> str:
    """PyYAML's message on one line, without the excerpt that it draws over several."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        context = f" {error.context}" if error.context else ""
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: not YAML{context}: {error.problem}"
    return f"not YAML: {' '.join(str(error).split())}"
