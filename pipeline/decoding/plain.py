"""Arrow rows without types that say the same bytes again and again, so that their size is what they hold."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tracewright.pipeline.decoding.limits import RefusedError


def to_plain(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with dictionaries, runs, views and extension types as the values that they stand for.

    Raises:
        RefusedError: a column can't be turned into plain values.
        ArrowMemoryError: they are too large for this process.
    """
    schema = pa.schema([pa.field(field.name, _plain(field.type)) for field in rows.schema])
    if schema.types == rows.schema.types:
        return pa.RecordBatch.from_arrays(rows.columns, schema=schema)
    try:
        return pa.RecordBatch.from_arrays(
            [column.cast(kind) for column, kind in zip(rows.columns, schema.types, strict=True)], schema=schema
        )
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise RefusedError(
            f"a column's type is none that is read here: {' '.join(str(error).split())[:200]}"
        ) from error


def count_values(rows: pa.RecordBatch) -> int:
    """How many values the rows hold, those inside lists, maps and structs included."""
    return sum(map(_count, rows.columns))


def _plain(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _plain(kind.value_type)
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    if types.is_large_list(kind) or types.is_large_list_view(kind):
        return pa.large_list(_plain(kind.value_type))
    if types.is_list(kind) or types.is_list_view(kind):
        return pa.list_(_plain(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain(field.type)) for field in kind])
    return kind


def _count(values: Any) -> int:
    kind = values.type
    if pa.types.is_struct(kind):
        return len(values) + sum(map(_count, values.flatten()))
    if pa.types.is_map(kind):
        start, end = values.offsets[0].as_py(), values.offsets[-1].as_py()
        return len(values) + _count(values.keys[start:end]) + _count(values.items[start:end])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return len(values) + _count(values.flatten())
    return len(values)
