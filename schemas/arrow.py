"""Arrow schemas derived from the models, and the way between models and Arrow tables.

The tables are built column by column: making a dict of every row first (`Table.from_pylist`) takes about twice as long.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel

from tracewright.schemas.arrow_rows import read_rows
from tracewright.schemas.errors import InputError
from tracewright.schemas.ids import hash_content
from tracewright.schemas.migrations import SCHEMA_VERSION, migrate

VERSION_KEY = b"tracewright.schema_version"
MODEL_KEY = b"tracewright.model"

ModelT = TypeVar("ModelT", bound=BaseModel)
_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    AwareDatetime: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class _Column:
    """How one annotation is stored: its Arrow type and the way from Python values to an array of it."""

    type: pa.DataType
    build: Callable[[Sequence[Any]], pa.Array]


def arrow_schema(model: type[BaseModel]) -> pa.Schema:
    """The Arrow schema of a model: its fields in order, with the model's name and the schema version as metadata."""
    fields = [pa.field(name, column.type) for name, column in _columns(model).items()]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode(), MODEL_KEY: model.__name__.encode()})


def schema_hash(model: type[BaseModel]) -> str:
    """A hash of names and types: equal exactly where two versions store the same columns."""
    return hash_content([[field.name, str(field.type)] for field in arrow_schema(model)])


def to_table(model: type[ModelT], rows: Sequence[ModelT]) -> pa.Table:
    """The rows as a table with the model's schema, in order.

    Raises:
        InputError: a number in some row does not fit into 64 bits; the message names the column.
    """
    arrays = [_build(model, name, column, rows) for name, column in _columns(model).items()]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(model))


def from_table(model: type[ModelT], table: pa.Table) -> list[ModelT]:
    """The table's rows as models, brought up to the installed schema version first.

    Raises:
        SchemaVersionError: the table was written by a newer schema.
        InputError: a row does not fit the model; the message names the row and the field.
    """
    version = (table.schema.metadata or {}).get(VERSION_KEY)
    table = migrate(table, int(version) if version else SCHEMA_VERSION)
    return [_validate(model, row, number) for number, row in enumerate(_to_rows(model, table))]


def _build(model: type[BaseModel], name: str, column: _Column, rows: Sequence[BaseModel]) -> pa.Array:
    try:
        return column.build(list(map(attrgetter(name), rows)))
    except (OverflowError, pa.ArrowInvalid) as error:
        raise InputError(
            f"`{name}` of a {model.__name__} can't be stored: {error}: whole numbers have 64 bits"
        ) from error


def _to_rows(model: type[BaseModel], table: pa.Table) -> Iterable[dict[str, Any]]:
    maps = [name for name, column in _columns(model).items() if pa.types.is_map(column.type)]
    for row in read_rows(table):
        for name in maps:
            row[name] = row[name] or {}
        yield row


def _validate(model: type[ModelT], row: dict[str, Any], number: int) -> ModelT:
    try:
        return model.model_validate(row)
    except ValueError as error:
        raise InputError(f"row {number} is not a {model.__name__}: {error}") from error


@cache
def _columns(model: type[BaseModel]) -> dict[str, _Column]:
    hints = get_type_hints(model, include_extras=True)
    return {name: _column(hints[name]) for name in model.model_fields}


def _column(annotation: Any) -> _Column:
    annotation = _strip(annotation)
    origin = get_origin(annotation)
    if origin is tuple:
        return _list_column(_column(get_args(annotation)[0]))
    if origin is dict:
        return _map_column(*(_column(part) for part in get_args(annotation)))
    if origin is Literal:
        return _scalar_column(_SCALARS[type(get_args(annotation)[0])])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _struct_column(annotation)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _scalar_column(pa.string())
    return _scalar_column(_SCALARS[annotation])


def _strip(annotation: Any) -> Any:
    """The annotation without `Annotated[…]` and `… | None`: every Arrow column is nullable, the models are not."""
    if get_origin(annotation) is Annotated:
        return _strip(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = [part for part in get_args(annotation) if part is not type(None)]
        return _strip(inner)
    return annotation


def _scalar_column(kind: pa.DataType) -> _Column:
    if pa.types.is_timestamp(kind):
        return _Column(kind, lambda values: pa.array([None if v is None else v.astimezone(UTC) for v in values], kind))
    return _Column(kind, lambda values: pa.array(values, kind))


def _struct_column(model: type[BaseModel]) -> _Column:
    columns = _columns(model)
    fields = [pa.field(name, column.type) for name, column in columns.items()]
    # `attrgetter` reads a list of models in half the time of a comprehension; few structs are missing.
    parts = [(attrgetter(name), column) for name, column in columns.items()]

    def build(values: Sequence[Any]) -> pa.Array:
        if types.NoneType not in set(map(type, values)):
            children = [column.build(list(map(get, values))) for get, column in parts]
            return pa.StructArray.from_arrays(children, fields=fields)
        children = [column.build([None if v is None else get(v) for v in values]) for get, column in parts]
        missing = pa.array([value is None for value in values], pa.bool_())
        return pa.StructArray.from_arrays(children, fields=fields, mask=missing)

    return _Column(pa.struct(fields), build)


def _list_column(element: _Column) -> _Column:
    # `element` is the name that Delta and Parquet give to a list's items; pyarrow's own is `item`.
    kind = pa.list_(pa.field("element", element.type))

    def build(values: Sequence[Any]) -> pa.Array:
        offsets, flat = _flatten(values)
        return pa.ListArray.from_arrays(offsets, element.build(flat), type=kind)

    return _Column(kind, build)


def _map_column(key: _Column, value: _Column) -> _Column:
    kind = pa.map_(key.type, value.type)

    def build(values: Sequence[Any]) -> pa.Array:
        offsets, flat = _flatten([None if v is None else list(v.items()) for v in values])
        keys, items = key.build([k for k, _ in flat]), value.build([v for _, v in flat])
        return pa.MapArray.from_arrays(offsets, keys, items, type=kind)

    return _Column(kind, build)


def _flatten(values: Sequence[Any]) -> tuple[pa.Array, list[Any]]:
    """Arrow's list layout: where each list starts (null for no list), and all items one after another."""
    starts: list[int | None] = []
    flat: list[Any] = []
    for value in values:
        starts.append(None if value is None else len(flat))
        flat.extend(value or ())
    return pa.array([*starts, len(flat)], pa.int32()), flat
