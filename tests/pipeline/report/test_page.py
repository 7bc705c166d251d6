"""The page: escaped, self-contained, accessible, complete."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from tracewright.pipeline.report import AccuracySeries, LevelShare, render_report, write_report
from tracewright.pipeline.report.views import MAX_STEPS
from tracewright.schemas import StoreError

VOID = {"meta", "link", "img", "br", "hr", "input", "path", "line", "rect", "circle", "wbr"}
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "footer",
    "main",
    "section",
    "article",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "dl",
    "dt",
    "dd",
    "div",
    "span",
    "time",
    "ol",
    "li",
    "i",
    "b",
    "small",
    "code",
    "pre",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "svg",
    "g",
    "path",
    "line",
    "text",
    "rect",
    "defs",
    "clippath",
    "lineargradient",
    "stop",
    "circle",
}


class Page(HTMLParser):
    """The page as a browser would see it: its tags with attributes, its text, and whether it nests."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def test_the_page_nests_and_has_no_other_elements_than_ours(page):
    parsed = Page(page)
    assert parsed.open == []
    assert {tag for tag, _ in parsed.tags} <= ALLOWED


def test_nothing_runs_and_nothing_is_loaded(page):
    for tag, attributes in Page(page).tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not {"src", "href", "xlink:href", "srcset", "action", "formaction"} & set(attributes), tag
        for value in attributes.values():
            assert "url(http" not in (value or "") and "//" not in (value or ""), (tag, value)


def test_a_policy_forbids_scripts(page):
    policies = [
        attributes["content"]
        for tag, attributes in Page(page).tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_hostile_text_is_shown_as_text(hostile_page):
    text = "".join(Page(hostile_page).text)
    for payload in ("<script>alert(1)</script>", "</svg><script>alert(3)</script>", "{{ 7*7 }}", "</style>"):
        assert payload in text
    assert "49{% raw %}" not in text


def test_characters_that_no_page_may_hold_are_shown_as_their_pictures(hostile_page):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", hostile_page)
    assert "⟨U+202E⟩abc ␇␛[31m" in hostile_page


def test_every_reference_inside_a_drawing_is_defined_once(page):
    ids = Counter(re.findall(r'\bid="([^"]+)"', page))
    assert all(count == 1 for count in ids.values())
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert set(re.findall(r'aria-labelledby="([^"]+)"', page)) <= set(ids)


def test_drawings_take_their_colours_from_the_page(whole_page):
    drawings = "".join(re.findall(r"<svg.*?</svg>", whole_page, flags=re.DOTALL))
    assert "var(--right)" in drawings and "var(--wrong)" in drawings and "var(--accent)" in drawings
    assert "#01" not in drawings
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", whole_page))
    assert used <= set(re.findall(r"(--[a-z0-9-]+):", whole_page))


def test_every_drawing_says_what_it_shows(whole_page):
    page = Page(whole_page)
    charts = [attributes for _, attributes in page.tags if attributes.get("class") in ("chart", "graph")]
    assert len(charts) == 8 == sum(tag == "svg" for tag, _ in page.tags)
    assert all(chart["role"] == "img" and len(chart["aria-label"] or "") > 30 for chart in charts)


def test_headings_descend_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in Page(page).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_was_measured_is_on_the_page(whole_page):
    text = " ".join("".join(Page(whole_page).text).split())
    for words in (
        "6,000", "90.0 % of the traces", "4,531", "3 min 33 s", "3 no question", "5,990 of 6,000", "Step 1",
        "all claims hold", "uses question", "problems.jsonl:7", "1,249,920", "245 KB", "4.9 % of the teacher's",
        "arithmetic@1", "2 January 2025, 03:04 UTC",
    ):  # fmt: skip
        assert words in text, words


def test_what_was_not_measured_is_said_and_not_invented(empty_page):
    text = " ".join("".join(Page(empty_page).text).split())
    for words in (
        "No stage was counted.", "No step has a confidence.", "There is no verified trace to show.",
        "No stage turned a row away.", "—",
    ):  # fmt: skip
        assert words in text, words
    assert "What the data was for" not in text
    assert re.findall(r"[0-9.,]+ %", text) == ["95 %"]


def test_levels_of_which_nothing_was_counted_are_not_drawn(whole):
    nothing = (AccuracySeries("greedy", (LevelShare(1, 0, 0),)),)
    text = "".join(Page(render_report(replace(whole, accuracy=nothing))).text)
    assert "No verified trace has a level to be counted by." in text


def test_too_few_steps_show_a_reason_instead_of_figures(whole):
    assert whole.confidence is not None
    few = replace(whole.confidence, figures=None, reason="7 steps of known truth, 200 are needed")
    text = "".join(Page(render_report(replace(whole, confidence=few))).text)
    assert "No figures: 7 steps of known truth, 200 are needed." in text


def test_a_long_trace_says_what_it_hides(hostile_page):
    assert f"{60 - MAX_STEPS} more steps are not shown." in hostile_page
    assert "28 more reasons are not shown" in hostile_page


def test_equal_data_give_equal_bytes(whole, whole_page):
    assert render_report(whole) == whole_page


def test_text_on_its_ground_has_a_contrast_of_4_5(empty_page):
    light, dark = empty_page.split("@media (prefers-color-scheme: dark)")[:2]
    pairs = [
        *[(ink, ground) for ink in ("text", "muted", "accent") for ground in ("page", "card", "sunk")],
        *[(ink, ground) for ink in ("right", "wrong") for ground in ("card", ink + "-soft")],
        ("muted", "sunk"),
    ]
    for theme in (light, dark.split("@media")[0]):
        colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", theme))
        for ink, ground in pairs:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for series in range(1, 5):
            assert contrast(colours[f"series-{series}"], colours["card"]) >= 3


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    low, high = sorted(luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_report_is_written_whole(empty, empty_page, tmp_path):
    path = write_report(empty, tmp_path / "deep" / "report.html")
    assert path.read_text(encoding="utf-8") == empty_page
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_an_unwritable_folder_is_named(empty, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="can't write the report to"):
        write_report(empty, tmp_path / "file" / "report.html")
