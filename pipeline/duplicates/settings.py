"""What counts as nearly the same."""

from __future__ import annotations

from pydantic import Field

from tracewright.schemas.base import Frozen

SHINGLE_TOKENS = 3
"""Words in a shingle. With 3, a text that has one word in eleven changed is similar by 0.6."""


class DuplicateSettings(Frozen):
    """When two texts are near duplicates."""

    min_similarity: float = Field(default=0.6, ge=0.4, le=1.0)
    """Jaccard similarity of the two texts' sets of shingles. Below 0.4 the search would begin to miss pairs."""
