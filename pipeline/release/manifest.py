"""Reading and writing a manifest and a tombstone, and the digest that is a release's identity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tracewright.pipeline.release.layout import MANIFEST, MAX_TEXT_FILE_BYTES, TOMBSTONE
from tracewright.schemas.errors import IntegrityError, MissingInputError, SchemaVersionError
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
    return (json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n").encode()


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
    content = _read_json(path)
    _check_version(content, path)
    if content.get("digest") != _digest_of(content):
        raise IntegrityError(f"{path} was changed after it was written: its digest differs; take an intact copy")
    return _validate(content, path)


def read_tombstone(directory: Path) -> Tombstone | None:
    """The release's tombstone, None where it was not withdrawn.

    Raises:
        IntegrityError: there is one, and it can't be read.
    """
    path = directory / TOMBSTONE
    if not path.exists():
        return None
    try:
        return Tombstone.model_validate(_read_json(path))
    except ValueError as error:
        raise IntegrityError(f"{path} is not a readable tombstone, the release counts as withdrawn: {error}") from error


def _digest_of(content: dict[str, Any]) -> str:
    return hash_content({name: value for name, value in content.items() if name != "digest"})


def _read_json(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    if size > MAX_TEXT_FILE_BYTES:
        raise IntegrityError(f"{path} has {size} bytes, at most {MAX_TEXT_FILE_BYTES} are read: take an intact copy")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} is not JSON ({error}): take an intact copy of the release") from error
    if not isinstance(content, dict):
        raise IntegrityError(f"{path} holds a {type(content).__name__}, not an object: take an intact copy")
    return content


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
        raise IntegrityError(f"{path} is not a manifest: {error}") from error
