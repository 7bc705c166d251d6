"""What quantizing did to each layer and to the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from tracewright.distill.manifest import summarize
from tracewright.schemas import IntegrityError
from tracewright.schemas.base import Frozen

REPORT = "quantization.json"
"""Written last: a folder that holds it holds a finished quantized checkpoint."""


SchemeName = Literal["int8", "int4"]


class QuantizeSettings(Frozen):
    """What a checkpoint's linear layers become."""

    scheme: SchemeName = "int8"
    """int8: weights and activations; int4: weights alone, 32 to a scale."""
    sparsity: Literal["2:4"] | None = None
    """2:4: two of each four inputs in a row are zero, stored as zeros."""
    budget: float | None = Field(default=None, gt=0.0)
    """Nats a token that the output may move by; the layers that cost most stay in bfloat16 until it is met."""

    @property
    def title(self) -> str:
        """For example `int8` or `int4, 2:4`."""
        return ", ".join([self.scheme, *([self.sparsity] if self.sparsity else [])])


DEFAULT_SETTINGS = QuantizeSettings()


class LayerReport(Frozen):
    """One linear layer. Its inputs are what the quantized layers before it give on the calibration traces."""

    name: str
    scheme: Literal["gptq", "nearest", "kept"]
    """How its weights were rounded: whichever had the smaller error; kept: not at all, in bfloat16."""
    input_range: float
    """The largest absolute input; each token's own range is found when it is computed."""
    input_range_99: float
    """99 % of the tokens have no input beyond it."""
    weight_range: float
    """The largest absolute weight."""
    kept_range: float
    """The mean over output channels of the range that its integers span, as a share of the channel's largest weight:
    below 1, large weights are clipped for a finer grid."""
    error: float
    """‖y − ŷ‖ / ‖y‖ of its outputs, for the same inputs."""
    nearest_error: float
    """The same, had every weight been rounded to the nearest integer of its channel's full range."""


class QuantizationReport(QuantizeSettings):
    """Where a quantized checkpoint comes from, and its layers in the order in which they were quantized."""

    format: Literal["tracewright-quantized/1"]
    run: str
    """Hash of what decides the result: source weights, release, settings, version."""
    source_weights_sha256: str
    release: str
    release_digest: str
    licenses: tuple[str, ...]
    """Of the release's rows, SPDX identifiers."""
    calibration_traces: int
    calibration_tokens: int
    layers: tuple[LayerReport, ...]
    tensor_bytes: int
    """Of everything: integers, scales, and embeddings, head and norms in bfloat16."""
    float32_bytes: int
    """Of the unquantized model in float32."""
    size_ratio: float
    output_divergence: float
    """Mean KL(unquantized ‖ quantized) per learnt token, in nats, on traces that the calibration did not see."""
    seconds: float


def read_quantization_report(checkpoint: Path) -> QuantizationReport | None:
    """The report beside a quantized checkpoint; None where there is no finished one.

    Raises:
        IntegrityError: there is one, and it can't be read.
    """
    path = checkpoint / REPORT
    if not path.exists():
        return None
    try:
        return QuantizationReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise IntegrityError(
            f"{path} is not a quantization report ({summarize(error)}): remove {checkpoint} and quantize again"
        ) from error
