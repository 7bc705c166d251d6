"""`distill`, `quantize` and `evaluate`: from a release to students, and what they can do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tracewright.distill.version_config import ExportFormat
from tracewright.flows.commands.jobs import JSON_OPTION
from tracewright.flows.progress import say
from tracewright.flows.runtime import configure_prefect

if TYPE_CHECKING:
    from tracewright.distill.config import DistillConfig
    from tracewright.distill.manifest import TrainingManifest


class RuntimeName(StrEnum):
    """What runs a checkpoint of safetensors."""

    VLLM = "vllm"
    TRANSFORMERS = "transformers"


class Sparsity(StrEnum):
    """Patterns of zeros that hardware takes."""

    TWO_OF_FOUR = "2:4"


class Scheme(StrEnum):
    """What numbers a quantized checkpoint is made of."""

    INT8 = "int8"
    INT4 = "int4"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("distill")(distill)
    app.command("quantize")(quantize)
    app.command("evaluate")(evaluate)
    app.command("export")(export)
    app.command("serve-model")(serve_model)


def distill(
    config: Annotated[Path, typer.Argument(help="A YAML file; its paths are relative to itself.")],
    ablate: Annotated[bool, typer.Option(help="Say which part helps: train every arm over several seeds.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Train a student on a release; run again, a killed training goes on and a finished student is taken.

    A config that says most of what can be said; release and out are enough:

        release: ./releases/arithmetic-1
        out: ./students/first       # gets student/, control/, logs/
        teacher: embedded           # or a folder or a hub name
        levels: [1, 2]
        student: {share: 0.067}     # or shape, or checkpoint with lora
        losses:                     # only the ratio of weights counts
          output: {weight: 0.5, temperature: 2.0, targets: teacher}
          attention: 0.3            # and hidden
          trace: {weight: 0.2, confidence: true, checks: true}
        training: {steps: 2400, learning_rate: 0.01, seed: 0}
        control: true               # the same student on the text alone

    In stages, each from the student before, instead of losses at once:

        stages: ["output", "attention", "trace", "reward"]

    By several processes, with FSDP:

        accelerate launch --use_fsdp -m tracewright.distill.launch CONFIG
    """
    from tracewright.distill.config import DistillConfig
    from tracewright.pipeline.config import load_config

    loaded = load_config(DistillConfig, config)
    if ablate:
        _ablate(loaded, as_json=as_json)
        return
    configure_prefect(loaded.out)
    from tracewright.flows.devices import lease_one
    from tracewright.flows.distill import distill as flow

    with lease_one():
        manifests = flow(loaded)
        versions = _make_versions(loaded, manifests)
    for name, manifest in manifests.items():
        share = manifest.parameters / manifest.teacher_parameters
        say(
            f"{loaded.out / name}: {manifest.parameters:,} parameters, {share:.1%} of the teacher's, run {manifest.run}"
        )
    if as_json:
        arms = {name: {"checkpoint": str(loaded.out / name), **_brief(m)} for name, m in manifests.items()}
        typer.echo(json.dumps({**arms["student"], "control": arms.get("control"), "versions": versions}))


def _make_versions(config: DistillConfig, manifests: Mapping[str, TrainingManifest]) -> list[dict[str, Any]]:
    if not config.versions:
        return []
    from tracewright.distill.model_table import TABLE
    from tracewright.flows.distill import STUDENT_FOLDER
    from tracewright.flows.versions import make_versions

    report = make_versions(config, manifests[STUDENT_FOLDER])
    show_table(report.rows)
    say(f"{config.out / TABLE} has the table")
    return list(report.models)


def _ablate(config: DistillConfig, *, as_json: bool) -> None:
    from tracewright.distill.ablation_report import TABLE
    from tracewright.flows.ablate import FOLDER
    from tracewright.flows.ablate import ablate as compare
    from tracewright.flows.devices import lease_one

    with lease_one():
        report = compare(config)
    for sentence in report.conclusions:
        say(sentence)
    say(f"{config.out / FOLDER / TABLE} has the table")
    if as_json:
        typer.echo(report.model_dump_json())


def quantize(
    checkpoint: Annotated[Path, typer.Argument(help="A student's folder.")],
    release: Annotated[Path, typer.Option(help="The release whose traces it is calibrated on.")],
    out: Annotated[Path, typer.Option(help="The folder of the quantized checkpoint.")],
    scheme: Annotated[Scheme, typer.Option(help="The numbers it is to be made of.")] = Scheme.INT8,
    sparsity: Annotated[Sparsity | None, typer.Option(help="Two of each four weights become zero.")] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1e-9,
            help="Nats a token that the output may move by; the layers that cost most stay in bfloat16 for it.",
        ),
    ] = None,
    reduce_range: Annotated[
        bool | None,
        typer.Option(
            help="int8 weights of seven bits: x86 processors without VNNI get the sums of eight wrong. Left out: as "
            "this machine needs it.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Make a checkpoint smaller, layer by layer, each calibrated on what the quantized ones before it give."""
    configure_prefect(out.parent)
    from tracewright.distill.quantization_report import QuantizeSettings
    from tracewright.flows.distill import quantize as flow

    settings = QuantizeSettings(
        scheme=scheme.value,
        sparsity=sparsity.value if sparsity else None,
        reduce_range=reduce_range,
        budget=budget,
    )
    report = flow(checkpoint, release, out, settings)
    worst = max(report.layers, key=lambda layer: layer.error)
    kept = sum(layer.scheme == "kept" for layer in report.layers)
    say(
        f"{out}: {report.tensor_bytes:,} bytes of tensors, {report.size_ratio:.1%} of float32; the output moved by "
        f"{report.output_divergence:.1e} nats a token; the largest error of a layer is {worst.error:.2%} "
        f"({worst.name}){f', {kept} layers stayed in bfloat16' if kept else ''}; README.md has them all"
    )
    if as_json:
        figures = report.model_dump(mode="json", exclude={"layers"})
        typer.echo(json.dumps({"checkpoint": str(out), "layers": len(report.layers), **figures}))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A student's folder, not quantized.")],
    out: Annotated[Path, typer.Option(help="The export's folder; must not exist.")],
    to: Annotated[ExportFormat, typer.Option(help="The format.")] = ExportFormat.ONNX,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Make a checkpoint run elsewhere, with tokenizer, template and card beside it.

    onnx: float32 and int8 graphs for onnxruntime, and a recipe for TensorRT.
    gguf: float32 and Q8_0 files for llama.cpp.
    """
    from tracewright.distill.export import export_checkpoint

    report = export_checkpoint(checkpoint, out, to)
    files = ", ".join(f"{name} ({size:,} bytes)" for name, size in report.files.items())
    say(f"{out}: {files}; a logit differs by at most {report.largest_difference:.1e} from the checkpoint's")
    if as_json:
        typer.echo(json.dumps({"export": str(out), **report.model_dump(mode="json")}))


def serve_model(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint's folder, int8 or not.")],
    host: Annotated[str, typer.Option(help="Other than loopback needs VLLM_API_KEY.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8350,
    name: Annotated[str | None, typer.Option(help="What requests call it; the folder's name where left out.")] = None,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Requests that are worked on together.")] = 64,
) -> None:
    """A checkpoint behind vLLM's OpenAI-compatible server, with settings for this machine; Ctrl-C stops it.

    Requests that come together are answered together, each leaving as it is finished (continuous batching).
    """
    from tracewright.distill.checkpoint import engine_settings
    from tracewright.pipeline.engines.vllm_server import VllmServer, check_address

    check_address(host, os.environ)
    settings = engine_settings(checkpoint, max_in_flight=max_in_flight)
    folder = checkpoint.absolute()
    called, log = name or folder.name, folder.with_name(f"{folder.name}-server.log")
    with suppress(KeyboardInterrupt), closing(VllmServer(settings, log, host=host, port=port, name=called)) as server:
        say(f"loading {checkpoint}; the log is {log}")
        server.wait_until_ready()
        say(f"{called} answers at {server.url}/v1/chat/completions; {server.url}/health says whether it lives")
        server.wait()


def evaluate(
    checkpoints: Annotated[
        list[Path], typer.Argument(help="Checkpoints' folders, exports' folders, or .onnx and .gguf files.")
    ],
    problems: Annotated[
        str, typer.Option(help="A file of problems, or `arithmetic`: held-out ones of 1 and 2 operators.")
    ],
    samples: Annotated[int, typer.Option(min=1, help="1: greedy; more: drawn at temperature 1, for pass@k.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="So many problems at most.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="For one answer.")] = None,
    runtime: Annotated[
        RuntimeName, typer.Option(help="What runs checkpoints; exported files have one of their own.")
    ] = RuntimeName.VLLM,
    out: Annotated[Path | None, typer.Option(help="A folder that gets table, figures and plots.")] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Ask models problems and count what each solves, with 95 % intervals; several are compared in one table.

    vLLM is asked all problems at once; transformers, onnxruntime and llama.cpp one after another, as a small device
    would.
    """
    from tracewright.distill.evaluation_report import TABLE, describe_quality, write_evaluation
    from tracewright.distill.export.runtimes import Runtime, check_model
    from tracewright.distill.model_table import Asked, format_row, summarize
    from tracewright.flows.problems import read_questions

    for checkpoint in checkpoints:
        check_model(checkpoint)
    asked = read_questions(problems, limit)
    models = dict(zip(_name(checkpoints), checkpoints, strict=True))
    chosen = Runtime(runtime)
    with TemporaryDirectory(prefix="tracewright-") as folder:
        configure_prefect(Path(folder))
        from tracewright.flows.evaluate import Asking
        from tracewright.flows.evaluate import evaluate as flow
        from tracewright.flows.unrecorded import Unrecorded

        asking = Asking(asked, samples, max_tokens, chosen, keep=False)
        evaluations = flow(models, Unrecorded(asking), Path(folder))
    answered = [Asked.of(name, path, chosen, evaluations[name]) for name, path in models.items()]
    summaries = [summarize(one, samples, answered[0]) for one in answered]
    for summary in summaries if len(summaries) == 1 else ():
        low, high = summary["interval"]
        say(
            f"{summary['checkpoint']}: {summary['pass@1']:.1%} of {len(asked):,} problems solved (95 % interval "
            f"{low:.1%} to {high:.1%}), {summary['tokens_per_second']:,.0f} tok/s; steps that hold: "
            f"{describe_quality(summary)[0]}"
        )
    if len(summaries) > 1:
        show_table([format_row(name, summary) for name, summary in zip(models, summaries, strict=True)])
    if out is not None:
        write_evaluation(out, dict(zip(models, summaries, strict=True)))
        say(f"{out / TABLE} has the table, plots beside it")
    if as_json:
        typer.echo(json.dumps(summaries[0] if len(summaries) == 1 else {"models": summaries}))


def _name(models: Sequence[Path]) -> list[str]:
    """A short name for each, all different."""
    names = [re.sub("[^a-z0-9]+", "-", path.name.lower()) for path in models]
    return [f"{name}-{place + 1}" if names.count(name) > 1 else name for place, name in enumerate(names)]


def show_table(rows: Sequence[Sequence[str]]) -> None:
    """One row a model."""
    from tracewright.distill.model_table import COLUMNS

    table = Table(title="Problems solved, with 95 % intervals", title_justify="left")
    for place, name in enumerate(COLUMNS):
        table.add_column(name, justify="right" if place > 1 else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(stderr=True).print(table)


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
