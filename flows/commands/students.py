"""`distill`, `quantize` and `evaluate`: from a release to students, and what they can do."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracewright.flows.commands.jobs import JSON_OPTION
from tracewright.flows.progress import say
from tracewright.flows.runtime import configure_prefect

_PASS_AT = (1, 2, 4, 8, 16, 32, 64, 128)

if TYPE_CHECKING:
    from tracewright.distill.evaluation import Evaluation
    from tracewright.distill.manifest import TrainingManifest


class Scheme(StrEnum):
    """What numbers a quantized checkpoint is made of."""

    INT8 = "int8"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("distill")(distill)
    app.command("quantize")(quantize)
    app.command("evaluate")(evaluate)


def distill(
    config: Annotated[Path, typer.Argument(help="A YAML file; its paths are relative to itself.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Train a student on a release; run again, a killed training goes on and a finished student is taken.

    A config in short:

        release: ./releases/arithmetic-1
        out: ./students/first
        levels: [1, 2]
        control: true
    """
    from tracewright.distill.config import DistillConfig
    from tracewright.pipeline.config import load_config

    loaded = load_config(DistillConfig, config)
    configure_prefect(loaded.out)
    from tracewright.flows.devices import lease_one
    from tracewright.flows.distill import distill as flow

    with lease_one():
        manifests = flow(loaded)
    for name, manifest in manifests.items():
        share = manifest.parameters / manifest.teacher_parameters
        say(
            f"{loaded.out / name}: {manifest.parameters:,} parameters, {share:.1%} of the teacher's, run {manifest.run}"
        )
    if as_json:
        arms = {name: {"checkpoint": str(loaded.out / name), **_brief(m)} for name, m in manifests.items()}
        typer.echo(json.dumps({**arms["student"], "control": arms.get("control")}))


def quantize(
    checkpoint: Annotated[Path, typer.Argument(help="A student's folder.")],
    release: Annotated[Path, typer.Option(help="The release whose traces it is calibrated on.")],
    out: Annotated[Path, typer.Option(help="The folder of the quantized checkpoint.")],
    scheme: Annotated[Scheme, typer.Option(help="The numbers it is to be made of.")] = Scheme.INT8,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Make a checkpoint smaller, layer by layer, each calibrated on what the quantized ones before it give."""
    configure_prefect(out.parent)
    from tracewright.flows.distill import quantize as flow

    report = flow(checkpoint, release, out)
    worst = max(report.layers, key=lambda layer: layer.error)
    say(
        f"{out}: {report.tensor_bytes:,} bytes of tensors, {report.size_ratio:.1%} of float32; the largest error of a "
        f"layer is {worst.error:.2%} ({worst.name}), quantization.json has them all"
    )
    if as_json:
        figures = report.model_dump(mode="json", exclude={"layers"})
        typer.echo(json.dumps({"checkpoint": str(out), "layers": len(report.layers), **figures}))


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint's folder.")],
    problems: Annotated[
        str, typer.Option(help="A file of problems, or `arithmetic`: held-out ones of 1 and 2 operators.")
    ],
    samples: Annotated[int, typer.Option(min=1, help="1: greedy; more: drawn at temperature 1, for pass@k.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="So many problems at most.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="For one answer.")] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Ask a checkpoint problems through vLLM and count what it solves, with 95 % intervals."""
    from tracewright.distill.checkpoint import read_config
    from tracewright.flows.problems import read_questions

    read_config(checkpoint)
    asked = read_questions(problems, limit)
    with TemporaryDirectory(prefix="tracewright-") as folder:
        configure_prefect(Path(folder))
        from tracewright.flows.evaluate import Asking
        from tracewright.flows.evaluate import evaluate as flow
        from tracewright.flows.unrecorded import Unrecorded

        asking = Asking(asked, samples, max_tokens, keep=False)
        (evaluation,) = flow({checkpoint.name: checkpoint}, Unrecorded(asking), Path(folder)).values()
    summary = summarize(evaluation, samples)
    low, high = summary["interval"]
    say(
        f"{checkpoint}: {summary['pass@1']:.1%} of {len(asked):,} problems solved (95 % interval {low:.1%} to "
        f"{high:.1%}), {summary['tokens_per_second']:,.0f} tok/s"
    )
    if as_json:
        typer.echo(json.dumps({"checkpoint": str(checkpoint), **summary}))


def summarize(evaluation: Evaluation, samples: int) -> dict[str, Any]:
    """The object that `evaluate --json` prints."""
    from tracewright.distill.evaluation import estimate_pass_at, pass_at_1_interval

    ks = [k for k in _PASS_AT if k < samples] + [samples]
    return {
        "problems": len(evaluation.answers) // samples,
        "samples": samples,
        "pass@1": evaluation.accuracy().share,
        "interval": pass_at_1_interval(evaluation, samples),
        "pass@k": {str(k): estimate_pass_at(evaluation, samples, k) for k in ks},
        "levels": {
            str(level): {"pass@1": (part := evaluation.of_level(level)).accuracy().share}
            | {"interval": pass_at_1_interval(part, samples), "problems": len(part.answers) // samples}
            for level in evaluation.levels
        },
        "tokens": evaluation.tokens,
        "tokens_per_second": evaluation.tokens_per_second,
        "latency_seconds": {"p50": evaluation.latency(0.5), "p95": evaluation.latency(0.95)},
        "cut_off": sum(not answer.finished for answer in evaluation.answers),
    }


def _brief(manifest: TrainingManifest) -> dict[str, Any]:
    keys = {
        "run",
        "release",
        "parameters",
        "teacher_parameters",
        "examples",
        "final_losses",
        "seconds",
        "weights_sha256",
    }
    return manifest.model_dump(mode="json", include=keys)
