"""The YAML header of a data card, as the Hugging Face hub reads it."""

from __future__ import annotations

from typing import Any

import yaml

from tracewright.schemas.release import UNKNOWN, ReleaseManifest

_HUB_LICENSES = frozenset(
    [
        "afl-3.0",
        "agpl-3.0",
        "apache-2.0",
        "artistic-2.0",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsd-3-clause-clear",
        "bsl-1.0",
        "cc",
        "cc0-1.0",
        "cc-by-2.0",
        "cc-by-2.5",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-nc-2.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nd-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cdla-permissive-1.0",
        "cdla-permissive-2.0",
        "cdla-sharing-1.0",
        "ecl-2.0",
        "epl-1.0",
        "epl-2.0",
        "eupl-1.1",
        "eupl-1.2",
        "gfdl",
        "gpl",
        "gpl-2.0",
        "gpl-3.0",
        "isc",
        "lgpl",
        "lgpl-2.1",
        "lgpl-3.0",
        "lppl-1.3c",
        "mit",
        "mpl-2.0",
        "ms-pl",
        "ncsa",
        "odbl",
        "odc-by",
        "ofl-1.1",
        "osl-3.0",
        "pddl",
        "postgresql",
        "unlicense",
        "wtfpl",
        "zlib",
    ]
)
"""The hub's own identifiers; everything else is `other` there. The card's text names every licence as it was given."""

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
)
_LARGEST = "n>1B"
_TAGS = ["tracewright", "reasoning", "chain-of-thought", "process-supervision", "distillation"]


def render_header(manifest: ReleaseManifest) -> str:
    """The header with its dashes."""
    fields: dict[str, Any] = {
        "pretty_name": f"{manifest.name} {manifest.version}",
        "language": list(manifest.languages),
        "license": _licenses(manifest),
        "size_categories": [_size(manifest.rows)],
        "task_categories": ["text-generation"],
        "tags": _TAGS,
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*.parquet"} for split in manifest.splits],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---"


def _licenses(manifest: ReleaseManifest) -> list[str]:
    return sorted({_hub_license(name) for name in manifest.licenses})


def _hub_license(name: str) -> str:
    lower = name.strip().lower().removesuffix("-only").removesuffix("-or-later")
    return lower if lower in _HUB_LICENSES or lower == UNKNOWN else "other"


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), _LARGEST)
