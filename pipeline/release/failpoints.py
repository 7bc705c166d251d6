"""Where a test kills a process that publishes a release; armed as `pipeline.store.failpoints` says."""

from __future__ import annotations

from enum import StrEnum


class PublishPoint(StrEnum):
    """Every place, in the order in which a publication passes them; each name says what has just happened."""

    FOLDER_MADE = "release.folder-made"
    DATA_WRITTEN = "release.data-written"
    CARD_WRITTEN = "release.card-written"
    MANIFEST_WRITTEN = "release.manifest-written"
    REGISTERED = "release.registered"
    RENAMED = "release.renamed"
    PUBLISHED = "release.published"
