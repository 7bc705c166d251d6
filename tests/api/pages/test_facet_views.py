"""What stands beside the list to choose from."""

import pytest

from tracewright.api.pages.facet_views import Query, view_facets
from tracewright.pipeline.filter import parse_filter


@pytest.fixture
def view(looking):
    """A function that views one facet under a filter."""

    def view_one(column, where=""):
        tree = parse_filter(where) if where else None
        (facet,) = view_facets(looking.services, looking.services.feed.frame, Query(where), tree, (column,))
        return facet

    return view_one


def test_traces_without_a_number_can_be_chosen_too(view):
    facet = view("confidence")
    (none,) = facet.values
    assert (none.label, none.count, none.is_on) == ("none", 6, False)
    assert "where=confidence+is+null" in none.url
    chosen = view("confidence", "confidence is null")
    assert chosen.values[0].is_on and not any(bar.is_on for bar in chosen.bars)


def test_a_number_that_all_have_is_a_value(view):
    facet = view("review_count")
    assert facet.bars == ()
    assert [(one.label, one.count) for one in facet.values] == [("0", 60)]
    assert "where=review_count+%3D%3D+0" in facet.values[0].url


@pytest.mark.parametrize(("column", "is_empty"), [("decision", True), ("outcome", False), ("level", False)])
def test_where_there_is_nothing_to_choose_from_nothing_is_shown(view, column, is_empty):
    assert view(column).is_empty is is_empty
    assert not view(column, f"{column} is null").is_empty  # what narrows can be taken away


def test_the_ends_are_the_least_and_the_largest_of_all(view, looking):
    tokens = looking.services.feed.frame.scalars["tokens"]
    facet = view("tokens", "tokens < 20")
    assert (facet.low, facet.high) == (str(tokens.min()), str(tokens.max()))


def test_every_bar_counts_what_its_filter_finds(view, looking):
    frame = looking.services.feed.frame
    for column in ("confidence", "tokens", "step_count", "created_at", "level"):
        for bar in view(column).bars:
            where = dict(part.split("=") for part in bar.url.partition("?")[2].split("&"))["where"]
            found = len(frame.choose(parse_filter(_unquote(where))))
            assert bar.title.rpartition(": ")[2] == f"{found:,}", (column, bar.title)


def test_moments_are_no_longer_than_it_takes_to_tell_them_apart(view):
    facet = view("created_at")
    assert (facet.low, facet.high) == ("1 Jan 00:00", "00:00")


def _unquote(text):
    from urllib.parse import unquote_plus

    return unquote_plus(text)
