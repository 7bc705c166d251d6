"""Whatever is changed in a release is found, and the file is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracewright.pipeline.release import open_release, verify_release, yank_release
from tracewright.pipeline.release.layout import hash_file
from tracewright.pipeline.release.manifest import encode_manifest, seal
from tracewright.schemas import IntegrityError, MissingInputError, ReleaseManifest, SchemaVersionError
from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.release import ReleaseRow

TRAIN = "data/train-00001-of-00008.parquet"


def test_an_intact_release_passes(released: Path) -> None:
    manifest = verify_release(released)
    assert verify_release(released, digest=manifest.digest) == manifest
    assert (released / TRAIN).is_file()


def flip_byte(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def swap_rows(copy: Path) -> None:
    table = pq.read_table(copy / TRAIN)
    pq.write_table(table.slice(1), copy / TRAIN)


def replace_by_link(copy: Path) -> None:
    elsewhere = copy.parent / "elsewhere.parquet"
    (copy / TRAIN).rename(elsewhere)
    (copy / TRAIN).symlink_to(elsewhere)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "first byte": (lambda copy: flip_byte(copy / TRAIN, 0), TRAIN),
    "last byte": (lambda copy: flip_byte(copy / TRAIN, -1), TRAIN),
    "byte in the middle": (lambda copy: flip_byte(copy / TRAIN, 4_000), TRAIN),
    "byte of the card": (lambda copy: flip_byte(copy / "README.md", 500), "README.md"),
    "byte of croissant": (lambda copy: flip_byte(copy / "croissant.json", 500), "croissant.json"),
    "truncated": (lambda copy: truncate(copy / TRAIN), TRAIN),
    "emptied": (lambda copy: (copy / TRAIN).write_bytes(b""), TRAIN),
    "missing": (lambda copy: (copy / TRAIN).unlink(), TRAIN),
    "missing card": (lambda copy: (copy / "README.md").unlink(), "README.md"),
    "a directory instead": (lambda copy: ((copy / TRAIN).unlink(), (copy / TRAIN).mkdir()), TRAIN),
    "a link instead": (replace_by_link, TRAIN),
    "other rows": (swap_rows, TRAIN),
    "extra data": (lambda copy: (copy / "data/train-9.parquet").write_bytes(b"x"), "data/train-9.parquet"),
    "extra hidden": (lambda copy: (copy / ".hidden").write_bytes(b""), ".hidden"),
    "extra link": (lambda copy: (copy / "way-out").symlink_to("/"), "way-out"),
    "extra in a new folder": (lambda copy: ((copy / "x").mkdir(), (copy / "x/y").write_text("")), "x/y"),
    "manifest changed": (lambda copy: replace_text(copy / "manifest.json", '"seed": 0', '"seed": 1'), "manifest.json"),
    "another byte in the manifest that says the same": (
        lambda copy: replace_text(copy / "manifest.json", '"seed": 0', '"seed":\t0'),
        "manifest.json",
    ),
    "a key of the manifest twice": (
        lambda copy: replace_text(copy / "manifest.json", '"seed": 0', '"seed": 1, "seed": 0'),
        "manifest.json",
    ),
    "half a character": (
        lambda copy: replace_text(copy / "manifest.json", '"seed": 0', '"seed": "\\ud800"'),
        "manifest.json",
    ),
    "a name that moves the cursor": (lambda copy: (copy / "a\x1b[2Jb").write_text(""), r"a\x1b[2Jb"),
    "manifest is no JSON": (lambda copy: truncate_more(copy / "manifest.json"), "manifest.json"),
    "manifest is a list": (lambda copy: (copy / "manifest.json").write_text("[]"), "manifest.json"),
    "manifest nested deep": (lambda copy: (copy / "manifest.json").write_text("[" * 99_999), "manifest.json"),
}


def replace_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def truncate_more(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_the_file_named(copy: Path, damage: str) -> None:
    do, named = DAMAGE[damage]
    do(copy)
    with pytest.raises(IntegrityError) as error:
        verify_release(copy)
    assert named in str(error.value)


def rewrite_manifest(copy: Path, change: Callable[[dict[str, Any]], object]) -> ReleaseManifest:
    """Change the manifest and give it a digest that fits."""
    content = json.loads((copy / "manifest.json").read_text())
    change(content)
    manifest = seal(ReleaseManifest.model_validate(content))
    (copy / "manifest.json").write_bytes(encode_manifest(manifest))
    return manifest


def add_row(content: dict[str, Any]) -> None:
    content["files"][1]["rows"] += 1
    content["splits"]["train"] += 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (add_row, TRAIN),
        (lambda content: content["files"][1].update(sha256="0" * 64), TRAIN),
        (lambda content: content["files"].pop(1), TRAIN),
        (lambda content: content["splits"].update(train=1), "manifest.json: split train"),
        (lambda content: content.update(rows=1), "manifest.json: 1 rows"),
        (lambda content: content["outcomes"].update(correct=1), "in outcomes"),
    ],
    ids=["rows", "hash", "file left out", "split", "total", "outcomes"],
)
def test_a_manifest_that_lies_is_found(copy: Path, change: Callable[[dict[str, Any]], object], named: str) -> None:
    rewrite_manifest(copy, change)
    with pytest.raises(IntegrityError) as error:
        verify_release(copy)
    assert named in str(error.value)


def make_wide(rows: int) -> pa.Table:
    return pa.table({f"c{number}": pa.nulls(rows, pa.int8()) for number in range(5_000)})


def make_forged(rows: int) -> pa.Table:
    forged = {b"ARROW:extension:name": b"arrow.uuid", b"ARROW:extension:metadata": b"forged"}
    return pa.table([pa.nulls(rows, pa.string())], schema=pa.schema([pa.field("a", pa.string(), metadata=forged)]))


def make_deep(rows: int) -> pa.Table:
    kind: pa.DataType = pa.int64()
    for _ in range(300):
        kind = pa.struct([("a", kind)])
    return pa.table({"a": pa.nulls(rows, kind)})


def make_repeated(rows: int) -> pa.Table:
    """The columns of a release, with one completion of 8 MiB for all rows: a few kilobytes in the file."""
    empty = arrow_schema(ReleaseRow).empty_table()
    columns = {
        name: pa.nulls(rows, column.type) for name, column in zip(empty.column_names, empty.columns, strict=True)
    }
    columns["completion"] = pa.array(["a" * 2**23] * rows)
    return pa.table(columns, schema=empty.schema)


@pytest.mark.parametrize("make", [make_wide, make_forged, make_deep, make_repeated])
def test_a_whole_release_made_to_do_harm_is_refused_before_a_row_of_it_is_read(
    copy: Path, make: Callable[[int], pa.Table]
) -> None:
    def list_it(content: dict[str, Any]) -> None:
        (listed,) = [file for file in content["files"] if file["path"] == TRAIN]
        pq.write_table(make(listed["rows"]), copy / TRAIN)
        listed["bytes"] = (copy / TRAIN).stat().st_size
        listed["sha256"] = hash_file(copy / TRAIN)

    rewrite_manifest(copy, list_it)
    with pytest.raises(IntegrityError, match=TRAIN):
        verify_release(copy)
    with pytest.raises(IntegrityError, match=TRAIN):
        for _ in open_release(copy).iter_rows("train"):
            pass


def test_a_manifest_replaced_with_its_digest_is_found_by_the_registers(copy: Path, released: Path) -> None:
    original = verify_release(released)
    rewrite_manifest(copy, lambda content: content.update(prompt_example="another"))
    assert verify_release(copy).digest != original.digest
    with pytest.raises(IntegrityError, match="this is another release"):
        verify_release(copy, digest=original.digest)


@pytest.mark.parametrize("path", ["../x.parquet", "/etc/passwd", "data/../../x", "data/a.parquet", "data/%2e%2e/x", ""])
def test_a_manifest_cannot_name_files_outside(copy: Path, path: str) -> None:
    content = json.loads((copy / "manifest.json").read_text())
    content["files"][0]["path"] = path
    with pytest.raises(ValueError, match="pattern"):
        ReleaseManifest.model_validate(content)


def test_every_damaged_file_is_named(copy: Path) -> None:
    flip_byte(copy / TRAIN, 4_000)
    (copy / "README.md").unlink()
    with pytest.raises(IntegrityError) as error:
        verify_release(copy)
    assert TRAIN in str(error.value)
    assert "README.md: missing" in str(error.value)


def test_a_withdrawn_release_is_still_what_it_was(copy: Path) -> None:
    yank_release(copy, "a licence was wrong")
    assert verify_release(copy).name == "sums"


def test_a_newer_schema_asks_for_an_upgrade(copy: Path) -> None:
    replace_text(copy / "manifest.json", '"schema_version": 1', '"schema_version": 2')
    with pytest.raises(SchemaVersionError, match="upgrade tracewright"):
        verify_release(copy)


@pytest.mark.parametrize("read", [verify_release, open_release])
def test_what_is_no_release_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(MissingInputError, match="no release directory"):
        read(tmp_path / "nothing")
    with pytest.raises(MissingInputError, match="not a complete release"):
        read(tmp_path)
