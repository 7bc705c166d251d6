"""Krippendorff's alpha: the published example, and what reviewers of a slice come to."""

import itertools
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracewright.api.agreement.alpha import Metric, measure_alpha
from tracewright.api.agreement.service import _measure_pairs

CASES = json.loads((Path(__file__).parent / "alpha_cases.json").read_text())


@pytest.mark.parametrize("metric", ["nominal", "ordinal"])
def test_the_published_example_comes_out(metric):
    columns = list(zip(*CASES["values"], strict=True))
    units = [[{name: value for name, value in enumerate(column) if value is not None}] for column in columns]
    found = measure_alpha(units, [1, 2, 3, 4, 5], Metric(metric))
    assert found.alpha == pytest.approx(CASES[metric], abs=5e-4)
    assert found.low < found.alpha < found.high
    assert (found.units, found.values) == (11, 40)


def measure_by_definition(units, scale, metric):
    """Krippendorff's alpha from every two values, without matrices: 1 - the mean distance of values within units over
    that of all values. Distances of ordinal values count the values between (1980, p. 134)."""
    units = [list(unit.values()) for unit in units if len(unit) > 1]
    values = [value for unit in units for value in unit]

    def distance(one, other):
        if metric == "nominal" or one == other:
            return float(one != other)
        low, high = sorted((scale.index(one), scale.index(other)))
        counted = [values.count(value) for value in scale[low : high + 1]]
        return (sum(counted) - (counted[0] + counted[-1]) / 2) ** 2

    within = sum(distance(*two) / (len(unit) - 1) for unit in units for two in itertools.permutations(unit, 2))
    among = sum(distance(*two) for two in itertools.permutations(values, 2))
    return None if among == 0 else 1 - (within / len(values)) / (among / (len(values) * (len(values) - 1)))


@given(
    units=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([-1, 0, 1]), max_size=6), max_size=14),
    metric=st.sampled_from(["nominal", "ordinal"]),
    cut=st.integers(1, 4),
)
@settings(max_examples=300, deadline=None)
def test_alpha_is_what_its_definition_says(units, metric, cut):
    clusters = [units[start : start + cut] for start in range(0, len(units), cut)]
    found = measure_alpha(clusters, [-1, 0, 1], Metric(metric), draws=10)
    expected = measure_by_definition(units, [-1, 0, 1], metric)
    assert (found.alpha is None) == (expected is None)
    assert expected is None or found.alpha == pytest.approx(expected, abs=1e-9)


def test_every_pair_of_many_reviewers_is_measured():
    names = [f"r{number:02}" for number in range(40)]
    rng = random.Random(1)
    clusters = [[{name: rng.choice(["accept", "reject"]) for name in rng.sample(names, 6)}] for _ in range(2_000)]
    pairs = _measure_pairs(clusters, [])
    assert [tuple(pair["reviewers"]) for pair in pairs] == list(itertools.combinations(names, 2))
    one, other = pairs[17]["reviewers"]
    theirs = [[{one: unit[one], other: unit[other]}] for (unit,) in clusters if one in unit and other in unit]
    expected = measure_by_definition([unit for (unit,) in theirs], ["reject", "accept"], "nominal")
    assert pairs[17]["decisions"]["alpha"] == pytest.approx(expected) and pairs[17]["decisions"]["units"] == len(theirs)


def test_perfect_agreement_is_one_and_chance_is_near_zero():
    rng = random.Random(3)
    same = [[{"a": value, "b": value}] for value in rng.choices([0, 1, 2], k=200)]
    assert measure_alpha(same, [0, 1, 2], Metric.NOMINAL).alpha == pytest.approx(1.0)
    drawn = [[{"a": rng.choice([0, 1]), "b": rng.choice([0, 1])}] for _ in range(600)]
    chance = measure_alpha(drawn, [0, 1], Metric.NOMINAL)
    assert abs(chance.alpha) < 0.1 and chance.low < 0 < chance.high


@pytest.mark.parametrize("units", [[], [[{"a": 1}]], [[{"a": 1, "b": 1}], [{"a": 1, "b": 1}]]])
def test_where_nothing_can_be_said_nothing_is(units):
    assert measure_alpha(units, [1, 2], Metric.NOMINAL).alpha is None


def test_the_interval_holds_the_truth_most_of_the_time():
    """Two raters, each right on a binary truth with chance 0.9: alpha tends to 0.64."""
    rng, held = random.Random(5), 0
    for _ in range(100):
        truths = [rng.random() < 0.5 for _ in range(150)]
        units = [[{"a": truth ^ (rng.random() < 0.1), "b": truth ^ (rng.random() < 0.1)}] for truth in truths]
        found = measure_alpha(units, [False, True], Metric.NOMINAL, draws=300)
        held += found.low <= 0.64 <= found.high
    assert 88 <= held <= 100


def test_reviewers_of_a_slice(service, expect):
    ids = service.ids(limit=8)
    for place, trace_id in enumerate(ids):
        for name, flips in (("rita", set()), ("rolf", {3}), ("carl", {1, 2, 3, 4})):
            wrong = (place % 2 == 0) ^ (place in flips)
            events = [{"decision": "reject" if wrong else "accept"}, {"step": 0, "label": -1 if wrong else 1}]
            expect(service.as_(name).post(f"/v1/traces/{trace_id}/reviews", json={"events": events}), 201)
    found = expect(service.as_("carl").get("/v1/agreement"))
    assert found["traces"] == 8 and found["decisions"]["units"] == 8 and found["steps"]["units"] == 8
    pairs = {tuple(pair["reviewers"]): pair["decisions"]["alpha"] for pair in found["pairs"]}
    assert len(pairs) == 3 and pairs["rita", "rolf"] > 0.7 > 0.3 > pairs["carl", "rita"]
    service.as_("carl").put("/v1/slices/few", json={"where": "tokens == 7"})
    assert expect(service.as_("carl").get("/v1/agreement", params={"slice": "few"}))["traces"] < 8
    assert service.as_("rita").get("/v1/agreement").status_code == 403
