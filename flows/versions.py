"""A trained student → its versions for other machines, and one table of what each can do: the `versions` flow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from tracewright.distill.cards import write_quantized_card, write_student_card
from tracewright.distill.checkpoint import hash_weights
from tracewright.distill.config import DistillConfig
from tracewright.distill.evaluation import Evaluation, compare_paired
from tracewright.distill.export import export_checkpoint, list_exported
from tracewright.distill.export.runtimes import Runtime, can_run
from tracewright.distill.manifest import TrainingManifest
from tracewright.distill.model_table import Asked, VersionsReport, load_versions, make_report, write_versions
from tracewright.distill.quantization_report import QuantizationReport
from tracewright.distill.version_config import ExportFormat
from tracewright.flows.distill import STUDENT_FOLDER, quantize
from tracewright.flows.evaluate import Asking, evaluate
from tracewright.flows.problems import read_questions
from tracewright.flows.progress import say
from tracewright.flows.unrecorded import Unrecorded
from tracewright.schemas import Problem, make_id

_YARDSTICK = "student-on-transformers"
"""The student as small devices' programs are compared with it: unquantized, one answer after another."""


@flow(name="versions", validate_parameters=False)
def make_versions(config: DistillConfig, manifest: TrainingManifest) -> VersionsReport:
    """Quantize and export the config's student as it says, and ask all of them the same problems.

    What is there already is taken, the table too where nothing that decides it has changed.
    """
    wanted, student = config.versions, config.out / STUDENT_FOLDER
    problems = read_questions(wanted.problems, wanted.limit)
    reports = {
        f"{STUDENT_FOLDER}-{settings.folder}": quantize(
            student, config.release, config.out / f"{STUDENT_FOLDER}-{settings.folder}", settings
        )
        for settings in wanted.quantize
    }
    exported = [file for to in wanted.export for file in export(student, config.out / f"{STUDENT_FOLDER}-{to}", to)]
    models = {name: config.out / name for name in (STUDENT_FOLDER, *reports)}
    models |= {f"{file.parent.name}/{file.name}": file for file in exported}
    asked_here = [name for name, path in models.items() if can_run(path)]
    settings = wanted.model_dump(mode="json")
    key = make_id("versions", hash_weights(student), settings, asked_here, [one.content_id for one in problems])
    found = load_versions(config.out, key)
    if found is None:
        asked = ask_all(models, problems, config)
        found = make_report(key, asked)
        write_versions(config.out, found)
        write_cards(config.out, manifest, reports, {one.name: one.evaluation for one in asked}, wanted.problems)
    create_table_artifact(list(found.models), key="versions", description=f"Versions of {student}")
    return found


@task(cache_policy=NO_CACHE)
def export(student: Path, out: Path, to: ExportFormat) -> list[Path]:
    """The files of the export, made or taken as they are."""
    if not out.exists():
        export_checkpoint(student, out, to)
    return list_exported(out, of=student)


def ask_all(models: Mapping[str, Path], problems: list[Problem], config: DistillConfig) -> list[Asked]:
    """Every model that this machine can run, one engine at a time: side by side they would take each other's memory
    and time."""
    asked: list[Asked] = []
    runs = [(name, path, Runtime.VLLM) for name, path in models.items()]
    if config.versions.export:
        runs.append((_YARDSTICK, models[STUDENT_FOLDER], Runtime.TRANSFORMERS))
    for name, path, runtime in runs:
        if not can_run(path):
            say(f"{name} is not asked: {path.suffix.removeprefix('.')} files run on a program that is not installed")
            continue
        asking = Asking(problems, max_tokens=config.versions.max_tokens, runtime=runtime, keep=False)
        evaluation = evaluate({name: path}, Unrecorded(asking), config.out / "logs")[name]
        asked.append(Asked.of(name, path, runtime, evaluation))
    return asked


def write_cards(
    out: Path,
    manifest: TrainingManifest,
    reports: Mapping[str, QuantizationReport],
    evaluations: Mapping[str, Evaluation],
    problems: str,
) -> None:
    """The cards of student and quantized versions, with what each solved."""
    student = evaluations[STUDENT_FOLDER]
    write_student_card(out / STUDENT_FOLDER, manifest, student, problems)
    for name, report in reports.items():
        change = compare_paired(evaluations[name], student)
        write_quantized_card(out / name, report, evaluations[name], change, problems)
