"""Whether a release is, byte for byte, what its manifest says."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.collector import collect_rarely
from tracewright.pipeline.decoding.limits import RefusedError
from tracewright.pipeline.decoding.pages import check_excess, check_file
from tracewright.pipeline.release.layout import DATA, HUB_ATTRIBUTES, HUB_CACHE, MANIFEST, TOMBSTONE, hash_file
from tracewright.pipeline.release.manifest import read_manifest
from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.errors import IntegrityError, in_one_line
from tracewright.schemas.release import ReleaseFile, ReleaseManifest, ReleaseRow

_MAX_HASHING_THREADS = 4
_MAX_NAMED_FAULTS = 10
_PARQUET = ".parquet"
UNREADABLE = (pa.ArrowException, OSError, MemoryError, ValueError, IndexError)
"""What Arrow says of Parquet that is not what it seemed to be."""


def verify_release(directory: Path, *, digest: str | None = None) -> ReleaseManifest:
    """Read every byte of the release and compare it with the manifest.

    Args:
        directory: the release.
        digest: the manifest's digest as a register or a config recorded it; without it a manifest that was replaced
            together with its own digest can't be told from the original.

    Returns:
        The manifest. A withdrawn release passes: it is still what it was.

    Raises:
        MissingInputError: there is no release.
        IntegrityError: something differs; the message names every such file, up to 10.
    """
    manifest = read_manifest(directory)
    if digest is not None and manifest.digest != digest:
        raise IntegrityError(
            f"{directory / MANIFEST} has digest {manifest.digest}, expected {digest}: this is another release"
        )
    faults = [*find_misplaced(directory, manifest), *_find_miscounts(manifest)]
    sound = [file for file in manifest.files if not any(fault.startswith(f"{file.path}:") for fault in faults)]
    with ThreadPoolExecutor(min(_MAX_HASHING_THREADS, os.cpu_count() or 1)) as pool:
        changes = pool.map(lambda file: _find_change(directory, file), sound)  # hashing lets go of the interpreter
        with collect_rarely():
            found = [_find_misfit(directory, file) for file in sound]
        found = [change or misfit for change, misfit in zip(changes, found, strict=True)]
    faults += [one for one in found if isinstance(one, str)]
    raise_faults(directory, faults)
    check_room(directory, sum(one for one in found if isinstance(one, int)))
    return manifest


def find_misplaced(directory: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """What is wrong with which files there are and how long they are; nothing is read."""
    listed = Counter(file.path for file in manifest.files)
    for file in manifest.files:
        path = directory / file.path
        if listed[file.path] > 1 or (file.rows is None) == (path.suffix == _PARQUET):
            yield f"{file.path}: listed {listed[file.path]} times, with {file.rows} rows: the manifest is no release's"
            continue
        if path.is_symlink() or not path.is_file():
            yield f"{file.path}: missing" if not path.is_symlink() else f"{file.path}: a link, not a file"
        elif path.stat().st_size != file.bytes:
            yield f"{file.path}: {path.stat().st_size} bytes, the manifest says {file.bytes}"
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory).as_posix()
        is_file = path.is_symlink() or not path.is_dir()
        if is_file and relative not in listed and not _is_beside(relative):
            yield f"{relative if relative.isprintable() else ascii(relative)}: not in the manifest"


def _is_beside(relative: str) -> bool:
    """Whether it belongs to a release without being listed; one that was pulled from a hub has the hub's files too."""
    return relative in (MANIFEST, TOMBSTONE, HUB_ATTRIBUTES) or relative.startswith(HUB_CACHE)


def find_damage(directory: Path, file: ReleaseFile) -> str | int:
    """What is wrong with a file's bytes, or the memory that it takes beyond the proportion to its size."""
    return _find_change(directory, file) or _find_misfit(directory, file)


def check_room(directory: Path, excess_bytes: int) -> None:
    """Refuse files of which none takes too much memory alone, and all do together.

    Raises:
        IntegrityError: they do.
    """
    try:
        check_excess(directory, excess_bytes)
    except RefusedError as error:
        raise_faults(directory, [str(error)])


def raise_faults(directory: Path, faults: list[str]) -> None:
    """Raise one `IntegrityError` that names the files, where there are faults."""
    if not faults:
        return
    more = len(faults) - _MAX_NAMED_FAULTS
    named = "; ".join(faults[:_MAX_NAMED_FAULTS]) + (f"; and {more} more" if more > 0 else "")
    raise IntegrityError(f"the release {directory} is damaged: {named}: take an intact copy or make it again")


def _find_change(directory: Path, file: ReleaseFile) -> str | None:
    found = hash_file(directory / file.path)
    return None if found == file.sha256 else f"{file.path}: SHA-256 {found}, the manifest says {file.sha256}"


def _find_misfit(directory: Path, file: ReleaseFile) -> str | int:
    """As `find_damage`, where the bytes are the manifest's: a whole release may be made to do harm."""
    if file.rows is None:
        return 0
    path = directory / file.path
    try:
        footer, excess = check_file(path)
        if footer.rows != file.rows:
            return f"{file.path}: {footer.rows} rows, the manifest says {file.rows}"
        if not file.path.startswith(f"{DATA}/"):
            return excess
        with pq.ParquetFile(path, arrow_extensions_enabled=False) as opened:
            is_known = opened.schema_arrow.equals(arrow_schema(ReleaseRow))
        return excess if is_known else f"{file.path}: its columns are not those of a release"
    except RefusedError as error:
        return f"{file.path}: {error}"
    except UNREADABLE as error:
        return f"{file.path}: unreadable ({in_one_line(error)})"


def _find_miscounts(manifest: ReleaseManifest) -> Iterator[str]:
    """Where the manifest's own figures contradict each other."""
    for split, rows in manifest.splits.items():
        in_files = sum(file.rows or 0 for file in manifest.files if file.path.startswith(f"data/{split}-"))
        if in_files != rows:
            yield f"{MANIFEST}: split {split} has {rows} rows, its files {in_files}"
    if sum(manifest.splits.values()) != manifest.rows:
        yield f"{MANIFEST}: {manifest.rows} rows, its splits {sum(manifest.splits.values())}"
    for name in ("outcomes", "methods", "levels", "domains", "sources", "licenses"):
        if (total := sum(getattr(manifest, name).values())) != manifest.rows:
            yield f"{MANIFEST}: {manifest.rows} rows, {total} in {name}"
