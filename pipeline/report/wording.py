"""Numbers as people read them. None is an em dash everywhere: not measured is not zero."""

from __future__ import annotations

MISSING = "—"
_BYTE_UNITS = ("B", "KB", "MB", "GB", "TB")
_SECONDS_A_MINUTE = 60
_SECONDS_AN_HOUR = 3600


def format_count(value: float | None) -> str:
    """A whole number with thousands separated: 12,345."""
    return MISSING if value is None else f"{value:,.0f}"


def format_share(value: float | None, digits: int = 1) -> str:
    """A share of 1 as a percentage: 93.5 %. Only what is exactly all or none is shown as 100 % or 0 %."""
    if value is None:
        return MISSING
    text = f"{value * 100:.{digits}f}"
    finest = 10.0**-digits
    if float(text) >= 100.0 and value < 1.0:
        return f">{100 - finest:.{digits}f} %"
    if float(text) <= 0.0 and value > 0.0:
        return f"<{finest:.{digits}f} %"
    return f"{text.removesuffix('.' + '0' * digits) if value in (0.0, 1.0) else text} %"


def format_figure(value: float | None, digits: int = 3) -> str:
    """A figure such as AUROC: 0.972."""
    return MISSING if value is None else f"{value:.{digits}f}"


def format_confidence(value: float | None) -> str:
    """A probability with as many digits as it takes to tell it from 0 and 1."""
    if value is None:
        return MISSING
    if value > 0.9995:
        return ">0.999"
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def format_seconds(value: float | None) -> str:
    """A duration: 4.2 s, 3 min 05 s, 2 h 07 min."""
    if value is None:
        return MISSING
    if round(value, 1) < _SECONDS_A_MINUTE:
        return f"{value:.1f} s"
    if round(value) < _SECONDS_AN_HOUR:
        minutes, seconds = divmod(round(value), _SECONDS_A_MINUTE)
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(round(value / _SECONDS_A_MINUTE), 60)
    return f"{hours} h {minutes:02d} min"


def format_bytes(value: int | None) -> str:
    """A size with three digits or so: 4.77 MB (powers of 1,000)."""
    if value is None:
        return MISSING
    size, unit = float(value), 0
    while size >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_BYTE_UNITS[unit]}"


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning and how much was left out."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"
