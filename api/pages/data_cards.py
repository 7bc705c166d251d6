"""A release's card as HTML: Markdown without raw HTML, then an allow-list of elements."""

from __future__ import annotations

import itertools
import re

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

MAX_CARD_CHARS = 200_000
_HEADER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_TEXT_TAGS = {"h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "strong", "em", "code", "pre", "a", "hr", "br"}
_TAGS = _TEXT_TAGS | {"blockquote", "img", "table", "thead", "tbody", "tr", "th", "td"}
_TABLE_BEGIN = '<div class="scroll" role="region" aria-label="Table {}" tabindex="0"><table>'
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt"}}
_PICTURE = re.compile(r"pictures/[A-Za-z0-9_-]{1,80}\.[a-z]{3,4}")


def render_card(text: str, address: str | None = None) -> Markup:
    """The card beneath the page's own heading, which is its title. Pictures are those that lie beside the card and
    are served below `address`; any other is its description alone."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(_HEADER.sub("", text[:MAX_CARD_CHARS]))
    has_title = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    tokens = tokens[3 if has_title else 0 :]
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, max(2, int(token.tag[1:]) + (not has_title)))}"
        token.children = [_place_picture(child, address) for child in token.children or []]
    made = parser.renderer.render(tokens, parser.options, {})
    clean = nh3.clean(made, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"https", "http", "mailto"})
    count = itertools.count(1)
    framed = re.sub("<table>", lambda _: _TABLE_BEGIN.format(next(count)), clean).replace("</table>", "</table></div>")
    return Markup(framed)  # noqa: S704 - cleaned two lines before


def _place_picture(token: Token, address: str | None) -> Token:
    if token.type != "image":
        return token
    source = str(token.attrs["src"])
    if address is None or not _PICTURE.fullmatch(source):
        return Token("text", "", 0, content=token.content)
    token.attrs["src"] = f"{address}/{source}"
    return token
