"""The cards of students and of their quantized versions: every figure was measured, or is said to be missing."""

from __future__ import annotations

from pathlib import Path

from tracewright.distill.evaluation import Evaluation, PairedDifference
from tracewright.distill.loss_config import LossConfig
from tracewright.distill.manifest import TrainingManifest
from tracewright.distill.quantization_plot import LAYERS_PLOT
from tracewright.distill.quantization_report import LayerReport, QuantizationReport

_HEADER = """---
license: {license}
library_name: transformers
pipeline_tag: text-generation
tags: [reasoning, distillation, tracewright{tags}]
---
"""
_STUDENT = """# {name}

A student of {parameters:,} parameters, {share:.1%} of its teacher's {teacher_parameters:,}: {layers} layers, hidden
size {hidden}, intermediate size {intermediate}. It was trained by `tracewright distill` on the release {release} alone.

{results}

- **Learnt from** {examples:,} traces{levels}: {losses}; {steps:,} steps of {batch}, {minutes:.1f} minutes on a
  {device}.
- **Left out of the release**: {left_out}.
- **To make it again**: run `{run}`, seed {seed}, tracewright {version}, torch {torch}; teacher `{teacher}` at
  `{revision}`; release digest `{digest}`. `losses.jsonl` holds the loss curve, `student.json` all settings.
- **Limits**: it knows the kind of problem that it was trained on, in the teacher's way of writing, and nothing else.
"""
_QUANTIZED = """# {name}

The {scheme} version of a student: {numbers}{range}{sparse}; embeddings, head{kept} and norms in bfloat16.
Made by `tracewright quantize`; vLLM loads it as it is (compressed-tensors).

{results}

- **Size**: {bytes:,} bytes of tensors, {ratio:.1%} of the {float32:,} in float32, everything counted.
- **Against the unquantized student**, on the same problems: {change}.
- **Calibrated** layer by layer on {traces:,} traces of {release} ({tokens:,} tokens), each layer on what the quantized
  ones before it give; the largest relative error of a layer's output is {worst:.2%} ({worst_layer}). On traces that the
  calibration did not see the output moved by {divergence:.1e} nats a token{budget}.

## Layers

![Error of each layer]({plot})

| layer | rounding | error | rounded to the nearest | inputs up to | 99 % of tokens up to | weights up to | range kept |
|---|---|---|---|---|---|---|---|
{layers}

An error is the relative change of the layer's outputs on what the quantized layers before it give. "gptq" rounds so
that later weights make up for earlier ones, "nearest" does not, "kept" is bfloat16.
"""


_NUMBERS = {
    "int8": "weights and activations of every layer in int8 (W8A8, one scale an output channel and one a token)",
    "int4": "weights of every layer in int4 (W4A16, one scale for 32 inputs of an output channel)",
}


def write_student_card(
    checkpoint: Path, manifest: TrainingManifest, evaluation: Evaluation | None = None, asked: str = ""
) -> None:
    """README.md beside a student; `asked` says which problems it was evaluated on."""
    text = _STUDENT.format(
        name=checkpoint.name,
        parameters=manifest.parameters,
        share=manifest.parameters / manifest.teacher_parameters,
        teacher_parameters=manifest.teacher_parameters,
        layers=manifest.shape.layers,
        hidden=manifest.shape.hidden_size,
        intermediate=manifest.shape.intermediate_size,
        release=manifest.release,
        results=_describe_results(evaluation, asked),
        examples=manifest.examples,
        levels=f" of the levels {', '.join(map(str, manifest.levels))}" if manifest.levels else "",
        losses=describe_losses(manifest.losses),
        steps=manifest.training.steps,
        batch=manifest.training.batch_size,
        minutes=manifest.seconds / 60,
        device={"cpu": "CPU", "cuda": "GPU"}.get(manifest.device, manifest.device),
        left_out=", ".join(f"{count:,} rows ({why})" for why, count in manifest.left_out.items()) or "nothing",
        run=manifest.run,
        seed=manifest.training.seed,
        version=manifest.code_version,
        torch=manifest.torch_version,
        teacher=manifest.teacher,
        revision=manifest.teacher_revision,
        digest=manifest.release_digest,
    )
    (checkpoint / "README.md").write_text(_header(manifest.licenses, "") + text)


def describe_losses(losses: LossConfig) -> str:
    """What a student was taught by, with each loss's share of the whole."""
    shares = {name: getattr(losses, name).weight / losses.total for name in LossConfig.model_fields}
    words = {
        "trace": "their text",
        "output": f"the teacher's distributions at temperature {losses.output.temperature:g}",
        "attention": "its attention maps",
        "hidden": "its hidden states",
    }
    named = [f"{words[name]} ({shares[name]:.0%} of the loss)" for name in words if shares[name]]
    return "their text alone" if shares["trace"] == 1 else " and ".join(named)


def write_quantized_card(
    checkpoint: Path,
    report: QuantizationReport,
    evaluation: Evaluation | None = None,
    change: PairedDifference | None = None,
    asked: str = "",
) -> None:
    """README.md beside a quantized student; `change` is what it solves beyond the unquantized one."""
    worst = max(report.layers, key=lambda layer: layer.error)
    kept = sum(layer.scheme == "kept" for layer in report.layers)
    text = _QUANTIZED.format(
        name=checkpoint.name,
        scheme=report.title,
        range=", weights of seven bits so that processors without VNNI add them up right"
        if report.reduce_range
        else "",
        sparse=", two of each four weights in a row zero (stored as zeros)" if report.sparsity else "",
        kept=f", {kept} linear layers" if kept else "",
        budget=f", of {report.budget:g} allowed" if report.budget else "",
        plot=LAYERS_PLOT,
        layers="\n".join(map(_describe_layer, report.layers)),
        numbers=_NUMBERS[report.scheme],
        results=_describe_results(evaluation, asked),
        bytes=report.tensor_bytes,
        ratio=report.size_ratio,
        float32=report.float32_bytes,
        change=describe_difference(change) if change else "not measured yet",
        traces=report.calibration_traces,
        release=report.release,
        tokens=report.calibration_tokens,
        worst=worst.error,
        worst_layer=worst.name,
        divergence=report.output_divergence,
    )
    (checkpoint / "README.md").write_text(_header(report.licenses, f", {report.scheme}") + text)


def _describe_layer(layer: LayerReport) -> str:
    parts = (
        layer.name,
        layer.scheme,
        f"{layer.error:.2%}",
        f"{layer.nearest_error:.2%}",
        f"{layer.input_range:.3g}",
        f"{layer.input_range_99:.3g}",
        f"{layer.weight_range:.3g}",
        f"{layer.kept_range:.0%}",
    )
    return f"| {' | '.join(parts)} |"


def describe_difference(difference: PairedDifference) -> str:
    """For example `+1.8 points (95 % interval −0.4 to +4.0)`."""
    low, high = f"{difference.low:+.1f}", f"{difference.high:+.1f}"
    return f"{difference.points:+.1f} points (95 % interval {low} to {high})".replace("-", "−")


def _header(licenses: tuple[str, ...], tags: str) -> str:
    return _HEADER.format(license=licenses[0].lower() if len(licenses) == 1 else "other", tags=tags)


def _describe_results(evaluation: Evaluation | None, asked: str) -> str:
    if evaluation is None:
        return "Its accuracy is not measured yet: `tracewright evaluate` does."
    rows = [
        f"| level | problems{f' ({asked})' if asked else ''} | solved, greedy | 95 % interval |",
        "|---|---|---|---|",
    ]
    for level in evaluation.levels:
        accuracy = evaluation.accuracy([level])
        low, high = accuracy.interval
        rows.append(f"| {level} | {accuracy.problems:,} | {accuracy.share:.1%} | {low:.1%} to {high:.1%} |")
    return "\n".join(rows)
