"""What every schema has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """An immutable model that refuses unknown fields and non-finite numbers and keeps every string as it came.

    Strings may hold any Unicode text except lone surrogates, which no encoding can hold (pydantic refuses them).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


Probability = Annotated[float, Field(ge=0.0, le=1.0)]
_INT64_END = 2**63
Integer = Annotated[int, Field(ge=-_INT64_END, lt=_INT64_END)]
"""A whole number that Arrow can hold."""
Count = Annotated[int, Field(ge=0, lt=_INT64_END)]
Timestamp = AwareDatetime
"""A moment with its zone; stored in UTC to the microsecond."""
