"""A problem's images: only kinds that browsers draw and that run nothing."""

from __future__ import annotations

_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
"""By their first bytes: what an image calls itself is not believed. SVG is not among them."""


def find_image_type(data: bytes) -> str | None:
    """The media type of a raster image; None for anything else."""
    for begin, kind in _TYPES.items():
        if data.startswith(begin) and (kind != "image/webp" or data[8:12] == b"WEBP"):
            return kind
    return None
