"""Maths of a completion as MathML that is safe to put into a page.

latex2mathml parses the source; its tree is rebuilt here from an allow-list of elements and attributes, all text
escaped, so that nothing of the source can become anything but maths. What can't be rendered is shown as its source.
"""

from __future__ import annotations

import html
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markupsafe import Markup, escape

MAX_SOURCE_CHARS = 4_000
"""The slowest source of this length takes 0.1 s; one of 100,000 took 12 s."""
MAX_DEPTH = 40
"""Elements around an element: deeper trees are slow to lay out."""
MAX_ELEMENTS = 3_000
MAX_KNOWN = 4_096
"""Formulas whose rendering is kept."""

_ELEMENTS = frozenset(
    [
        "math",
        "menclose",
        "mfrac",
        "mi",
        "mmultiscripts",
        "mn",
        "mo",
        "mover",
        "mpadded",
        "mphantom",
        "mprescripts",
        "mroot",
        "mrow",
        "ms",
        "mspace",
        "msqrt",
        "mstyle",
        "msub",
        "msubsup",
        "msup",
        "mtable",
        "mtd",
        "mtext",
        "mtr",
        "munder",
        "munderover",
        "none",
    ]
)
_ATTRIBUTES = {
    "accent": r"true|false",
    "accentunder": r"true|false",
    "columnalign": r"(?:left|center|right)(?: (?:left|center|right)){0,20}",
    "columnspacing": r"[0-9.a-z ]{1,60}",
    "columnspan": r"[0-9]{1,2}",
    "displaystyle": r"true|false",
    "fence": r"true|false",
    "form": r"prefix|infix|postfix",
    "largeop": r"true|false",
    "linethickness": r"[0-9.]{1,4}(?:px|pt|em|ex)?",
    "mathvariant": r"[a-z-]{1,30}",
    "maxsize": r"[0-9.]{1,4}(?:em|ex|%)",
    "minsize": r"[0-9.]{1,4}(?:em|ex|%)",
    "movablelimits": r"true|false",
    "notation": r"[a-z ]{1,60}",
    "rowspacing": r"[0-9.a-z ]{1,60}",
    "scriptlevel": r"[+-]?[0-4]",
    "separator": r"true|false",
    "stretchy": r"true|false",
    "symmetric": r"true|false",
    "width": r"[+-]?[0-9]?\.?[0-9]{1,4}(?:em|ex)",
}
_VALUES = {name: re.compile(pattern) for name, pattern in _ATTRIBUTES.items()}
_NUMBERED = re.compile(r"\\(begin|end)\{(align|gather|equation|multline|alignat)\}")


class _RefusedError(ValueError):
    """The tree is too deep or too large, or holds what can't be shown."""


class MathsRenderer:
    """Renders formulas, and keeps those that come again. For many threads at once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bool], Markup | None] = OrderedDict()
        self._lock = threading.Lock()

    def render(self, source: str, *, display: bool) -> Markup | None:
        """A `<math>` element; None where the source can't be rendered."""
        key = (source, display)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made = render_maths(source, display=display)
        with self._lock:
            self._known[key] = made
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return made


def render_maths(source: str, *, display: bool) -> Markup | None:
    """A LaTeX formula (without delimiters) as a `<math>` element; None where it can't be rendered."""
    if not source.strip() or len(source) > MAX_SOURCE_CHARS or _nests_deeper(source):
        return None
    try:
        tree = convert_to_element(_NUMBERED.sub(r"\\\1{\2*}", source), display="block" if display else "inline")
        parts = [*_write(tree, 0, [0])]
    except (_RefusedError, RecursionError):
        return None
    except Exception:  # noqa: BLE001 - its errors have no common root; the source is shown instead
        return None
    kind = "block" if display else "inline"
    body = "".join(parts).removeprefix("<math>").removesuffix("</math>")
    return Markup(f'<math display="{kind}">{body}</math>')  # noqa: S704 - made of the allow-list and escaped text


def _nests_deeper(source: str) -> bool:
    depth = 0
    for character in source:
        depth += (character == "{") - (character == "}")
        if depth > MAX_DEPTH:
            return True
    return False


def _write(element: Element, depth: int, count: list[int]) -> Iterator[str]:
    count[0] += 1
    if depth > MAX_DEPTH or count[0] > MAX_ELEMENTS:
        raise _RefusedError
    name = element.tag if element.tag in _ELEMENTS else "mrow"
    yield f"<{name}{_write_attributes(element)}>"
    yield _write_text(element.text)
    for child in element:
        yield from _write(child, depth + 1, count)
        yield _write_text(child.tail)
    yield f"</{name}>"


def _write_attributes(element: Element) -> str:
    kept = sorted((name, value) for name, value in element.attrib.items() if _is_allowed(name, value))
    return "".join(f' {name}="{value}"' for name, value in kept)


def _is_allowed(name: str, value: str) -> bool:
    pattern = _VALUES.get(name)
    return pattern is not None and pattern.fullmatch(value) is not None


def _write_text(text: str | None) -> str:
    if not text:
        return ""
    plain = html.unescape(text)
    if plain.startswith("\\") and len(plain) > 1:
        raise _RefusedError  # a command that the parser does not know
    return str(escape(plain))
