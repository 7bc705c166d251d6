"""`release create`, `verify`, `show`, `diff`, `yank`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from tracewright.flows.progress import console, say
from tracewright.flows.runtime import configure_prefect

app = typer.Typer(no_args_is_help=True, help="Immutable, hashed, carded data sets: what training reads.")
Folder = Annotated[Path, typer.Argument(help="The release's folder.")]


@app.command("create")
def create(
    store: Annotated[Path, typer.Argument(help="The store's folder.")],
    name: Annotated[str, typer.Option(help="What the release is called.")],
    out: Annotated[Path, typer.Option(help="The release's folder; it must not exist.")],
    version: Annotated[str | None, typer.Option(help="The next one where left out.")] = None,
    where: Annotated[str | None, typer.Option(help='A filter, such as: outcome == "correct" and tokens < 500')] = None,
    slice_name: Annotated[str | None, typer.Option("--slice", help="A saved slice instead of a filter.")] = None,
    at: Annotated[int | None, typer.Option(help="A version of the store; the newest where left out.")] = None,
) -> None:
    """Publish a filter's or a slice's traces as a release that never changes."""
    configure_prefect(store)
    from tracewright.flows.release import release

    manifest = release(store, out, name=name, version=version, where=where, slice_name=slice_name, at=at)
    say(f"{out}: {manifest.name}@{manifest.version}, {manifest.rows:,} traces of {manifest.problems:,} problems")


@app.command("verify")
def verify(folder: Folder) -> None:
    """Check every hash and row count."""
    from tracewright.pipeline.release import verify_release

    manifest = verify_release(folder)
    say(f"{folder}: {manifest.name}@{manifest.version} is whole, {len(manifest.files)} files")


@app.command("show")
def show(folder: Folder) -> None:
    """The data card."""
    from tracewright.pipeline.release import open_release

    open_release(folder, allow_yanked=True)
    card = (folder / "README.md").read_text()
    console.print(Markdown(card.split("---\n", 2)[-1]))


@app.command("diff")
def diff(old: Folder, new: Folder) -> None:
    """Rows added, removed and changed from one release to another."""
    from tracewright.pipeline.release import diff_releases

    found = diff_releases(old, new)
    say(f"added {len(found.added):,}, removed {len(found.removed):,}, changed {len(found.changed):,}")


@app.command("yank")
def yank(folder: Folder, reason: Annotated[str, typer.Option(help="Why; readers are told.")]) -> None:
    """Withdraw a release: a tombstone beside its manifest, and readers refuse it."""
    from tracewright.pipeline.release import yank_release

    yank_release(folder, reason)
    say(f"{folder}: yanked")
