"""Whole releases made to exhaust memory or time: their manifests fit their bytes, their footers lie."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.decoding.pages import check_file
from tracewright.pipeline.decoding.thrift import BINARY, I64, LIST, STRUCT, Struct, ThriftReader, field
from tracewright.pipeline.release import open_release, verify_release
from tracewright.pipeline.release.layout import LOGPROBS, hash_file
from tracewright.pipeline.release.manifest import encode_manifest, seal
from tracewright.pipeline.release.parquet import REPETITIVE
from tracewright.schemas import IntegrityError, ReleaseManifest
from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.release import ReleaseRow

MAX_SECONDS = 2.0
MAX_MIB = 512
TOO_MUCH = "says values once, or not at all, for many rows"
DATA_FILE = "data/train-00001-of-00008.parquet"
LOGPROBS_FILE = "logprobs/train-00001-of-00008.parquet"
NULLS = 40_000_000
"""Eight bytes each, and two for each level, are more than half a gigabyte."""
CHANGES = 200
NOTE = b"x" * 2**20
"""Arrow trusts what a file says of its schema, and this may point at itself."""
READER = Path(__file__).parents[1] / "sources" / "hostile_parquet.py"


def write(table: pa.Table, path: Path, **options: Any) -> None:
    pq.write_table(table, path, compression="zstd", write_statistics=False, **options)


def one_list(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


def encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def encode(kind: int, value: Any) -> bytes:
    """A value in Thrift's compact protocol."""
    if kind == BINARY:
        return encode_varint(len(value)) + value
    if kind == LIST:
        of = {int: I64, bytes: BINARY, dict: STRUCT}[type(value[0])] if value else STRUCT
        return bytes([0xF0 | of]) + encode_varint(len(value)) + b"".join(encode(of, one) for one in value)
    if kind == STRUCT:
        heads = ((key & 15, encode_varint((key >> 4) << 1), one) for key, one in value.items())
        return b"".join(bytes([kind]) + number + encode(kind, one) for kind, number, one in heads) + b"\0"
    return encode_varint(value << 1 if value >= 0 else (-value << 1) - 1)


def forge(path: Path, change: Callable[[Struct], object]) -> None:
    """Have the footer say something else."""
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer, _ = ThriftReader(data[-8 - length : -8], 10**7).read_struct(0)
    change(footer)
    new = encode(STRUCT, footer)
    path.write_bytes(data[: -8 - length] + new + len(new).to_bytes(4, "little") + b"PAR1")


def groups_of(footer: Struct) -> list[Struct]:
    return footer[field(4, LIST)]


def chunks_of(footer: Struct) -> list[Struct]:
    return [chunk for group in groups_of(footer) for chunk in group[field(1, LIST)]]


def metas_of(footer: Struct) -> list[Struct]:
    return [chunk[field(3, STRUCT)] for chunk in chunks_of(footer)]


def make_page(path: Path) -> None:
    """A page of half a gigabyte in 50 KB, of which the footer says that it is a megabyte."""
    zeros = one_list(pa.array(np.zeros(2**26, np.int64)))
    write(pa.table({"logprobs": zeros}), path, data_page_size=2**31 - 1, use_dictionary=False)
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size > 2**29
    forge(path, lambda footer: metas_of(footer)[0].update({field(6, I64): 2**20}))


def make_nulls(path: Path) -> None:
    """A list of nulls, which take no bytes in the file."""
    write(pa.table({"logprobs": one_list(pa.nulls(NULLS, pa.int64()))}), path, use_dictionary=False)


def make_hidden_nulls(path: Path) -> None:
    """The same, where the footer says that there is one."""
    make_nulls(path)
    forge(path, lambda footer: metas_of(footer)[0].update({field(5, I64): 1}))


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


def make_few(path: Path, rows: int = 3) -> None:
    write(pa.table({"a": list(range(rows)), "b": ["x"] * rows}), path)


def make_forged(change: Callable[[Struct], object]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        make_few(path)
        forge(path, change)

    return make


def add_column(footer: Struct) -> None:
    for group in groups_of(footer):
        group[field(1, LIST)] *= 2


def overlap(footer: Struct) -> None:
    footer[field(4, LIST)] *= 2
    footer[field(3, I64)] *= 2


def make_long_list(path: Path) -> None:
    """A footer of 20 bytes that begins a list of a hundred million columns."""
    footer = bytes([0x15, 2, 0x19, 0xFC]) + encode_varint(10**8) + b"\0" * 10
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def make_wide_values(path: Path) -> None:
    """Nulls of sixteen megabytes each."""
    write(pa.table({"a": pa.nulls(128, pa.binary(2**24))}), path, use_dictionary=False)


def make_many_groups(path: Path) -> None:
    """Nulls that would be few enough, in each of many row groups."""
    one = pa.table({"logprobs": one_list(pa.nulls(4_000_000, pa.int64()))})
    with pq.ParquetWriter(path, one.schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(20):
            writer.write_table(one)


def make_undecodable(path: Path) -> None:
    """A name that is no text."""
    write(pa.table({"a" * 20: [1]}), path)
    path.write_bytes(path.read_bytes().replace(b"a" * 20, b"\xff" * 20))


HOSTILE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "page": (LOGPROBS_FILE, make_page, "its footer says 1048576 bytes"),
    "nulls": (LOGPROBS_FILE, make_nulls, TOO_MUCH),
    "hidden nulls": (LOGPROBS_FILE, make_hidden_nulls, "values, its footer says 1"),
    "run": (LOGPROBS_FILE, make_run, TOO_MUCH),
    "dictionary": (DATA_FILE, make_dictionary, TOO_MUCH),
    "prefixes": (DATA_FILE, make_prefixes, "in encoding 7, which none has"),
    "long list": (LOGPROBS_FILE, make_long_list, "parts do not fit"),
    "wide values": (LOGPROBS_FILE, make_wide_values, TOO_MUCH),
    "many groups": (LOGPROBS_FILE, make_many_groups, TOO_MUCH),
    "notes": (
        LOGPROBS_FILE,
        make_forged(
            lambda it: it.update({field(5, LIST): [{field(1, BINARY): b"ARROW:schema", field(2, BINARY): NOTE}]})
        ),
        "has a schema of 1048576 bytes",
    ),
    "no text": (LOGPROBS_FILE, make_undecodable, "parts do not fit"),
    "more columns": (LOGPROBS_FILE, make_forged(add_column), "in 4 columns of 2"),
    "fewer columns": (
        LOGPROBS_FILE,
        make_forged(lambda it: groups_of(it)[0][field(1, LIST)].pop()),
        "in 1 columns of 2",
    ),
    "levels": (
        LOGPROBS_FILE,
        make_forged(lambda it: metas_of(it)[0].update({field(16, STRUCT): {field(3, LIST): [1, 2, 3]}})),
        "counts levels that it does not have",
    ),
    "encrypted": (LOGPROBS_FILE, make_forged(lambda it: chunks_of(it)[0].update({field(8, STRUCT): {}})), "encrypted"),
    "elsewhere": (
        LOGPROBS_FILE,
        make_forged(lambda it: chunks_of(it)[0].update({field(1, BINARY): b"/dev/zero"})),
        "in another file",
    ),
    "rows of a group": (
        LOGPROBS_FILE,
        make_forged(lambda it: groups_of(it)[0].update({field(3, I64): 2**45})),
        "values of a in 35184372088832 rows",
    ),
    "places": (LOGPROBS_FILE, make_forged(overlap), "lies where another does"),
    "beyond the end": (
        LOGPROBS_FILE,
        make_forged(lambda it: metas_of(it)[1].update({field(7, I64): 10**9})),
        "its row groups end at",
    ),
}


def count_rows(path: Path) -> int:
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    try:
        return ThriftReader(data[-8 - length : -8], 10**7).read_struct(0)[0][field(3, I64)]
    except IndexError:
        return 1


def list_file(release: Path, name: str) -> None:
    """Have the manifest list the file, with its hash, and a digest that fits."""
    content = json.loads((release / "manifest.json").read_text())
    path = release / name
    rows = count_rows(path)
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
    make(copy / file)
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
        check_file(path)


def test_a_dictionary_is_measured_by_its_longest_text(tmp_path: Path) -> None:
    """Many rows of many texts: were each as long as the dictionary, they would have a gigabyte."""
    table = pa.table({"source": [f"{number:0>4000}" for number in range(500)] * 2})
    write(table, tmp_path / "rows.parquet", use_dictionary=["source"], dictionary_pagesize_limit=2**30)
    check_file(tmp_path / "rows.parquet")


def test_files_that_take_little_alone_are_refused_where_they_take_much_together(copy: Path) -> None:
    (copy / LOGPROBS).mkdir()
    for number in range(1, 9):
        path = f"logprobs/train-{number:05d}-of-00008.parquet"
        write(pa.table({"a": one_list(pa.nulls(2_000_000, pa.int64()))}), copy / path, use_dictionary=False)
        list_file(copy, path)
    with pytest.raises(IntegrityError, match=TOO_MUCH):
        verify_release(copy)
    with pytest.raises(IntegrityError, match=TOO_MUCH):
        open_release(copy).logprobs("train")


@pytest.mark.parametrize("change", [{"rows": None}, {}], ids=["no rows", "twice"])
def test_a_manifest_that_keeps_a_file_from_being_looked_at_is_refused(copy: Path, change: dict[str, Any]) -> None:
    (copy / LOGPROBS).mkdir()
    make_few(copy / LOGPROBS_FILE)
    list_file(copy, LOGPROBS_FILE)
    content = json.loads((copy / "manifest.json").read_text())
    listed = content["files"].pop()
    content["files"] += [listed | change] * (1 if change else 2)
    (copy / "manifest.json").write_bytes(encode_manifest(seal(ReleaseManifest.model_validate(content))))
    for read in (verify_release, open_release):
        with pytest.raises(IntegrityError, match="the manifest is no release's"):
            read(copy)


def test_a_list_of_any_length_is_not_made_as_long_as_arrow_noted(copy: Path) -> None:
    """A hundred nulls, each of a list that has four million places whatever it holds."""
    (copy / LOGPROBS).mkdir()
    nulls = one_list(pa.nulls(100, pa.list_(pa.int64(), 2**22)))
    pq.write_table(pa.table({"a": pa.nulls(1, nulls.type)}), copy / LOGPROBS_FILE)
    list_file(copy, LOGPROBS_FILE)
    found = open_release(copy).logprobs("train")
    assert found.schema.field("a").type == pa.list_(pa.field("element", pa.list_(pa.field("element", pa.int64()))))


def damage_page(path: Path, old: bytes, new: bytes) -> None:
    table = pa.concat_tables([pq.read_table(path)])
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_rows_that_can_not_be_read_are_the_releases_fault(copy: Path) -> None:
    """Bytes as the manifest has them, and no text."""
    text = pq.read_table(copy / DATA_FILE)["completion"][0].as_py().encode()
    damage_page(copy / DATA_FILE, text, b"\xff" * len(text))
    list_file(copy, DATA_FILE)
    with pytest.raises(IntegrityError, match="its rows can't be read"):
        list(open_release(copy).iter_rows("train"))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_byte_is_another_a_file_is_refused_or_read(copy: Path, seed: int) -> None:
    """In a process of its own, which must not be ended by it: in pages and footers."""
    done = subprocess.run([sys.executable, __file__, copy, str(seed)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < CHANGES


def read_changed(release: Path, seed: int) -> int:
    """How many of the changed files are refused."""
    rng = np.random.default_rng(seed)
    (release / LOGPROBS).mkdir()
    texts = [["a", None, "b" * 50]] * 40
    write(pa.table({"a": texts, "b": pa.array(range(40), pa.float32())}), release / LOGPROBS_FILE)
    whole = (release / LOGPROBS_FILE).read_bytes()
    refused = 0
    for _ in range(CHANGES):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole) - 8, rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        (release / LOGPROBS_FILE).write_bytes(changed)
        try:
            list_file(release, LOGPROBS_FILE)
        except (KeyError, ValueError):  # no manifest can state such a number of rows
            continue
        try:
            open_release(release).logprobs("train")
        except IntegrityError:
            refused += 1
    return refused


if __name__ == "__main__":
    print(read_changed(Path(sys.argv[1]), int(sys.argv[2])))
