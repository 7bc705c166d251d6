"""Lists, facets, bodies and search."""

import itertools

import numpy as np
import pytest

from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.release import take_down


def walk(client, **params):
    """All items of a list, page by page."""
    found, cursor = [], None
    while True:
        page = client.get("/v1/traces", params=params | ({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", ["confidence", "-confidence", "tokens", "-tokens", "created_at", "-failed_steps"])
@pytest.mark.parametrize("where", [None, 'outcome == "incorrect"', "tokens > 20 and level in [1, 2]"])
def test_pages_are_the_whole_list_in_order(looking, sort, where):
    params = {"sort": sort, "limit": 7} | ({"where": where} if where else {})
    found = walk(looking.as_("vera"), **params)
    frame = looking.services.feed.frame.rows
    expected = frame.filter(parse_filter(where).to_polars()) if where else frame
    assert sorted(row["trace_id"] for row in found) == sorted(expected["trace_id"].to_list())
    column = sort.removeprefix("-")
    values = [row[column] for row in found]
    there = [value for value in values if value is not None]
    assert there == sorted(there, reverse=sort.startswith("-"))
    assert values[len(there) :] == [None] * (len(values) - len(there))


def test_rows_that_arrive_shift_no_page(lite, expect, plant_more):
    vera = lite.as_("vera")
    first = expect(vera.get("/v1/traces", params={"sort": "tokens", "limit": 20}))
    plant_more(60, 90)
    rest = walk(vera, sort="tokens", limit=20, cursor=first["next"])
    old = [row["trace_id"] for row in [*first["items"], *rest]]
    assert len(old) == len(set(old))
    everything = {row["trace_id"] for row in walk(vera, sort="tokens", limit=500)}
    seen_or_earlier = set(old) | {
        row["trace_id"] for row in expect(vera.get("/v1/traces", params={"limit": 500}))["items"]
    }
    assert len(everything) == 90 and everything == seen_or_earlier
    last = first["items"][-1]["tokens"]
    assert {row["trace_id"] for row in walk(vera, where=f"tokens > {last}", limit=500)} <= set(old)


def test_facets_count_what_the_filter_lets_through(looking, expect):
    frame = looking.services.feed.frame.rows
    for where in (None, 'domain == "algebra"', 'outcome == "error"'):
        params = {"columns": "outcome,confidence,level,flagged,decision"} | ({"where": where} if where else {})
        found = expect(looking.as_("vera").get("/v1/traces/facets", params=params))
        rows = frame.filter(parse_filter(where).to_polars()) if where else frame
        assert found["total"] == rows.height
        outcomes, confidence, level, flagged, decision = found["facets"]
        counted = {one["value"]: one["count"] for one in outcomes["values"]}
        assert counted == dict(rows.group_by("outcome").len().iter_rows())
        for facet in (confidence, level, flagged):
            assert facet["missing"] + sum(one["count"] for one in facet["bins"]) == rows.height
        assert decision["missing"] == rows.height
        for one in level["bins"]:
            assert one["count"] == sum(one["low"] <= value < one["high"] for value in rows["level"])


def test_facets_after_rows_arrived_are_those_of_a_new_frame(lite, expect, plant_more):
    vera = lite.as_("vera")
    expect(vera.get("/v1/traces/facets", params={"columns": "outcome,domain,source"}))
    plant_more(60, 75)
    found = expect(vera.get("/v1/traces/facets", params={"columns": "outcome,domain,source"}))
    assert found["total"] == 75
    assert all(sum(one["count"] for one in facet["values"]) == 75 for facet in found["facets"])


def test_histograms_fit_what_has_arrived_since_they_were_first_asked_for(tmp_path, plant_in, expect):
    """The service was started on an empty store: bins for no traces would hold all later ones in one bar."""
    service, plant = plant_in(tmp_path)
    params = {"columns": "tokens,confidence,level"}
    for traces in (0, 5, 60):
        plant(traces)
        found = expect(service.as_("vera").get("/v1/traces/facets", params=params))
        rows = service.services.feed.frame.rows
        for facet in found["facets"]:
            values = rows[facet["column"]].drop_nulls()
            outer = facet["bins"][-1]
            assert (
                sum(one["count"] for one in facet["bins"]) == len(values) and facet["missing"] + len(values) == traces
            )
            for one in facet["bins"][:-1]:
                assert one["count"] == sum(one["low"] <= value < one["high"] for value in values)
            assert outer["count"] == sum(outer["low"] <= value <= outer["high"] for value in values)
            assert traces < 60 or sum(one["count"] > 0 for one in facet["bins"]) >= 5


def test_what_is_kept_of_facets_does_not_grow_with_what_is_asked(lite, expect):
    vera, columns = lite.as_("vera"), ["outcome", "domain", "level", "tokens", "confidence", "flagged"]
    said = {}
    for chosen in itertools.permutations(columns, 3):
        found = expect(vera.get("/v1/traces/facets", params={"columns": ",".join(chosen)}))["facets"]
        assert [facet["column"] for facet in found] == list(chosen)
        for facet in found:
            assert said.setdefault(facet["column"], facet) == facet
    assert len(lite.services.feed.frame._joint) <= 8


def test_a_body_is_the_trace_that_was_stored(looking, expect):
    for trace in list(looking.services.store.iter_traces())[::7]:
        body = expect(looking.as_("vera").get(f"/v1/traces/{trace.trace_id}"))
        assert body["trace"]["text"] == trace.text
        assert [step["text"] for step in body["trace"]["steps"]] == [step.text for step in trace.steps]
        assert body["columns"]["trace_id"] == trace.trace_id


def test_an_unchanged_body_is_not_sent_again(looking):
    vera, trace_id = looking.as_("vera"), looking.ids()[0]
    tag = vera.get(f"/v1/traces/{trace_id}").headers["ETag"]
    again = vera.get(f"/v1/traces/{trace_id}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("step", range(60)),
        ("How much 7", [14, 15, 7, 37]),
        ('"of 14"', [14]),
        ('"14 of"', []),
        ("STEP 14", [14, 28, 29]),
        ("zebra", []),
        ("step OR NOT (", None),
    ],
)
def test_search_finds_the_words(service, query, numbers):
    response = service.as_("vera").get("/v1/traces", params={"search": query, "limit": 500})
    assert response.status_code == 200, response.text
    if numbers is not None:
        found = {row["sample"] for row in response.json()["items"]}
        assert (found >= {14, 15}) if query.startswith("How") else (found == set(numbers)), found


def test_search_joins_a_filter(service, expect):
    params = {"search": "step", "where": 'outcome == "incorrect"', "limit": 500}
    assert expect(service.as_("vera").get("/v1/traces", params=params))["total"] == 20


def test_what_is_taken_down_is_found_no_more(service, expect):
    vera, search = service.as_("vera"), service.services.search
    trace_id = expect(vera.get("/v1/traces", params={"search": '"of 14"'}))["items"][0]["trace_id"]
    search.forget(service.services.feed.frame)
    assert trace_id in search.find('"of 14"')
    take_down(service.services.store, f'trace_id == "{trace_id}"', "asked for by its author")
    service.services.feed.refresh()
    frame = service.services.feed.frame
    for _ in range(2):
        search.forget(frame)
        search.index(frame.files)
    assert search.find('"of 14"') == set() and len(search.find("step")) == 59
    assert expect(vera.get("/v1/traces", params={"search": "step"}))["total"] == 59


@pytest.mark.parametrize("params", [
    {"where": "tokens >"}, {"where": "nothing == 1"}, {"sort": "trace_id"}, {"sort": "no"}, {"cursor": "!!!"},
    {"cursor": "WzFd"}, {"limit": 0}, {"limit": 501}, {"search": '"" ()'}, {"search": "a " * 30},
])  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused_with_a_reason(looking, params):
    response = looking.as_("vera").get("/v1/traces", params=params)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.json()["detail"]) > 20


def test_a_cursor_of_another_order_is_refused(looking):
    vera = looking.as_("vera")
    cursor = vera.get("/v1/traces", params={"sort": "tokens", "limit": 5}).json()["next"]
    assert vera.get("/v1/traces", params={"sort": "confidence", "cursor": cursor}).status_code == 422


def test_rewritten_shards_give_the_same_rows(lite, expect):
    before = {row["trace_id"]: row for row in walk(lite.as_("vera"), limit=500)}
    with lite.services.store.rewriter() as rewriter:
        for file in rewriter.files():
            rewriter.replace(
                file, [trace.model_copy(update={"verifier_version": "2"}) for trace in rewriter.iter_traces(file)]
            )
    lite.services.feed.refresh()
    after = {row["trace_id"]: row for row in walk(lite.as_("vera"), limit=500)}
    assert {row["verifier_version"] for row in after.values()} == {"2"}
    assert {name: row | {"verifier_version": "1"} for name, row in after.items()} == before
    assert expect(lite.as_("vera").get(f"/v1/traces/{next(iter(after))}"))["trace"]["verifier_version"] == "2"


def test_ties_are_ordered_alike_in_every_frame(looking):
    frame = looking.services.feed.frame
    assert len(np.unique(frame.ties)) == frame.height
