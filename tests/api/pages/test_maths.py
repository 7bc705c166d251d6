"""Maths from strangers: rendered or shown as its source, soon, and never anything else."""

import re

import pytest

from tracewright.api.pages.maths import render_maths
from tracewright.api.pages.prose import ProseBudget, ProseRenderer, split_text

TAG = re.compile(r"<(?!/?(?:math|m[a-z]+)\b)[^>]*>")


@pytest.mark.parametrize(
    ("source", "part"),
    [
        (r"\frac{1}{2}", "<mfrac>"),
        (r"\sqrt[3]{x}", "<mroot>"),
        (r"x^{2}+1", "<mo>+</mo>"),
        (r"\boxed{42}", '<menclose notation="box">'),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "<mtable>"),
        (r"\begin{align}a&=b\\c&=d\end{align}", "<mtr>"),
        (r"a < b", "<mo>&lt;</mo>"),
        (r"\text{if } x", "<mtext>if </mtext>"),
    ],
)
def test_maths_is_rendered(source, part):
    assert part in str(render_maths(source, display=False)).replace("\xa0", " ")


@pytest.mark.parametrize(
    "source",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{&lt;img src=x onerror=alert(1)&gt;}",
        r"\text{&#60;svg onload=alert(1)&#62;}",
        r"\href{javascript:alert(1)}{x}",
        r"\mathrm{</math><img src=x onerror=alert(1)>}",
        r'\color{red" onmouseover="alert(1)}{x}',
        r"\operatorname{<b>}",
        r"<img src=x onerror=alert(1)>",
        r"\begin{array}{c\" onx=\"1}1\end{array}",
        r"\style{background:url(x)}{y}",
        r"\class{x}{y}",
        r"\unicode{60}script",
    ],
)
def test_nothing_but_maths_comes_out(source):
    made = str(render_maths(source, display=True) or "")
    assert TAG.search(made) is None
    attributes = re.findall(r"<[a-z]+ ([^>]*)>", made)
    assert not any(re.search(r"\bon[a-z]+=|href|style=|src=|class=", one) for one in attributes)
    assert "javascript:" not in " ".join(attributes)


@pytest.mark.parametrize(
    "source",
    [
        r"\unknowncommand{x}",
        "{" * 500 + "x" + "}" * 500,
        r"\frac" * 900,
        "x^" * 1_900 + "x",
        r"\text{" * 600,
        r"\left(" * 600,
        r"\begin{matrix}" * 280,
        "x_{" * 1_300,
        "x" * 5_000,
        r"\sqrt" * 800,
        "   ",
    ],
)
def test_hostile_maths_is_over_soon(source, effort):
    assert effort(lambda: render_maths(source, display=True)) < 30


def test_a_page_of_hostile_maths_is_over_soon(effort):
    text = " ".join("$" + r"\text{x}" * 60 + "y" * (n % 7) + "$" for n in range(4_000))
    made: list[str] = []
    assert effort(lambda: made.append(ProseRenderer().render(text, ProseBudget()))) < 45
    assert 'class="tex"' in made[0]


@pytest.mark.parametrize("opener", ["$", "$$", "\\[", "\\(", "```", "\\begin{align}", "\\begin{", "\\$"])
def test_openers_without_an_end_take_linear_time(opener, effort):
    text = (opener + "x") * (200_000 // len(opener))
    assert effort(lambda: list(split_text(text))) < 60


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("so $x=1$.", ["plain", "maths", "plain"]),
        ("it costs $5 and $6 in all", ["plain"]),
        ("$$x$$", ["maths"]),
        (r"\(x\) and \[y\]", ["maths", "plain", "maths"]),
        (r"\begin{align}x\end{align}", ["maths"]),
        ("```\n$x$\n```", ["code"]),
        (r"a \$5 $ b", ["plain"]),
        ("$ x $", ["plain"]),
        ("$$$$", ["plain"]),
        ("", []),
    ],
)
def test_maths_is_told_from_money_and_code(text, kinds):
    pieces = list(split_text(text))
    assert [piece.kind for piece in pieces] == kinds
    assert "".join(piece.source for piece in pieces) == text


def test_signs_that_turn_the_text_around_are_named():
    assert ProseRenderer().render("\u202ea<b") == '<span class="turns">U+202E</span>a&lt;b'


def test_what_cannot_be_rendered_is_shown_as_it_was_written():
    assert ProseRenderer().render(r"$\nosuch<b>$") == r'<code class="tex">$\nosuch&lt;b&gt;$</code>'
