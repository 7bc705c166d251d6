"""What quantizing did to each layer and to the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tracewright.distill.manifest import summarize
from tracewright.distill.version_config import QuantizeSettings
from tracewright.schemas import IntegrityError
from tracewright.schemas.base import Frozen

REPORT = "quantization.json"
"""Written last: a folder that holds it holds a finished quantized checkpoint."""


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
