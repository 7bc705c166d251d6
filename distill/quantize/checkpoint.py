"""From a student's checkpoint to a quantized one that vLLM loads."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import tracewright
from tracewright.distill.batches import Example
from tracewright.distill.cards import write_quantized_card
from tracewright.distill.checkpoint import hash_weights, read_config
from tracewright.distill.loading import load_model, load_tokenizer
from tracewright.distill.losses import OutputLoss, WholeDistribution
from tracewright.distill.manifest import write_whole
from tracewright.distill.quantization_plot import LAYERS_PLOT, draw_layers
from tracewright.distill.quantization_report import (
    REPORT,
    QuantizationReport,
    read_quantization_report,
)
from tracewright.distill.quantize.budget import Quantized, quantize_within
from tracewright.distill.quantize.calibration import CalibrationData, choose_traces, stack_by_length
from tracewright.distill.quantize.grid import INT4, INT8, INT8_REDUCED, Grid
from tracewright.distill.quantize.processor import saturates_int8
from tracewright.distill.quantize.stored_tensors import QUANTIZED_KEY, REST_DTYPE, write_tensors
from tracewright.distill.quantize.walk import decoder_layers, group_layers, list_linears, quantize_layers
from tracewright.distill.sizes import measure_tensors
from tracewright.distill.version_config import DEFAULT_SETTINGS, QuantizeSettings
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError, make_id


def quantize_checkpoint(
    checkpoint: Path,
    release: Path,
    out: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
    settings: QuantizeSettings = DEFAULT_SETTINGS,
) -> QuantizationReport:
    """Write the checkpoint's version in smaller numbers into `out`, or take the one that is there.

    Linear layers inside the decoder layers become int8 with int8 activations (W8A8), or int4 (W4A16), one after
    another, each calibrated on what the quantized ones before it give on traces of the release; all else is bfloat16.
    The same checkpoint and release give the same bytes on the same machine and number of threads.

    Args:
        checkpoint: a folder with safetensors, tokenizer and config.
        release: a release's folder.
        out: the new checkpoint's folder.
        report: called with linear layers done and all there are; with a budget, once for every trial.
        settings: what the linear layers become, and which may stay.

    Raises:
        InputError: the checkpoint is of another kind, is quantized already or does not fit the release, the budget
            can't be met, or `out` holds another checkpoint.
        IntegrityError: the release, or what is in `out`, is damaged.
    """
    started = time.monotonic()
    opened = open_release(release)
    config = read_config(checkpoint)
    source = hash_weights(checkpoint)
    settings = settings.model_copy(update={"reduce_range": _reduces_range(settings)})
    run = make_id(settings.model_dump(), source, opened.manifest.digest, tracewright.__version__)
    finished = read_quantization_report(out)
    if finished is not None:
        return _check_same_run(finished, run, out)
    if QUANTIZED_KEY in config:
        raise InputError(f"{checkpoint} is quantized already: name the checkpoint that it was made from")
    tokenizer = load_tokenizer(checkpoint)
    original = _load(checkpoint)
    decoder_layers(original)
    data = choose_traces(opened, tokenizer, checkpoint, int(original.config.max_position_embeddings))
    grid = replace(_choose_grid(settings), sparse=settings.sparsity is not None)
    quantized = _quantize(checkpoint, original, grid, data, settings.budget, len(tokenizer), report)
    kept = [layer.name for layer in quantized.layers if layer.scheme == "kept"]
    write_tensors(checkpoint, config, grid, quantized.model, out, kept)
    size, before = measure_tensors(out), measure_tensors(checkpoint)
    written = QuantizationReport(
        format="tracewright-quantized/1",
        **settings.model_dump(),
        run=run,
        source_weights_sha256=source,
        release=f"{opened.manifest.name}@{opened.manifest.version}",
        release_digest=opened.manifest.digest,
        licenses=tuple(sorted(opened.manifest.licenses)),
        calibration_traces=len(data.calibration),
        calibration_tokens=data.tokens,
        layers=quantized.layers,
        tensor_bytes=size.bytes,
        float32_bytes=before.parameters * 4,
        size_ratio=size.bytes / (before.parameters * 4),
        output_divergence=quantized.divergence,
        seconds=round(time.monotonic() - started, 3),
    )
    write_quantized_card(out, written)
    (out / LAYERS_PLOT).write_text(draw_layers(written))
    write_whole(out / REPORT, written)
    return written


def _reduces_range(settings: QuantizeSettings) -> bool:
    if settings.reduce_range is None:
        return settings.scheme == "int8" and saturates_int8()
    return settings.reduce_range


def _choose_grid(settings: QuantizeSettings) -> Grid:
    match settings.scheme, settings.reduce_range:
        case "int4", True:
            raise InputError("only int8 weights have a range that can be reduced: leave out reduce_range for int4")
        case "int4", _:
            return INT4
        case _:
            return INT8_REDUCED if settings.reduce_range else INT8


def _check_same_run(finished: QuantizationReport, run: str, out: Path) -> QuantizationReport:
    if finished.run != run:
        raise InputError(
            f"{out} holds another quantized checkpoint ({finished.run} from {finished.release}, expected {run}): "
            "choose another --out, or remove that folder"
        )
    measure_tensors(out)
    return finished


def _quantize(
    checkpoint: Path,
    original: Any,
    grid: Grid,
    data: CalibrationData,
    budget: float | None,
    vocabulary: int,
    report: Callable[[int, int], None],
) -> Quantized:
    batches = [tokens for tokens, _ in stack_by_length(data.calibration)]

    def measure(model: Any) -> float:
        return measure_divergence(original, model, data.judged, vocabulary)

    def quantize(kept: Collection[str]) -> Quantized:
        model = _load(checkpoint)
        round_rest(model, kept)
        layers = quantize_layers(grid, model, batches, report, kept)
        return Quantized(model, layers, measure(model))

    if budget is None:
        return quantize(())
    return quantize_within(budget, quantize, original, group_layers(original, batches[0]), measure)


def _load(checkpoint: Path) -> Any:
    return load_model(checkpoint, dtype=torch.float32).eval().requires_grad_(False)


@torch.no_grad()
def round_rest(model: Any, kept: Collection[str] = ()) -> None:
    """Round what stays unquantized, so that calibration sees what ships."""
    quantized = {
        id(linear.weight)
        for index, layer in enumerate(decoder_layers(model))
        for name, linear in list_linears(layer)
        if f"layers.{index}.{name}" not in kept
    }
    for parameter in model.parameters():
        if id(parameter) not in quantized:
            parameter.copy_(parameter.to(REST_DTYPE))


@torch.no_grad()
def measure_divergence(original: Any, quantized: Any, examples: Sequence[Example], vocabulary: int) -> float:
    """Mean KL(original ‖ quantized) per learnt token of the examples, in nats."""
    parts: list[torch.Tensor] = []
    for tokens_B_L, group in stack_by_length(examples):
        learnt = torch.tensor([[i >= len(one.prompt) for i in range(len(one))] for one in group])[:, 1:]
        models = (original, quantized)
        wanted, got = (model(input_ids=tokens_B_L).logits[:, :-1][learnt, :vocabulary].float() for model in models)
        parts.append(OutputLoss(temperature=1.0).measure(got, WholeDistribution(wanted))[0])
    return float(torch.cat(parts).mean())
