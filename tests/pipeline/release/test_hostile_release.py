"""Whole releases made to exhaust memory or time: their manifests fit their bytes, their footers lie."""

import json
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.decoding.limits import RefusedError, check_sizes
from tracewright.pipeline.decoding.pages import check_pages
from tracewright.pipeline.release.layout import LOGPROBS, hash_file
from tracewright.pipeline.release.manifest import encode_manifest, seal
from tracewright.pipeline.release.parquet import REPETITIVE
from tracewright.schemas import ReleaseManifest
from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.release import ReleaseRow

MAX_SECONDS = 2.0
MAX_MIB = 512
DATA_FILE = "data/train-00001-of-00008.parquet"
LOGPROBS_FILE = "logprobs/train-00001-of-00008.parquet"
NULLS = 40_000_000
"""Eight bytes each, and two for each level, are more than half a gigabyte."""
READER = Path(__file__).parents[1] / "sources" / "hostile_parquet.py"


def write(table: pa.Table, path: Path, **options: Any) -> None:
    pq.write_table(table, path, compression="zstd", write_statistics=False, **options)


def one_list(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


def encode_integer(value: int, length: int = 0) -> bytes:
    """As Thrift has it in compact form, in so many bytes where it may be fewer."""
    zigzag, out = value << 1, bytearray()
    while zigzag > 127 or len(out) < length - 1:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    return bytes(out) + bytes([zigzag])


def restate(path: Path, stated: int, instead: int) -> None:
    """Say another number wherever the footer says this one."""
    data = path.read_bytes()
    size = int.from_bytes(data[-8:-4], "little") + 8
    old = encode_integer(stated)
    assert old in data[-size:]
    path.write_bytes(data[:-size] + data[-size:].replace(old, encode_integer(instead, len(old))))


def make_page(path: Path) -> None:
    """A page of half a gigabyte in 50 KB, of which the footer says that it is a megabyte."""
    zeros = one_list(pa.array(np.zeros(2**26, np.int64)))
    write(pa.table({"logprobs": zeros}), path, data_page_size=2**31 - 1, use_dictionary=False)
    stated = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    assert stated > 2**29
    restate(path, stated, 2**20)


def make_nulls(path: Path) -> None:
    """A list of nulls, which take no bytes in the file."""
    write(pa.table({"logprobs": one_list(pa.nulls(NULLS, pa.int64()))}), path, use_dictionary=False)


def make_hidden_nulls(path: Path) -> None:
    """The same, where the footer says that there is one."""
    make_nulls(path)
    restate(path, NULLS, 1)


def make_run(path: Path) -> None:
    """A dictionary's only number, millions of times."""
    write(pa.table({"logprobs": one_list(pa.array(np.zeros(NULLS, np.int64)))}), path)


def make_release_rows(messages: pa.Array) -> pa.Table:
    """The columns of a release with nulls, and these messages."""
    schema = arrow_schema(ReleaseRow)
    return pa.table(
        {field.name: messages if field.name == "messages" else pa.nulls(1, field.type) for field in schema},
        schema=schema,
    )


def make_messages(**texts: pa.Array) -> pa.Array:
    kind: Any = arrow_schema(ReleaseRow).field("messages").type
    count = len(next(iter(texts.values())))
    fields = [texts.get(field.name, pa.nulls(count, field.type)) for field in kind.value_type]
    return one_list(pa.StructArray.from_arrays(fields, fields=list(kind.value_type))).cast(kind)


def make_dictionary(path: Path) -> None:
    """A role of a megabyte, 300 times, which stands in the column's dictionary once."""
    roles = pa.array(["x" * 2**20] * 300)
    write(make_release_rows(make_messages(role=roles)), path, use_dictionary=["messages.list.element.role"])


def make_prefixes(path: Path) -> None:
    """Texts that each say that they begin as the one before."""
    texts = pa.array(["x" * 2**20] * 300)
    write(
        make_release_rows(make_messages(content=texts)),
        path,
        use_dictionary=False,
        column_encoding={"messages.list.element.content": "DELTA_BYTE_ARRAY"},
    )


HOSTILE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "page": (LOGPROBS_FILE, make_page, "its footer says 1048576 bytes"),
    "nulls": (LOGPROBS_FILE, make_nulls, f"states {NULLS} values"),
    "hidden nulls": (LOGPROBS_FILE, make_hidden_nulls, "values, its footer says 1"),
    "run": (LOGPROBS_FILE, make_run, "says long values once for many rows"),
    "dictionary": (DATA_FILE, make_dictionary, "says long values once for many rows"),
    "prefixes": (DATA_FILE, make_prefixes, "in encoding 7, which none has"),
}


def list_file(release: Path, name: str) -> None:
    """Have the manifest list the file, with its hash, and a digest that fits."""
    content = json.loads((release / "manifest.json").read_text())
    path = release / name
    rows = pq.read_metadata(path).num_rows
    content["files"] = [file for file in content["files"] if file["path"] != name]
    content["files"].append({"path": name, "rows": rows, "bytes": path.stat().st_size, "sha256": hash_file(path)})
    in_data = [file["rows"] for file in content["files"] if file["path"].startswith("data/")]
    content["rows"] = sum(in_data)
    for counts in ("splits", "outcomes", "methods", "levels", "domains", "sources", "licenses"):
        largest = max(content[counts], key=content[counts].get)
        content[counts][largest] -= sum(content[counts].values()) - content["rows"]
    (release / "manifest.json").write_bytes(encode_manifest(seal(ReleaseManifest.model_validate(content))))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_release_whose_footers_lie_is_refused_within_two_seconds_and_half_a_gigabyte(copy: Path, name: str) -> None:
    file, make, expected = HOSTILE[name]
    (copy / LOGPROBS).mkdir()
    maker = get_context("fork").Process(target=make, args=(copy / file,))
    maker.start()  # making such a file takes the memory that reading it must not
    maker.join()
    assert maker.exitcode == 0
    list_file(copy, file)
    done = subprocess.run([sys.executable, READER, copy], capture_output=True, text=True, check=True)
    told = {one["entry"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert len(told) == 4
    refusing = ("verify", "logprobs") if file == LOGPROBS_FILE else ("verify", "rows", "table")
    for entry in refusing:
        assert file in told[entry]["said"], told[entry]
        assert expected in told[entry]["said"], told[entry]
    for one in told.values():
        assert one["seconds"] < MAX_SECONDS, one
        assert one["peak_mib"] < MAX_MIB, one


OPTIONS: list[dict[str, Any]] = [
    {},
    {"use_dictionary": REPETITIVE, "compression": "zstd"},
    {"use_dictionary": False, "data_page_size": 64},
    {"row_group_size": 7, "compression": "none"},
    {"compression": "gzip", "write_statistics": False, "write_page_checksum": True},
]


def test_what_arrow_writes_as_a_release_is_written_keeps_its_promises(released: Path, tmp_path: Path) -> None:
    table = pa.concat_tables([pq.read_table(path) for path in sorted((released / "data").glob("train-*.parquet"))])
    for options in OPTIONS:
        path = tmp_path / "rows.parquet"
        pq.write_table(table, path, **options)
        check(path)


def test_a_dictionary_is_measured_by_its_longest_text(tmp_path: Path) -> None:
    """Many rows of many texts: were each as long as the dictionary, they would have a gigabyte."""
    table = pa.table({"source": [f"{number:0>4000}" for number in range(500)] * 2})
    write(table, tmp_path / "rows.parquet", use_dictionary=["source"], dictionary_pagesize_limit=2**30)
    check(tmp_path / "rows.parquet")


def check(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        check_sizes(path, file, file.schema_arrow.names)
        check_pages(path, file)


def test_whatever_byte_is_another_the_pages_are_refused_or_read_to_their_end(released: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = (released / DATA_FILE).read_bytes()
    path = tmp_path / "changed.parquet"
    refused = 0
    for place in rng.integers(4, len(data) - int.from_bytes(data[-8:-4], "little") - 8, 300):
        changed = bytearray(data)
        changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            check(path)
        except RefusedError as error:
            refused += 1
            assert str(path) in str(error)
    assert 0 < refused < 300
