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
    max_differing_numbers: float = Field(default=0.1, ge=0.0, le=0.5)
    """The share of numbers that may differ: in a long text a copying error may change one; where more than a tenth
    differ, the text says something else. With fewer than ten numbers every one counts, and in a problem always."""
