"""`/v1/releases`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, Path
from pydantic import BaseModel, StringConstraints, model_validator
from starlette.responses import Response, StreamingResponse

from tracewright.api.http.access import Curator, Viewer
from tracewright.api.http.changes import Change, ChangerDep, Reply
from tracewright.api.http.errors import NotFoundError
from tracewright.api.http.fields import Body, FilterText, Name, NamePath
from tracewright.api.http.ranges import choose_part
from tracewright.api.http.rendering import render
from tracewright.api.jobs.endpoints import Job, to_job
from tracewright.api.jobs.repository import add_job
from tracewright.api.releases import service
from tracewright.api.services import ServicesDep
from tracewright.pipeline.curate.slices import read_slice
from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.release import RegisteredRelease, find_releases, open_release
from tracewright.pipeline.release.manifest import read_tombstone

router = APIRouter(prefix="/releases", tags=["releases"])
_VERSION = r"^[0-9]{1,9}(\.[0-9]{1,9}){0,2}$"
VersionPath = Annotated[str, Path(pattern=_VERSION)]
FilePath = Annotated[str, Path(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,199}$")]


class NewRelease(Body):
    """A release to make: of a slice, of what a filter lets through, or of what is in both."""

    name: Name
    version: Annotated[str, StringConstraints(pattern=_VERSION)] | None = None
    """The next one where left out."""
    slice: Name | None = None
    where: FilterText | None = None

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if self.slice is None and self.where is None:
            raise ValueError("name a slice or a filter")
        return self


class ReleaseFacts(BaseModel):
    """A release."""

    name: str
    version: str
    rows: int
    store_version: int
    digest: str


class ReleaseList(BaseModel):
    """Every release."""

    items: list[ReleaseFacts]


class ReleaseCard(BaseModel):
    """A release with its manifest and its card."""

    release: ReleaseFacts
    manifest: dict[str, Any]
    card: str
    """The data card, as Markdown."""
    yanked: str | None
    """Why the release was withdrawn, where it was."""


@router.get("", response_model=ReleaseList)
def list_releases(services: ServicesDep, _: Viewer) -> Response:
    """Every release that was made from the store, by name and version."""
    return render({"items": [_to_facts(entry) for entry in find_releases(services.store.path)]})


@router.post("", response_model=Job, status_code=202)
def make_release(changer: ChangerDep, services: ServicesDep, curator: Curator, new: NewRelease) -> Response:
    """Publish the reviews and make a release, in the background: the answer is the job."""
    if new.where is not None:
        parse_filter(new.where)
    if new.slice is not None:
        read_slice(services.store.path, new.slice)

    def work(change: Change) -> Reply:
        job = add_job(change.connection, service.KIND, new.model_dump(mode="json"), curator.name, change.now)
        change.audit("release.ask", new.name, job=job.id, slice=new.slice)
        change.after_commit(services.jobs.wake)
        return Reply(to_job(job), 202, location=f"/v1/jobs/{job.id}")

    return changer.run(curator, new, work)


@router.get("/{name}/{version}", response_model=ReleaseCard)
def read_release(services: ServicesDep, _: Viewer, name: NamePath, version: VersionPath) -> Response:
    """One release: its manifest, its card, and whether it was withdrawn."""
    entry = service.get_release(services.store, name, version)
    folder = entry.directory(services.store.path)
    if not (folder / "manifest.json").is_file():
        raise NotFoundError(f"{name}@{version} was made at {entry.path} and is not there any more")
    release = open_release(folder, allow_yanked=True)
    tombstone = read_tombstone(folder)
    content = {
        "release": _to_facts(entry),
        "manifest": release.manifest.model_dump(mode="json"),
        "card": (folder / "README.md").read_text(encoding="utf-8"),
        "yanked": None if tombstone is None else tombstone.reason,
    }
    return render(content)


@router.get(
    "/{name}/{version}/files/{path:path}",
    response_class=StreamingResponse,
    responses={206: {"description": "The part that `Range` names.", "content": {"application/octet-stream": {}}}},
)
def download(
    services: ServicesDep,
    _: Viewer,
    name: NamePath,
    version: VersionPath,
    path: FilePath,
    range_: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
    if_range: Annotated[str | None, Header(alias="If-Range", max_length=200)] = None,
) -> Response:
    """One of a release's files, as a stream; with `Range` the rest of one that broke off."""
    file, etag = service.find_file(services.store, name, version, path)
    size = file.stat().st_size
    part = choose_part(range_, size) if if_range in (None, etag) else None
    start, end = part or (0, size)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(end - start),
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    pieces = service.iter_bytes(file, start, end)
    return StreamingResponse(pieces, 200 if part is None else 206, headers, media_type="application/octet-stream")


def _to_facts(entry: RegisteredRelease) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ReleaseFacts.model_fields}
