"""A slice or a filter → an immutable release: the `release` flow."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from tracewright.pipeline.release import create_release
from tracewright.pipeline.store import Store
from tracewright.schemas import ReleaseManifest
from tracewright.schemas.ids import HELD_OUT_SHARE


@flow(name="release", validate_parameters=False)
def release(
    store: Path,
    out: Path,
    *,
    name: str,
    version: str | None = None,
    where: str | None = None,
    slice_name: str | None = None,
    at: int | None = None,
    review_watermark: int | None = None,
    seed: int = 0,
    test_share: float = HELD_OUT_SHARE,
) -> ReleaseManifest:
    """Publish; the data card becomes an artifact of the run."""
    manifest = create_release(
        Store.open(store),
        out,
        name=name,
        version=version,
        where=where,
        slice=slice_name,
        at=at,
        review_watermark=review_watermark,
        seed=seed,
        test_share=test_share,
    )
    create_markdown_artifact(
        (out / "README.md").read_text(encoding="utf-8"),
        key="data-card",
        description=f"{manifest.name}@{manifest.version}",
    )
    return manifest
