"""What a release says about itself to people and to other programs, from its manifest alone."""

from tracewright.pipeline.cards.card import render_card
from tracewright.pipeline.cards.croissant import render_croissant
from tracewright.pipeline.cards.limits import find_limits
from tracewright.pipeline.cards.pictures import draw_pictures

__all__ = ["draw_pictures", "find_limits", "render_card", "render_croissant"]
