"""`/releases`: what was published, its cards, its differences, its files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from starlette.responses import Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.errors import NotFoundError
from tracewright.api.http.fields import NamePath
from tracewright.api.jobs.endpoints import to_job
from tracewright.api.jobs.repository import list_jobs
from tracewright.api.pages.data_cards import render_card
from tracewright.api.pages.images import find_image_type
from tracewright.api.pages.site import Site, SiteDep
from tracewright.api.releases.endpoints import VersionPath
from tracewright.api.releases.service import KIND, get_release
from tracewright.api.services import Services, ServicesDep
from tracewright.api.users.roles import Role
from tracewright.pipeline.curate.slices import list_slices
from tracewright.pipeline.release import ReleaseDiff, diff_releases, find_releases, open_release
from tracewright.pipeline.release.manifest import read_tombstone

router = APIRouter()
MAX_JOBS = 20
MAX_DIFF_ROWS = 500_000
"""Of either release: a diff holds both in memory."""
MAX_SHOWN_IDS = 40
MAX_QUESTION_SECONDS = 0.4
PicturePath = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_-]{1,80}\.[a-z]{3,4}$")]
ReleaseName = Annotated[str, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,95}@[0-9.]{1,30}$")]


@router.get("/releases")
def list_releases(request: Request, site: SiteDep, services: ServicesDep, viewer: Viewer) -> Response:
    """Every release, and those that are being made."""
    with services.database.read() as connection:
        jobs = [to_job(row) for row in list_jobs(connection, None, MAX_JOBS) if row.kind == KIND]
    return site.respond(
        request,
        "releases.html.jinja",
        viewer,
        releases=_view_entries(services),
        jobs=jobs,
        is_busy=any(job["state"] in ("waiting", "running") for job in jobs),
        may_curate=viewer.may(Role.CURATOR),
        slices=list_slices(services.store.path),
    )


@router.get("/releases/diff")
def show_diff(
    request: Request, site: SiteDep, services: ServicesDep, viewer: Viewer, before: ReleaseName, after: ReleaseName
) -> Response:
    """What one release has that another has not."""
    old, new = (_find_folder(services, one) for one in (before, after))
    manifests = [open_release(folder, allow_yanked=True).manifest for folder in (old, new)]
    found, columns = None, Counter[str]()
    if max(one.rows for one in manifests) <= MAX_DIFF_ROWS:
        found = diff_releases(old, new)
        columns.update(column for changed in found.changed.values() for column in changed)
    return site.respond(
        request,
        "release-diff.html.jinja",
        viewer,
        before=before,
        after=after,
        manifests=manifests,
        diff=found,
        columns=columns.most_common(30),
        questions={} if found is None else _read_questions(site, services, found),
        limit=MAX_SHOWN_IDS,
        most=MAX_DIFF_ROWS,
    )


@router.get("/releases/{name}/{version}")
def show_release(
    request: Request, site: SiteDep, services: ServicesDep, viewer: Viewer, name: NamePath, version: VersionPath
) -> Response:
    """One release: its card, its files, and what it can be compared with."""
    folder = _find_folder(services, f"{name}@{version}")
    manifest = open_release(folder, allow_yanked=True).manifest
    tombstone = read_tombstone(folder)
    others = [f"{one.name}@{one.version}" for one in find_releases(services.store.path)]
    return site.respond(
        request,
        "release.html.jinja",
        viewer,
        manifest=manifest,
        card=render_card((folder / "README.md").read_text(encoding="utf-8"), None if tombstone else request.url.path),
        yanked=None if tombstone is None else tombstone.reason,
        others=[one for one in others if one != f"{name}@{version}"],
    )


@router.get("/releases/{name}/{version}/pictures/{picture}")
def read_picture(
    services: ServicesDep, _: Viewer, name: NamePath, version: VersionPath, picture: PicturePath
) -> Response:
    """A picture of the card; by its first bytes it must be one."""
    folder, path = _find_folder(services, f"{name}@{version}"), f"pictures/{picture}"
    listed = {file.path for file in open_release(folder, allow_yanked=True).manifest.files}
    data = (folder / path).read_bytes() if path in listed and read_tombstone(folder) is None else b""
    kind = find_image_type(data)
    if kind is None:
        raise NotFoundError(f"{picture!r} is no picture that can be shown")
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


def _read_questions(site: Site, services: Services, found: ReleaseDiff) -> dict[str, str]:
    """The questions of the traces that are shown, as far as the store still has them and can soon be read."""
    shown = [one for ids in (found.added, found.removed, found.changed) for one in list(ids)[:MAX_SHOWN_IDS]]
    frame = services.feed.frame
    rows = {one: row for one in shown if (row := frame.row_of(one)) is not None}
    previews = site.previews.read(services, frame, list(rows.values()), MAX_QUESTION_SECONDS) if rows else []
    return {one: view.question for one, view in zip(rows, previews, strict=True) if view is not None}


def _find_folder(services: Services, named: str) -> Path:
    name, _, version = named.partition("@")
    entry = get_release(services.store, name, version)
    folder = entry.directory(services.store.path)
    if not (folder / "manifest.json").is_file():
        raise NotFoundError(f"{named} is registered and its folder is not there any more: bring it back from a copy")
    return folder


def _view_entries(services: Services) -> list[dict[str, Any]]:
    """Every release, each with the one before it of the same name, if both are there."""
    views = [_view_entry(services, entry) for entry in find_releases(services.store.path)]
    latest: dict[str, str] = {}
    for view in views:
        view["before"] = latest.get(view["name"]) if view["is_there"] else None
        if view["is_there"]:
            latest[view["name"]] = f"{view['name']}@{view['version']}"
    return views


def _view_entry(services: Services, entry: Any) -> dict[str, Any]:
    folder = entry.directory(services.store.path)
    is_there = (folder / "manifest.json").is_file()
    tombstone = read_tombstone(folder) if is_there else None
    return {
        "name": entry.name,
        "version": entry.version,
        "rows": entry.rows,
        "store_version": entry.store_version,
        "is_there": is_there,
        "yanked": None if tombstone is None else tombstone.reason,
    }
