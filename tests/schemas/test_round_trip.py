"""Every model comes back from Arrow and from Parquet as it went in."""

from __future__ import annotations

import io
import types
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from tracewright import schemas
from tracewright.schemas import (
    InputError,
    Problem,
    Rejection,
    SchemaVersionError,
    Span,
    Trace,
    arrow_schema,
    from_table,
    schema_hash,
    to_table,
)
from tracewright.schemas.arrow import MODEL_KEY, VERSION_KEY
from tracewright.schemas.arrow_rows import read_rows

MODELS = [
    model
    for name in schemas.__all__
    if isinstance(model := getattr(schemas, name), type) and issubclass(model, BaseModel)
]
INT64 = st.integers(-(2**63), 2**63 - 1)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking a release manifest takes minutes
ASCII = st.characters(codec="ascii")
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: INT64,
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    AwareDatetime: MOMENTS,
}


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Whatever the annotation allows."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return within_bounds(parts[0], parts[1:])
    if origin in (Union, types.UnionType):
        return st.one_of(*(values_of(part) for part in parts))
    if origin is tuple:
        return st.lists(values_of(parts[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(parts[0]), values_of(parts[1]), max_size=3)
    if origin is Literal:
        return st.sampled_from(parts)
    if annotation is types.NoneType:
        return st.none()
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(list(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return models_of(annotation)
    return SCALARS[annotation]


def within_bounds(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Numbers and texts within what pydantic checks; the bounds of `float | None` are those of the float."""
    if get_origin(annotation) in (Union, types.UnionType):
        return st.one_of(*(within_bounds(part, metadata) for part in get_args(annotation)))
    constraints = [part for field in metadata for part in getattr(field, "metadata", [field])]
    pattern = next((part.pattern for part in constraints if getattr(part, "pattern", None)), None)
    if pattern is not None:
        return st.from_regex(pattern, fullmatch=True, alphabet=ASCII)
    low = next((part.ge for part in constraints if isinstance(part, annotated_types.Ge)), None)
    high = next((part.le for part in constraints if isinstance(part, annotated_types.Le)), None)
    if annotation is str:
        shortest = next((part.min_length for part in constraints if isinstance(part, annotated_types.MinLen)), 0)
        return st.text(min_size=shortest, max_size=20)
    if annotation is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if annotation is int:
        return st.integers(-(2**63) if low is None else low, 2**63 - 1)
    return values_of(annotation)


def fields_of(model: type[BaseModel]) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(model, include_extras=True)
    return {name: values_of(Annotated[hints[name], info]) for name, info in model.model_fields.items()}


def models_of(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    if model is Span:
        return st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(
            lambda ends: Span(start=min(ends), end=max(ends))
        )
    fields = fields_of(model)
    if model is Problem:
        fields["question"] = st.text(min_size=1, max_size=40).filter(str.strip)
    if model is Trace:
        return st.fixed_dictionaries({name: value for name, value in fields.items() if name != "text"}).map(
            lambda data: Trace(**data, text="".join(step.text for step in data["steps"]))
        )
    return st.builds(model, **fields)


def through_parquet(table: pa.Table) -> pa.Table:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return pq.read_table(file)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(
    max_examples=10,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_every_model_survives_arrow_and_parquet(model: type[BaseModel], data: st.DataObject) -> None:
    rows = data.draw(st.lists(models_of(model), max_size=3))
    table = to_table(model, rows)
    assert from_table(model, table) == rows
    assert from_table(model, table.slice(1)) == rows[1:]
    assert from_table(model, through_parquet(table)) == rows
    assert list(read_rows(table)) == table.to_pylist(maps_as_pydicts="strict")


@settings(max_examples=30, deadline=None)
@example("नमस्ते 你好 مرحبا 🧮 e\u0301 \x00 \u200f \ufeff")
@given(st.text())
def test_text_of_any_script_survives(text: str) -> None:
    row = Rejection(rejection_id="r", stage="s", subject="s", reason="r", row=text, created_at=datetime.now(UTC))
    assert from_table(Rejection, through_parquet(to_table(Rejection, [row]))) == [row]


def test_strings_of_a_megabyte_survive() -> None:
    text = "數𝟙a\n" * 250_000
    problem = Problem(
        question=text, source="s", images=({"media_type": "image/png", "data": bytes(range(256)) * 4096},)
    )
    assert from_table(Problem, through_parquet(to_table(Problem, [problem] * 3))) == [problem] * 3


def test_a_missing_struct_differs_from_one_full_of_nothing() -> None:
    problems = [Problem(id=str(n), question="q", source="s", choices=choices) for n, choices in enumerate([(), ("",)])]
    assert [problem.choices for problem in from_table(Problem, to_table(Problem, problems))] == [(), ("",)]


def test_a_moment_is_kept_to_the_microsecond_whatever_its_zone() -> None:
    moment = datetime(2026, 3, 1, 1, 2, 3, 456_789, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    row = Rejection(rejection_id="r", stage="s", subject="s", reason="r", created_at=moment)
    (stored,) = from_table(Rejection, to_table(Rejection, [row]))
    assert stored.created_at == moment
    assert stored.created_at.utcoffset() == timedelta(0)


def test_a_table_says_its_model_and_schema_version() -> None:
    metadata = through_parquet(to_table(Problem, [])).schema.metadata
    assert metadata[MODEL_KEY] == b"Problem"
    assert int(metadata[VERSION_KEY]) == schemas.SCHEMA_VERSION


def test_a_table_of_a_newer_schema_is_refused() -> None:
    newer = to_table(Problem, []).replace_schema_metadata({VERSION_KEY: str(schemas.SCHEMA_VERSION + 1).encode()})
    with pytest.raises(SchemaVersionError, match="upgrade tracewright"):
        from_table(Problem, newer)


def test_a_row_that_is_no_model_is_refused_with_its_number() -> None:
    table = to_table(Problem, [Problem(question="q", source="s")] * 2)
    broken = table.set_column(1, "question", pa.array(["q", " "]))
    with pytest.raises(InputError, match="row 1 is not a Problem"):
        from_table(Problem, broken)


def test_a_number_beyond_64_bits_is_refused_by_the_model() -> None:
    with pytest.raises(ValueError, match="level"):
        Problem(question="q", source="s", level=2**63)


def test_the_schema_hash_tells_models_apart_and_stays() -> None:
    assert len({schema_hash(model) for model in MODELS}) == len(MODELS)
    assert schema_hash(Problem) == schema_hash(Problem)


def test_lists_have_the_item_name_that_delta_and_parquet_use() -> None:
    assert arrow_schema(Trace).field("token_ids").type.value_field.name == "element"
