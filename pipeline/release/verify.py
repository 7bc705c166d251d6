"""Whether a release is, byte for byte, what its manifest says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tracewright.pipeline.decoding.limits import RefusedError, check_footer_size, check_sizes
from tracewright.pipeline.decoding.pages import check_pages
from tracewright.pipeline.release.layout import DATA, HUB_ATTRIBUTES, HUB_CACHE, MANIFEST, TOMBSTONE, hash_file
from tracewright.pipeline.release.manifest import read_manifest
from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.errors import IntegrityError
from tracewright.schemas.release import ReleaseFile, ReleaseManifest, ReleaseRow

_MAX_HASHING_THREADS = 4
_MAX_NAMED_FAULTS = 10


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
        faults += [fault for fault in pool.map(lambda file: find_damage(directory, file), sound) if fault]
    raise_faults(directory, faults)
    return manifest


def find_misplaced(directory: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """What is wrong with which files there are and how long they are; nothing is read."""
    listed = {file.path for file in manifest.files}
    for file in manifest.files:
        path = directory / file.path
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


def find_damage(directory: Path, file: ReleaseFile) -> str | None:
    """What is wrong with a file's bytes, None where nothing is."""
    found = hash_file(directory / file.path)
    if found != file.sha256:
        return f"{file.path}: SHA-256 {found}, the manifest says {file.sha256}"
    if file.rows is None:
        return None
    return _find_misfit(directory / file.path, file)


def raise_faults(directory: Path, faults: list[str]) -> None:
    """Raise one `IntegrityError` that names the files, where there are faults."""
    if not faults:
        return
    more = len(faults) - _MAX_NAMED_FAULTS
    named = "; ".join(faults[:_MAX_NAMED_FAULTS]) + (f"; and {more} more" if more > 0 else "")
    raise IntegrityError(f"the release {directory} is damaged: {named}: take an intact copy or make it again")


def _find_misfit(path: Path, file: ReleaseFile) -> str | None:
    """What is wrong with a Parquet file whose bytes are the manifest's: a whole release may be made to do harm."""
    try:
        check_footer_size(path)
        with pq.ParquetFile(path, arrow_extensions_enabled=False) as footer:
            if footer.metadata.num_rows != file.rows:
                return f"{file.path}: {footer.metadata.num_rows} rows, the manifest says {file.rows}"
            if file.path.startswith(f"{DATA}/") and not footer.schema_arrow.equals(arrow_schema(ReleaseRow)):
                return f"{file.path}: its columns are not those of a release"
            check_sizes(path, footer, footer.schema_arrow.names)
            check_pages(path, footer)
    except RefusedError as error:
        return f"{file.path}: {error}"
    except (pa.ArrowException, OSError) as error:
        return f"{file.path}: unreadable ({error})"
    return None


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
