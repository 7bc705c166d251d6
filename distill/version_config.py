"""A student's versions for other machines: in smaller numbers, and for other programs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tracewright.pipeline.config import ModelName
from tracewright.schemas.base import Frozen

SchemeName = Literal["int8", "int4"]


class ExportFormat(StrEnum):
    """What a checkpoint can be exported to."""

    ONNX = "onnx"
    GGUF = "gguf"


class QuantizeSettings(Frozen):
    """What a checkpoint's linear layers become."""

    scheme: SchemeName = "int8"
    """int8: weights and activations; int4: weights alone, 32 to a scale."""
    sparsity: Literal["2:4"] | None = None
    """2:4: two of each four inputs in a row are zero, stored as zeros."""
    reduce_range: bool | None = None
    """Of int8, whether weights have seven bits, so that the sums of processors without VNNI don't overflow; left out:
    where the machine that quantizes is such a one. A student that others may serve on one wants `true`."""
    budget: float | None = Field(default=None, gt=0.0)
    """Nats a token that the output may move by; the layers that cost most stay in bfloat16 until it is met."""

    @property
    def title(self) -> str:
        """For example `int8` or `int4, 2:4`."""
        return ", ".join([self.scheme, *([self.sparsity] if self.sparsity else [])])

    @property
    def folder(self) -> str:
        """For example `int8`, `int4-2of4` or `int8-within-0.01`."""
        sparse = "-2of4" if self.sparsity else ""
        return self.scheme + sparse + (f"-within-{self.budget:g}" if self.budget else "")


DEFAULT_SETTINGS = QuantizeSettings()


def _name_to_settings(value: object) -> object:
    """`int8` stands for {scheme: int8}."""
    return {"scheme": value} if isinstance(value, str) else value


class VersionsConfig(Frozen):
    """What a trained student is turned into, and what all of its versions are asked."""

    quantize: tuple[Annotated[QuantizeSettings, BeforeValidator(_name_to_settings)], ...] = ()
    """`int8`, `int4`, or settings such as {scheme: int8, sparsity: "2:4"}; each in a folder of its own."""
    export: tuple[ExportFormat, ...] = ()
    """Formats of other programs."""
    problems: ModelName = "arithmetic"
    """A file, or `arithmetic`: held-out ones of 1 and 2 operators."""
    limit: int = Field(default=500, ge=1)
    """So many problems at most; programs for small devices answer them one after another."""
    max_tokens: int | None = Field(default=None, ge=1)
    """For one answer; half of the student's context where left out."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        folders = [one.folder for one in self.quantize] + [one.value for one in self.export]
        if len(set(folders)) < len(folders):
            raise ValueError(f"{', '.join(folders)}: two versions are the same; name each once")
        return self

    def __bool__(self) -> bool:
        return bool(self.quantize or self.export)
