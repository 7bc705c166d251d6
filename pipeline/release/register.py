"""The register of releases, `STORE/releases/NAME@VERSION.json`: gives the next version, and lets takedowns find them.

An entry is written just before a release appears and marked `published` just after. A process killed between the two
leaves an entry that the next one settles: it is completed where the release did appear, and removed where not.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from tracewright.pipeline.release.layout import replace_file
from tracewright.pipeline.release.manifest import read_manifest
from tracewright.pipeline.store.disk import explain_disk_errors, make_folder
from tracewright.pipeline.store.locks import hold
from tracewright.pipeline.store.objects import ObjectPath, local_folder
from tracewright.schemas.base import Count, Frozen
from tracewright.schemas.errors import InputError, MissingInputError, StoreError, TracewrightError, in_one_line
from tracewright.schemas.release import ReleaseManifest

FOLDER = "releases"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,95}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}")


class RegisteredRelease(Frozen):
    """One release made from the store."""

    name: str
    version: str
    path: str
    """Relative to the store, as it was when the release was made."""
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the manifest."""
    store_version: Count
    rows: Count
    published: bool = False
    host: str | None = None
    """The machine whose path it is, where the store is on S3 and `path` absolute."""

    def directory(self, store: Path) -> Path:
        """Where the release was put."""
        if isinstance(store, ObjectPath):
            return Path(self.path)
        return Path(os.path.normpath(store.resolve() / self.path))

    @property
    def is_elsewhere(self) -> bool:
        """Whether another machine made it: nothing can be said here of its directory."""
        return self.host not in (None, socket.gethostname())


@dataclass(frozen=True)
class Claim:
    """The right to publish one version of a release, while `claim_version` is held."""

    store: Path
    name: str
    version: str

    def record(self, out: Path, manifest: ReleaseManifest, *, published: bool) -> None:
        """Write the entry, over the one that is there."""
        is_remote = isinstance(self.store, ObjectPath)
        entry = RegisteredRelease(
            name=self.name,
            version=self.version,
            path=str(out.resolve()) if is_remote else os.path.relpath(out.resolve(), self.store.resolve()),
            host=socket.gethostname() if is_remote else None,
            digest=manifest.digest,
            store_version=manifest.store_version,
            rows=manifest.rows,
            published=published,
        )
        _write(self.store, entry, is_first=not published)


def find_releases(store: Path, name: str | None = None) -> list[RegisteredRelease]:
    """Every published release of the store, or those of one name, by name and version.

    Raises:
        StoreError: an entry can't be read.
    """
    return [entry for entry in _read_all(store) if entry.published and name in (None, entry.name)]


@contextmanager
def claim_version(store: Path, name: str, version: str | None) -> Generator[Claim]:
    """Hold a version of a name against every other process; without a version, the next one.

    Raises:
        InputError: the name or version is malformed, or the version exists.
        StoreError: the store can't be written.
    """
    check_names(name, version)
    make_folder(local_folder(store) / FOLDER)
    with lock_name(store, name):
        settle_name(store, name)
        taken = find_releases(store, name)
        yield Claim(store, name, _next_version(taken) if version is None else _check_free(version, taken, store))


def find_pinned_versions(store: Path) -> set[int]:
    """The store versions that releases were made from, those that are being made included."""
    return {entry.store_version for entry in _read_all(store)}


def registered_names(store: Path) -> list[str]:
    """The names of all releases, those that are being made included."""
    return sorted({entry.name for entry in _read_all(store)})


@contextmanager
def lock_name(store: Path, name: str) -> Generator[None]:
    """Wait until nobody makes a release of that name, and let nobody begin."""
    with hold(local_folder(store) / FOLDER / f".{name}.lock"):
        yield


def settle_name(store: Path, name: str) -> list[RegisteredRelease]:
    """The releases of that name, after what killed processes left was settled. The caller holds the name's lock."""
    _settle(store, name)
    return find_releases(store, name)


def check_names(name: str, version: str | None) -> None:
    """Refuse a malformed name or version.

    Raises:
        InputError: with what is allowed.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't name a release: use up to 96 of a–z, 0–9, '.', '_' and '-', a letter or digit first"
        )
    if version is not None and not _VERSION.fullmatch(version):
        raise InputError(f"{version!r} is not a version: use one to three numbers with dots, such as 2 or 1.4.0")


def _settle(store: Path, name: str) -> None:
    for entry in _read_all(store):
        if entry.name != name or entry.published or entry.is_elsewhere:
            continue
        if _has_appeared(entry, store):
            _write(store, entry.model_copy(update={"published": True}))
        else:
            _path(store, entry).unlink()


def _has_appeared(entry: RegisteredRelease, store: Path) -> bool:
    try:
        return read_manifest(entry.directory(store)).digest == entry.digest
    except MissingInputError:
        return False
    except TracewrightError:
        # Something lies there that can't be read: the entry stays, so that no other release takes its version.
        return True


def _next_version(taken: list[RegisteredRelease]) -> str:
    return str(1 + max((_key(entry.version)[0] for entry in taken), default=0))


def _check_free(version: str, taken: list[RegisteredRelease], store: Path) -> str:
    for entry in taken:
        if _key(entry.version) == _key(version):
            raise InputError(
                f"{entry.name}@{entry.version} exists already, at {entry.directory(store)}: a release never changes; "
                f"leave the version out to make {_next_version(taken)}"
            )
    return version


def _key(version: str) -> tuple[int, ...]:
    """Versions by their numbers: 2 and 2.0 are the same."""
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _read_all(store: Path) -> list[RegisteredRelease]:
    entries = [_read(path) for path in (store / FOLDER).glob("*.json") if not path.name.startswith(".")]
    return sorted(entries, key=lambda entry: (entry.name, _key(entry.version)))


def _read(path: Path) -> RegisteredRelease:
    try:
        return RegisteredRelease.model_validate_json(path.read_bytes())
    except (ValueError, OSError) as error:
        raise StoreError(
            f"{path} is not an entry of the register: {in_one_line(error)}: restore it from a copy"
        ) from error


def _write(store: Path, entry: RegisteredRelease, *, is_first: bool = False) -> None:
    path, data = _path(store, entry), (entry.model_dump_json(indent=1) + "\n").encode()
    with explain_disk_errors(path, "writing"):
        if not isinstance(path, ObjectPath):
            return replace_file(path, data)
        try:
            path.put(data, mode="create" if is_first else "overwrite")
        except FileExistsError as error:
            raise InputError(
                f"{entry.name}@{entry.version} was just taken on another machine: run the same command again"
            ) from error


def _path(store: Path, entry: RegisteredRelease) -> Path:
    return store / FOLDER / f"{entry.name}@{entry.version}.json"
