"""A release's card as HTML: its own pictures, nobody else's."""

import pytest

from tracewright.api.pages.data_cards import render_card


def test_a_picture_beside_the_card_is_shown():
    assert '<img src="/releases/a/1/pictures/funnel.png" alt="rows">' in render_card(
        "![rows](pictures/funnel.png)", "/releases/a/1"
    )


@pytest.mark.parametrize(
    "source",
    [
        "https://elsewhere.example/x.png",
        "pictures/../../../secret.png",
        "pictures/x.png?next=y",
        "/v1/sessions/current",
        "data:image/svg+xml,<svg/>",
        "//elsewhere.example/pictures/x.png",
    ],
)
def test_any_other_is_its_description(source):
    made = render_card(f"![rows](<{source}>)", "/releases/a/1")
    assert "<img" not in made and "rows" in made


def test_a_withdrawn_release_shows_none():
    assert "<img" not in render_card("![rows](pictures/funnel.png)")


def test_raw_html_is_text():
    assert "<script" not in render_card("<script>alert(1)</script>\n\n[x](javascript:alert(1))")
