"""Column by column gives what row by row would, and sorting does not depend on memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa

from tracewright.pipeline.confidence import step_truth
from tracewright.pipeline.release.rows import project
from tracewright.pipeline.release.sorting import BucketSort, plan_buckets
from tracewright.pipeline.release.tally import Tally
from tracewright.schemas import Trace, to_table

MakeTrace = Callable[..., Trace]


def test_projecting_part_of_a_table_is_part_of_the_projection(arithmetic_traces: tuple[Trace, ...]) -> None:
    table = to_table(Trace, arithmetic_traces[:90])
    chunked = pa.concat_tables([table.slice(0, 33), table.slice(33)])
    assert project(table.slice(17, 40)) == project(table).slice(17, 40)
    assert project(chunked).to_pylist() == project(table).to_pylist()
    assert project(table.slice(0, 0)).num_rows == 0


def test_step_truth_in_columns_is_step_truth(make_trace: MakeTrace, arithmetic_traces: tuple[Trace, ...]) -> None:
    lines = ["a\n", "b\n", "c"]
    odd = [
        make_trace("1", lines, checks=[first, second, "holds"], confidences=[0.1, 0.5, 0.9], outcome=outcome)
        for first in ("holds", "fails", "unchecked")
        for second in ("holds", "fails", "unchecked")
        for outcome in ("correct", "incorrect", "unverifiable", "error")
    ]
    traces = [*odd, *arithmetic_traces, make_trace("none", lines, checks=["holds", "fails", "holds"])]
    tally = Tally()
    for start in range(0, len(traces), 100):
        tally.observe_source(to_table(Trace, traces[start : start + 100]))
    fingerprint = make_trace().teacher.fingerprint
    expected = [
        (step.confidence, truth)
        for trace in traces
        if trace.teacher.fingerprint == fingerprint
        for step, truth in zip(trace.steps, step_truth(trace.steps, trace.verdict.outcome), strict=True)
        if step.confidence is not None and truth is not None
    ]
    confidences, rights = tally.checked_steps([fingerprint])
    assert list(zip(confidences.tolist(), rights.tolist(), strict=True)) == expected


def test_buckets_give_the_order_that_one_sort_gives(tmp_path: Path) -> None:
    rng = random.Random(3)
    ids = [f"{rng.getrandbits(96):024x}" for _ in range(1_000)]
    table = pa.table({"trace_id": ids, "value": list(range(1_000))})
    frame = pl.DataFrame({"trace_id": ids, "chars": [rng.randint(1, 200) for _ in ids]})
    bounds = plan_buckets(frame, max_chars=10_000)
    assert 9 <= len(bounds) <= 12
    sort = BucketSort(tmp_path / "spill", bounds)
    for start in range(0, 1_000, 128):
        sort.add(table.slice(start, 128))
    buckets = list(sort.sorted_tables())
    assert len(buckets) == len(bounds) + 1
    assert pa.concat_tables(buckets).to_pylist() == sorted(table.to_pylist(), key=lambda row: row["trace_id"])
    assert list((tmp_path / "spill").iterdir()) == []


def test_a_trace_larger_than_a_bucket_has_one_of_its_own() -> None:
    frame = pl.DataFrame({"trace_id": ["a", "b", "c", "d"], "chars": [5, 500, 5, 5]})
    assert plan_buckets(frame, max_chars=10) == ["b", "c"]
