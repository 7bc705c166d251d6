"""From a student's checkpoint to a quantized one that vLLM loads."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationConfig,
    QuantizationScheme,
    QuantizationStatus,
    QuantizationStrategy,
)
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import tracewright
from tracewright.distill.batches import Example
from tracewright.distill.cards import write_quantized_card
from tracewright.distill.checkpoint import hash_weights, read_config
from tracewright.distill.losses import OutputLoss, WholeDistribution
from tracewright.distill.manifest import write_whole
from tracewright.distill.quantization_report import REPORT, QuantizationReport, SchemeName, read_quantization_report
from tracewright.distill.quantize.calibration import choose_traces, stack_by_length
from tracewright.distill.quantize.grid import INT4, INT8, Grid
from tracewright.distill.quantize.linear import QuantizedLinear
from tracewright.distill.quantize.walk import decoder_layers, list_linears, quantize_layers
from tracewright.distill.sizes import measure_tensors
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError, make_id

REST_DTYPE = torch.bfloat16
"""Of embeddings, head, norms and biases, which stay unquantized."""
_COPIED = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_QUANTIZED_KEY = "quantization_config"
_GRIDS: dict[SchemeName, Grid] = {"int8": INT8, "int4": INT4}


def quantize_checkpoint(
    checkpoint: Path,
    release: Path,
    out: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
    scheme: SchemeName = "int8",
) -> QuantizationReport:
    """Write the checkpoint's version in another scheme into `out`, or take the one that is there.

    Linear layers inside the decoder layers become int8 with int8 activations (W8A8), or int4 (W4A16), one after
    another, each calibrated on what the quantized ones before it give on traces of the release; all else is bfloat16.
    The formats are compressed-tensors' `int-quantized` and `pack-quantized`. The same checkpoint and release give the
    same bytes on the same machine and number of threads.

    Args:
        checkpoint: a folder with safetensors, tokenizer and config.
        release: a release's folder.
        out: the new checkpoint's folder.
        report: called with linear layers done and all there are.
        scheme: what the linear layers become.

    Raises:
        InputError: the checkpoint is of another kind, is quantized already or does not fit the release, or `out` holds
            another checkpoint.
        IntegrityError: the release, or what is in `out`, is damaged.
    """
    started = time.monotonic()
    opened = open_release(release)
    config = read_config(checkpoint)
    source = hash_weights(checkpoint)
    run = make_id(scheme, source, opened.manifest.digest, tracewright.__version__)
    finished = read_quantization_report(out)
    if finished is not None:
        return _check_same_run(finished, run, out)
    if _QUANTIZED_KEY in config:
        raise InputError(f"{checkpoint} is quantized already: name the checkpoint that it was made from")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    original, model = _load(checkpoint), _load(checkpoint)
    decoder_layers(model)
    _round_rest(model)
    data = choose_traces(opened, tokenizer, checkpoint, int(model.config.max_position_embeddings))
    grid = _GRIDS[scheme]
    layers = quantize_layers(grid, model, [tokens for tokens, _ in stack_by_length(data.calibration)], report)
    divergence = _measure_divergence(original, model, data.judged, len(tokenizer))
    _write(checkpoint, config, grid, model, out)
    size, before = measure_tensors(out), measure_tensors(checkpoint)
    written = QuantizationReport(
        format="tracewright-quantized/1",
        scheme=scheme,
        run=run,
        source_weights_sha256=source,
        release=f"{opened.manifest.name}@{opened.manifest.version}",
        release_digest=opened.manifest.digest,
        licenses=tuple(sorted(opened.manifest.licenses)),
        calibration_traces=len(data.calibration),
        calibration_tokens=data.tokens,
        layers=layers,
        tensor_bytes=size.bytes,
        float32_bytes=before.parameters * 4,
        size_ratio=size.bytes / (before.parameters * 4),
        output_divergence=divergence,
        seconds=round(time.monotonic() - started, 3),
    )
    write_quantized_card(out, written)
    write_whole(out / REPORT, written)
    return written


def _check_same_run(finished: QuantizationReport, run: str, out: Path) -> QuantizationReport:
    if finished.run != run:
        raise InputError(
            f"{out} holds another quantized checkpoint ({finished.run} from {finished.release}, expected {run}): "
            "choose another --out, or remove that folder"
        )
    measure_tensors(out)
    return finished


def _load(checkpoint: Path) -> Any:
    try:
        model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{checkpoint} can't be loaded ({error}): name a student's checkpoint") from error
    return model.eval().requires_grad_(False)


@torch.no_grad()
def _round_rest(model: Any) -> None:
    """What stays unquantized is rounded first, so that calibration sees what ships."""
    quantized = {id(linear.weight) for layer in decoder_layers(model) for _, linear in list_linears(layer)}
    for parameter in model.parameters():
        if id(parameter) not in quantized:
            parameter.copy_(parameter.to(REST_DTYPE))


@torch.no_grad()
def _measure_divergence(original: Any, quantized: Any, examples: Sequence[Example], vocabulary: int) -> float:
    parts: list[torch.Tensor] = []
    for tokens_B_L, group in stack_by_length(examples):
        learnt = torch.tensor([[i >= len(one.prompt) for i in range(len(one))] for one in group])[:, 1:]
        models = (original, quantized)
        wanted, got = (model(input_ids=tokens_B_L).logits[:, :-1][learnt, :vocabulary].float() for model in models)
        parts.append(OutputLoss(temperature=1.0).measure(got, WholeDistribution(wanted))[0])
    return float(torch.cat(parts).mean())


def _write(checkpoint: Path, config: dict[str, Any], grid: Grid, model: Any, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    save_file(_collect_tensors(model), out / "model.safetensors", {"format": "pt"})
    config |= {"dtype": str(REST_DTYPE).removeprefix("torch."), _QUANTIZED_KEY: _describe_format(grid)}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "generation_config.json").write_text((checkpoint / "generation_config.json").read_text())
    for name in _COPIED:
        if (checkpoint / name).exists():
            shutil.copyfile(checkpoint / name, out / name)


def _collect_tensors(model: Any) -> dict[str, torch.Tensor]:
    """All tensors as they are stored; tied ones once."""
    tensors = {name: parameter.detach().to(REST_DTYPE) for name, parameter in model.named_parameters()}
    for name, module in model.named_modules():
        if isinstance(module, QuantizedLinear):
            tensors |= {f"{name}.{part}": tensor for part, tensor in _store_weight(module).items()}
            if module.bias_O is not None:
                tensors[f"{name}.bias"] = module.bias_O.to(REST_DTYPE)
    return tensors


def _store_weight(layer: QuantizedLinear) -> dict[str, torch.Tensor]:
    """Integers and scales as compressed-tensors stores them: int8 as they are, smaller ones eight to an int32."""
    integers_O_I, scales = layer.integers_O_I.contiguous(), layer.scales_O_G.to(REST_DTYPE)
    if layer.grid.bits == 8:
        return {"weight": integers_O_I, "weight_scale": scales}
    return {
        "weight_packed": pack_to_int32(integers_O_I, layer.grid.bits),
        "weight_scale": scales,
        "weight_shape": torch.tensor(integers_O_I.shape),
    }


def _describe_format(grid: Grid) -> dict[str, Any]:
    """What `config.json` says of the numbers, in compressed-tensors' words."""
    by_token = QuantizationArgs(num_bits=grid.bits, symmetric=True, strategy=QuantizationStrategy.TOKEN, dynamic=True)
    scheme = QuantizationScheme(
        targets=["Linear"],
        weights=QuantizationArgs(
            num_bits=grid.bits,
            symmetric=True,
            strategy=QuantizationStrategy.GROUP if grid.group else QuantizationStrategy.CHANNEL,
            group_size=grid.group,
        ),
        input_activations=by_token if grid.activations else None,
    )
    described = QuantizationConfig(
        config_groups={"group_0": scheme},
        format="int-quantized" if grid.bits == 8 else "pack-quantized",
        quantization_status=QuantizationStatus.COMPRESSED,
        ignore=["lm_head"],
    )
    return json.loads(described.model_dump_json(exclude_none=True))
