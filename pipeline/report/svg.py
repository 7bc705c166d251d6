"""Altair charts as SVG that takes its colours from the page, so that one drawing serves light and dark."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import altair as alt
import vl_convert as vlc

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


class Ink(StrEnum):
    """Colours that stand for the page's variables: never shown, replaced in the finished drawing."""

    TEXT = "#010101"
    MUTED = "#010102"
    LINE = "#010103"
    CARD = "#010104"
    RIGHT = "#010105"
    WRONG = "#010106"
    ACCENT = "#010107"
    SERIES_1 = "#010108"
    SERIES_2 = "#010109"
    SERIES_3 = "#010110"
    SERIES_4 = "#010111"

    @property
    def variable(self) -> str:
        """The page's custom property: `--right`, `--series-1` …"""
        return "--" + self.name.lower().replace("_", "-")


SERIES = (Ink.SERIES_1, Ink.SERIES_2, Ink.SERIES_3, Ink.SERIES_4)


def draw(chart: Any, name: str) -> str:
    """The chart as an `<svg>` element to be put into a page; `name` keeps its ids apart from other charts'.

    Text of the data is escaped by Vega. The element has no role or label: what holds it says what it shows.
    """
    drawing = vlc.vegalite_to_svg(_style(chart).to_json())
    for ink in Ink:
        drawing = drawing.replace(f'"{ink.value}"', f'"var({ink.variable})"')
    drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawing)
    drawing = re.sub(r' (aria-[a-z]+|role)="[^"]*"', "", drawing)
    # The page sets the width; the height follows from the view box.
    return re.sub(r'^<svg [^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" focusable="false">', drawing, count=1)


def _style(chart: Any) -> alt.TopLevelMixin:
    return (
        chart.configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=Ink.MUTED.value,
            labelFontSize=12,
            titleColor=Ink.MUTED.value,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            gridColor=Ink.LINE.value,
            domain=False,
            ticks=False,
            labelPadding=6,
        )
        .configure_header(labelColor=Ink.TEXT.value, labelFontSize=12, titleColor=Ink.MUTED.value)
    )
