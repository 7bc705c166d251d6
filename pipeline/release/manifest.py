"""Reading and writing a manifest and a tombstone, and the digest that is a release's identity."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tracewright.pipeline.release.layout import MANIFEST, MAX_TEXT_FILE_BYTES, TOMBSTONE
from tracewright.schemas.errors import IntegrityError, MissingInputError, SchemaVersionError, in_one_line
from tracewright.schemas.ids import hash_content
from tracewright.schemas.migrations import SCHEMA_VERSION
from tracewright.schemas.release import MANIFEST_FORMAT, ReleaseManifest, Tombstone


def seal(manifest: ReleaseManifest) -> ReleaseManifest:
    """The manifest with its digest."""
    return manifest.model_copy(update={"digest": compute_digest(manifest)})


def compute_digest(manifest: ReleaseManifest) -> str:
    """SHA-256 of the manifest's canonical JSON without its digest."""
    return _digest_of(manifest.model_dump(mode="json"))


def encode_manifest(manifest: ReleaseManifest) -> bytes:
    """The manifest as the bytes of `manifest.json`."""
    return _encode(manifest.model_dump(mode="json"))


def read_manifest(directory: Path) -> ReleaseManifest:
    """The manifest of a release, its digest checked; the files it lists are not looked at.

    Raises:
        MissingInputError: the directory is not there, or holds no manifest and so is not a release.
        SchemaVersionError: a newer tracewright made the release.
        IntegrityError: the manifest is not what was written.
    """
    if not directory.is_dir():
        raise MissingInputError(f"no release directory at {directory}: give the directory that `release create` made")
    path = directory / MANIFEST
    if not path.is_file():
        raise MissingInputError(
            f"{directory} holds no {MANIFEST}, so it is not a complete release: make it again with `release create`"
        )
    content, is_as_written = _read_json(path)
    _check_version(content, path)
    # The digest is of what the manifest says; another byte that says the same is a change, too.
    if content.get("digest") != _digest_of(content) or not is_as_written:
        raise IntegrityError(
            f"{path} was changed after it was written: its digest or its bytes differ; take an intact copy"
        )
    return _validate(content, path)


def read_tombstone(directory: Path) -> Tombstone | None:
    """The release's tombstone, None where it was not withdrawn.

    Raises:
        IntegrityError: there is one, and it can't be read.
    """
    path = directory / TOMBSTONE
    if not os.path.lexists(path):
        return None
    try:
        return Tombstone.model_validate(_read_json(path)[0])
    except (ValueError, OSError) as error:
        raise IntegrityError(
            f"{path} is not a readable tombstone, the release counts as withdrawn: {in_one_line(error)}"
        ) from error


def _digest_of(content: dict[str, Any]) -> str:
    return hash_content({name: value for name, value in content.items() if name != "digest"})


def _encode(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _read_json(path: Path) -> tuple[dict[str, Any], bool]:
    """The object, and whether the file holds exactly the bytes that are written for it."""
    size = path.stat().st_size
    if size > MAX_TEXT_FILE_BYTES:
        raise IntegrityError(f"{path} has {size} bytes, at most {MAX_TEXT_FILE_BYTES} are read: take an intact copy")
    try:
        data = path.read_bytes()
        content = json.loads(data)
        # Also fails on half a character, which no manifest that was written holds.
        is_as_written = data == _encode(content)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} is not JSON ({error}): take an intact copy of the release") from error
    if not isinstance(content, dict):
        raise IntegrityError(f"{path} holds a {type(content).__name__}, not an object: take an intact copy")
    return content, is_as_written


def _check_version(content: dict[str, Any], path: Path) -> None:
    version = content.get("schema_version")
    if content.get("format") != MANIFEST_FORMAT or not isinstance(version, int) or version > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{path} has format {content.get('format')!r} and schema version {version!r}, this tracewright reads "
            f"{MANIFEST_FORMAT!r} and versions up to {SCHEMA_VERSION}: upgrade tracewright and try again"
        )


def _validate(content: dict[str, Any], path: Path) -> ReleaseManifest:
    try:
        return ReleaseManifest.model_validate(content)
    except ValueError as error:
        raise IntegrityError(f"{path} is not a manifest: {in_one_line(error)}") from error
