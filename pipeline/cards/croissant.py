"""`croissant.json`: the release for programs, in MLCommons Croissant 1.0.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tracewright.schemas.arrow import arrow_schema
from tracewright.schemas.release import UNKNOWN, ReleaseManifest, ReleaseRow

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_PARQUET = "application/x-parquet"


def render_croissant(manifest: ReleaseManifest) -> str:
    """The description as JSON-LD: every data file with its size and hash, and the columns of each split.

    The parts of nested columns are sub-fields by their path, such as `span.start` of `steps`.
    """
    return json.dumps(_build(manifest), ensure_ascii=False, indent=2) + "\n"


def _build(manifest: ReleaseManifest) -> dict[str, Any]:
    files = [file for file in manifest.files if file.path.startswith("data/")]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.name,
        "citeAs": f"{manifest.name} {manifest.version}, made with tracewright {manifest.tracewright_version}",
        "version": _three_numbers(manifest.version),
        "description": f"{manifest.rows} reasoning traces with checked steps for {manifest.problems} problems.",
        "datePublished": manifest.created_at.isoformat(),
        "inLanguage": list(manifest.languages),
        "license": [name for name in manifest.licenses if name != UNKNOWN] or [UNKNOWN],
        "keywords": ["reasoning", "distillation", "process supervision"],
        "distribution": [
            *(_file_object(file.path, file.bytes, file.sha256) for file in files),
            *(_file_set(split) for split in manifest.splits),
        ],
        "recordSet": [_record_set(split) for split in manifest.splits],
    }


def _file_object(path: str, size: int, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path.removeprefix("data/"),
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": _PARQUET,
        "sha256": sha256,
    }


def _file_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-files",
        "name": f"{split}-files",
        "encodingFormat": _PARQUET,
        "includes": f"data/{split}-*.parquet",
    }


def _record_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "key": {"@id": f"{split}/trace_id"},
        "field": [_field(split, field) for field in arrow_schema(ReleaseRow)],
    }


def _field(split: str, field: pa.Field) -> dict[str, Any]:
    column = {"fileSet": {"@id": f"{split}-files"}, "extract": {"column": field.name}}
    described: dict[str, Any] = {"@type": "cr:Field", "@id": f"{split}/{field.name}", "name": field.name}
    kind = field.type.value_type if pa.types.is_list(field.type) else field.type
    if not pa.types.is_struct(kind):
        return {**described, "dataType": _data_type(kind), "source": column}
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{split}/{field.name}/{path}",
            "name": path,
            "dataType": _data_type(leaf),
            "source": {**column, "transform": {"jsonPath": path}},
        }
        for path, leaf in _leaves(kind)
    ]
    return {**described, "repeated": pa.types.is_list(field.type), "subField": parts}


def _leaves(kind: pa.StructType, prefix: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """The struct's scalar parts, those of structs inside it with their path."""
    for part in kind:
        path = f"{prefix}{part.name}"
        if pa.types.is_struct(part.type):
            yield from _leaves(part.type, f"{path}.")
        else:
            yield path, part.type


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _three_numbers(version: str) -> str:
    """Croissant asks for a semantic version."""
    return ".".join([*version.split("."), "0", "0"][:3])
