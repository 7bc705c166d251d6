"""Where the parts of a release lie, and how its files reach the disk and are hashed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MANIFEST = "manifest.json"
CARD = "README.md"
CROISSANT = "croissant.json"
TOMBSTONE = "YANKED.json"
DATA = "data"
LOGPROBS = "logprobs"
HUB_ATTRIBUTES = ".gitattributes"
"""What a hub adds to every repository."""
HUB_CACHE = ".cache/huggingface/"
"""What huggingface_hub keeps beside files that it downloaded."""

ASIDE_SUFFIX = ".incomplete"
"""A release that is being made lies in a sibling folder `.NAME.PID.incomplete` until its one rename."""
_HASHED_AT_ONCE = 2**24
MAX_TEXT_FILE_BYTES = 64 * 1024 * 1024
"""No manifest or tombstone is larger; more is refused before it is read."""


def file_path(folder: str, split: str, index: int, count: int) -> str:
    """The path of one Parquet file, as Hugging Face data sets name it."""
    return f"{folder}/{split}-{index:05d}-of-{count:05d}.parquet"


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        # Large pieces: between two of them a thread waits for the interpreter, as long as another computes.
        piece = bytearray(min(_HASHED_AT_ONCE, path.stat().st_size + 1))
        while count := file.readinto(piece):
            digest.update(memoryview(piece)[:count])
    return digest.hexdigest()


def write_file(path: Path, data: bytes) -> None:
    """Write and sync a new file."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Make a written file, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write the file aside, sync it and rename it into place: after a crash it is the old one or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}{ASIDE_SUFFIX}")
    aside.unlink(missing_ok=True)
    try:
        write_file(aside, data)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)
