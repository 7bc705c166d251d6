"""`/releases`: what was published, its cards, its differences, its files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tracewright.api.http.access import Viewer
from tracewright.api.http.errors import NotFoundError
from tracewright.api.http.fields import NamePath
from tracewright.api.jobs.endpoints import to_job
from tracewright.api.jobs.repository import list_jobs
from tracewright.api.pages.data_cards import render_card
from tracewright.api.pages.site import SiteDep
from tracewright.api.releases.endpoints import VersionPath
from tracewright.api.releases.service import KIND, get_release
from tracewright.api.services import Services, ServicesDep
from tracewright.api.users.roles import Role
from tracewright.pipeline.curate.slices import list_slices
from tracewright.pipeline.release import diff_releases, find_releases, open_release
from tracewright.pipeline.release.manifest import read_tombstone

router = APIRouter()
MAX_JOBS = 20
MAX_DIFF_ROWS = 500_000
"""Of either release: a diff holds both in memory."""
MAX_SHOWN_IDS = 40
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
        releases=[_view_entry(services, entry) for entry in find_releases(services.store.path)],
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
    rows = [open_release(folder, allow_yanked=True).manifest.rows for folder in (old, new)]
    found, columns = None, Counter[str]()
    if max(rows) <= MAX_DIFF_ROWS:
        found = diff_releases(old, new)
        columns.update(column for changed in found.changed.values() for column in changed)
    return site.respond(
        request,
        "release-diff.html.jinja",
        viewer,
        before=before,
        after=after,
        rows=rows,
        diff=found,
        columns=columns.most_common(30),
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
        card=render_card((folder / "README.md").read_text(encoding="utf-8")),
        yanked=None if tombstone is None else tombstone.reason,
        others=[one for one in others if one != f"{name}@{version}"],
    )


def _find_folder(services: Services, named: str) -> Path:
    name, _, version = named.partition("@")
    entry = get_release(services.store, name, version)
    folder = entry.directory(services.store.path)
    if not (folder / "manifest.json").is_file():
        raise NotFoundError(f"{named} is registered and its folder is not there any more: bring it back from a copy")
    return folder


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
