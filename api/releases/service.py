"""Making releases, and finding their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracewright.api.database import Database
from tracewright.api.http.errors import NotFoundError, RefusedError
from tracewright.api.http.etags import make_etag
from tracewright.api.jobs.runner import Tell
from tracewright.api.releases.publishing import publish
from tracewright.pipeline.release import RegisteredRelease, create_release, find_releases, open_release
from tracewright.pipeline.store import Store
from tracewright.schemas.errors import ReleaseYankedError
from tracewright.schemas.release import ReleaseManifest

KIND = "release"
_WRITING = 0.15
"""The share of the work that is done when the reviews are published."""
_CHUNK_BYTES = 1_048_576


def make_release_work(store: Store, database: Database, folder: Path) -> Callable[[Any, Tell], dict[str, Any]]:
    """The work of a release's job: publish the reviews, then write the release."""

    def work(job: Any, tell: Tell) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        asked = job.asked
        out = folder / f"{asked['name']}-{_stamp(job.created_at)}-{job.id}"
        if (out / "manifest.json").is_file():
            # The process died after the release was made and before the job was ended.
            return _to_result(open_release(out, allow_yanked=True).manifest, 0)
        tell(0.05, "publishing reviews")
        publication = publish(store, database)
        tell(_WRITING, "writing")
        manifest = create_release(
            store,
            out,
            name=asked["name"],
            version=asked["version"],
            where=asked["where"],
            slice=asked["slice"],
            review_watermark=publication.watermark or None,
            tell=lambda share: tell(_WRITING + (1 - _WRITING) * share, "writing"),
        )
        return _to_result(manifest, publication.added)

    return work


def get_release(store: Store, name: str, version: str) -> RegisteredRelease:
    """A release that was made from the store.

    Raises:
        NotFoundError: there is none.
    """
    for entry in find_releases(store.path, name):
        if entry.version == version:
            return entry
    raise NotFoundError(f"there is no release {name}@{version}")


def get_file(store: Store, name: str, version: str, path: str) -> Path:
    """One of the files that a release's manifest lists, as `find_file` finds it."""
    return find_file(store, name, version, path)[0]


def find_file(store: Store, name: str, version: str, path: str) -> tuple[Path, str]:
    """One of the files that a release's manifest lists, and its ETag: no other path is ever opened.

    Raises:
        NotFoundError: there is no such release, or it lists no such file.
        RefusedError: the release is yanked.
    """
    entry = get_release(store, name, version)
    folder = entry.directory(store.path)
    try:
        release = open_release(folder)
    except ReleaseYankedError as error:
        raise RefusedError(str(error)) from error
    digests = {file.path: file.sha256 for file in release.manifest.files} | {"manifest.json": entry.digest}
    if path not in digests:
        raise NotFoundError(f"{name}@{version} has no file {path!r}: its manifest lists those it has")
    return folder / path, make_etag(digests[path])


def iter_bytes(path: Path, start: int, end: int) -> Iterator[bytes]:
    """A part of a file in pieces of a megabyte."""
    with path.open("rb") as file:
        file.seek(start)
        while piece := file.read(min(_CHUNK_BYTES, end - file.tell())):
            yield piece


def _to_result(manifest: ReleaseManifest, published: int) -> dict[str, Any]:
    facts = {"name": manifest.name, "version": manifest.version, "rows": manifest.rows}
    return facts | {"review_watermark": manifest.review_watermark, "published": published}


def _stamp(created_at: int) -> str:
    return datetime.fromtimestamp(created_at / 1e6, UTC).strftime("%Y%m%dT%H%M%S")
