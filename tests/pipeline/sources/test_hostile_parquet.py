"""Files made to exhaust memory or time, or to run what they carry, through every entry that takes Parquet."""

import json
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.sources import read_traces
from tracewright.pipeline.sources.parquet_rows import read_parquet
from tracewright.schemas import Rejection

MAX_SECONDS = 2.0
"""Of processor time: a machine with much else to do takes longer by the clock."""
MAX_MIB = 512


def one_list(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


def make_page(path: Path) -> None:
    """A page of half a gigabyte in 50 KB."""
    pq.write_table(
        pa.table({"question": one_list(pa.array(np.zeros(2**26, np.int64)))}),
        path,
        compression="zstd",
        data_page_size=2**31 - 1,
        write_statistics=False,
        use_dictionary=False,
    )


def make_rows(path: Path) -> None:
    pq.write_table(pa.table({"question": pa.nulls(50_000_000, pa.string())}), path, compression="zstd")


def make_columns(path: Path) -> None:
    pq.write_table(pa.table({f"c{number}": pa.array([1]) for number in range(100_000)}), path)


def make_nesting(path: Path) -> None:
    kind: pa.DataType = pa.int64()
    for _ in range(400):
        kind = pa.struct([("a", kind)])
    pq.write_table(pa.table({"question": pa.nulls(1, kind)}), path)


def make_dictionary(path: Path) -> None:
    """One row of 4 GB: a text of a megabyte, 4,000 times."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4_000, np.int32)), pa.array(["x" * 10**6]))
    pq.write_table(pa.table({"question": one_list(texts)}), path, compression="zstd")


def make_run(path: Path) -> None:
    pq.write_table(pa.table({"question": one_list(pa.array(np.zeros(60_000_000, np.int64)))}), path, compression="zstd")


def make_nulls(path: Path) -> None:
    pq.write_table(pa.table({"question": one_list(pa.nulls(30_000_000))}), path, compression="zstd")


def make_extension(path: Path) -> None:
    forged = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": b"cos\nsystem\n(S'touch pwned'\ntR.",
    }
    field = pa.field("question", pa.string(), metadata=forged)
    pq.write_table(pa.table({"question": ["q"]}).cast(pa.schema([field])), path)


def make_tensor(path: Path) -> None:
    forged = {
        b"ARROW:extension:name": b"arrow.fixed_shape_tensor",
        b"ARROW:extension:metadata": b'{"shape":[99999999999]}',
    }
    field = pa.field("question", pa.string(), metadata=forged)
    pq.write_table(pa.table({"question": ["q"]}).cast(pa.schema([field])), path)


def make_footer(path: Path) -> None:
    path.write_bytes(b"PAR1" + b"\xff" * 400 + (20 * 2**20).to_bytes(4, "little") + b"PAR1")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "page": (make_page, "expands from"),
    "rows": (make_rows, "rows in"),
    "columns": (make_columns, "far too many columns"),
    "nesting": (make_nesting, "too deeply nested"),
    "dictionary": (make_dictionary, "can't be decoded within"),
    "run": (make_run, "can't be decoded within"),
    "nulls": (make_nulls, "can't be decoded within"),
    "tensor": (make_tensor, "not a Parquet file"),
    "footer": (make_footer, "not a Parquet file"),
}


def make_aside(make: Callable[[Path], None], path: Path) -> None:
    """In a child, since making such a file takes the memory that reading it must not."""
    maker = get_context("fork").Process(target=make, args=(path,))
    maker.start()
    maker.join()
    assert path.exists()


SLOW = ("columns", "run", "nulls")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in HOSTILE]
)
def test_a_hostile_file_is_refused_within_two_seconds_and_half_a_gigabyte(name: str, tmp_path: Path) -> None:
    make, expected = HOSTILE[name]
    path = tmp_path / f"{name}.parquet"
    make_aside(make, path)
    reader = Path(__file__).with_name("hostile_parquet.py")
    done = subprocess.run([sys.executable, reader, path], capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 5
    for one in told:
        assert one["seconds"] < MAX_SECONDS, one
        assert one["peak_mib"] < MAX_MIB, one
        counted = one["entry"] == "count" and one["said"].endswith(" rows")
        assert counted or expected in one["said"] or "expected some of" in one["said"], one


def test_a_forged_extension_type_is_a_column_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_extension(tmp_path / "forged.parquet")
    (row,) = read_parquet(tmp_path / "forged.parquet")
    assert not isinstance(row, Rejection)
    assert row.values == {"question": "q"}
    assert not (tmp_path / "pwned").exists()


def test_a_row_that_is_too_large_costs_no_other(tmp_path: Path) -> None:
    texts = ["a", "b" * 70_000_000, "c"]
    pq.write_table(pa.table({"question": texts}), tmp_path / "rows.parquet", compression="none")
    first, large, last = read_parquet(tmp_path / "rows.parquet")
    assert isinstance(large, Rejection)
    assert "expected at most" in large.reason
    assert [row.values["question"] for row in (first, last) if not isinstance(row, Rejection)] == ["a", "c"]


def test_dictionaries_and_views_are_read_as_what_they_stand_for(tmp_path: Path) -> None:
    table = pa.table(
        {
            "question": pa.array(["q", "q", "r"]).dictionary_encode(),
            "choices": pa.array([["a"], None, ["b", "a"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
            "more": pa.array([{"k": "x"}, None, {"k": "y"}], pa.struct([("k", pa.dictionary(pa.int8(), pa.string()))])),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    rows = [row.values for row in read_parquet(tmp_path / "rows.parquet") if not isinstance(row, Rejection)]
    assert rows == [
        {"question": "q", "choices": ["a"], "more": {"k": "x"}},
        {"question": "q"},
        {"question": "r", "choices": ["b", "a"], "more": {"k": "y"}},
    ]


def test_rows_of_another_schema_half_way_are_turned_away_each_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = {"messages": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "1+1=2\n\\boxed{2}"}]}
    changed = {"conversation": "1+1?", "reply": {"text": 2}}
    path.write_text("".join(json.dumps(row) + "\n" for row in [good] * 3 + [changed] * 3))
    rejected = [row for row in read_traces(path, "messages") if isinstance(row, Rejection)]
    assert [row.subject for row in rejected if "messages" in row.reason] == [f"{path}:{line}" for line in (4, 5, 6)]
