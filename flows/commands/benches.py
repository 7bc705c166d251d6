"""`bench NAME`: one benchmark of the repository's `benchmarks/`, its figures on stdout or as JSON."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tracewright.flows.progress import console, say
from tracewright.schemas import InputError, MissingInputError

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("bench")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="Which one; `all` runs every one and writes benchmarks/results.")],
    cases: Annotated[Path | None, typer.Option(help="The cases, where a benchmark reads some.")] = None,
    seed: Annotated[int, typer.Option(help="For what a benchmark draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")] = False,
) -> None:
    """Measure, and print ratios against a peer or a raw limit taken in the same run."""
    for one in _names() if name == ALL else [name]:
        figures = _run(one, cases, seed)
        if name == ALL:
            result = FOLDER / "results" / f"{one}.json"
            result.parent.mkdir(exist_ok=True)
            result.write_text(json.dumps(figures, indent=1) + "\n")
            say(f"{one}: {result}")
        if as_json:
            typer.echo(json.dumps(figures))
        else:
            _show(one, figures)


def _names() -> list[str]:
    if not FOLDER.is_dir():
        raise MissingInputError("the benchmarks are not in the package: run this in a clone of the repository")
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def _run(name: str, cases: Path | None, seed: int) -> dict[str, Any]:
    known = _names()
    if name not in known:
        raise InputError(f"there is no benchmark {name!r}, expected one of {', '.join(known)}, or {ALL}")
    spec = importlib.util.spec_from_file_location(f"tracewright_bench_{name}", FOLDER / f"{name}.py")
    if spec is None or spec.loader is None:
        raise InputError(f"benchmarks/{name}.py can't be loaded")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up to read annotations such as `npt.NDArray`.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    taken = inspect.signature(module.run).parameters
    given = {"cases": cases, "seed": seed}
    if cases is not None and "cases" not in taken:
        raise InputError(f"benchmark {name} reads no cases: leave --cases out")
    return module.run(**{key: value for key, value in given.items() if key in taken})


def _show(name: str, figures: dict[str, Any]) -> None:
    table = Table("figure", "value", title=f"bench {name}")
    for key, value in figures.items():
        table.add_row(key, f"{value:,.4g}" if isinstance(value, float) else str(value))
    console.print(table)
