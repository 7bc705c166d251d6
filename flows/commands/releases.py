"""`release create`, `verify`, `show`, `diff`, `yank`, `push`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from tracewright.flows.progress import console, say
from tracewright.flows.runtime import configure_prefect

app = typer.Typer(no_args_is_help=True, help="Immutable, hashed, carded data sets: what training reads.")
Folder = Annotated[Path, typer.Argument(help="The release's folder.")]


@app.command("create")
def create(
    store: Annotated[Path, typer.Argument(help="The store's folder, or s3://BUCKET/PREFIX.")],
    name: Annotated[str, typer.Option(help="What the release is called.")],
    out: Annotated[Path, typer.Option(help="The release's folder; it must not exist.")],
    version: Annotated[str | None, typer.Option(help="The next one where left out.")] = None,
    where: Annotated[str | None, typer.Option(help='A filter, such as: outcome == "correct" and tokens < 500')] = None,
    slice_name: Annotated[str | None, typer.Option("--slice", help="A saved slice instead of a filter.")] = None,
    at: Annotated[int | None, typer.Option(help="A version of the store; the newest where left out.")] = None,
    reviews: Annotated[int | None, typer.Option(help="Reviews up to this number; all published, left out.")] = None,
    seed: Annotated[int, typer.Option(help="Decides what is in `test` beyond the held-out tenth.")] = 0,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="The share of problems meant for `test`.")] = 0.1,
) -> None:
    """Publish a filter's or a slice's traces as a release that never changes."""
    from tracewright.pipeline.release.create import check_request
    from tracewright.pipeline.store import Store

    check_request(Store.open(store), out, name=name, version=version, where=where, slice_name=slice_name)
    configure_prefect(store)
    from tracewright.flows.release import release

    manifest = release(
        store,
        out,
        name=name,
        version=version,
        where=where,
        slice_name=slice_name,
        at=at,
        review_watermark=reviews,
        seed=seed,
        test_share=test_share,
    )
    say(f"{out}: {manifest.name}@{manifest.version}, {manifest.rows:,} traces of {manifest.problems:,} problems")


@app.command("verify")
def verify(folder: Folder) -> None:
    """Check every hash and row count."""
    from tracewright.pipeline.release import verify_release

    manifest = verify_release(folder)
    say(f"{folder}: {manifest.name}@{manifest.version} is whole, {len(manifest.files)} files")


@app.command("show")
def show(
    folder: Folder, facts: Annotated[bool, typer.Option("--facts", help="The manifest's facts, not the card.")] = False
) -> None:
    """The data card, and whether the release was withdrawn."""
    from tracewright.pipeline.release import show_release

    found = show_release(folder)
    if found.yanked:
        console.print(f"[bold red]withdrawn {found.yanked.yanked_at:%Y-%m-%d}:[/] {escape(found.yanked.reason)}")
    if facts:
        table = Table("fact", "value", title=str(folder))
        for label, value in found.lines():
            table.add_row(label, escape(value))
        console.print(table)
        return
    card = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    console.print(Markdown(card.split("---\n", 2)[-1]))


@app.command("diff")
def diff(
    old: Folder,
    new: Folder,
    ids: Annotated[bool, typer.Option("--ids", help="Also every row's id, and the columns that changed.")] = False,
) -> None:
    """Rows added, removed and changed from one release to another."""
    from tracewright.pipeline.release import diff_releases

    found = diff_releases(old, new)
    say(f"added {len(found.added):,}, removed {len(found.removed):,}, changed {len(found.changed):,}")
    for column, count in found.changed_columns().items():
        say(f"  {column} changed in {count:,}")
    if ids:
        lines = [*(f"+ {one}" for one in found.added), *(f"- {one}" for one in found.removed)]
        for line in [*lines, *(f"~ {one} {', '.join(columns)}" for one, columns in found.changed.items())]:
            typer.echo(line)


@app.command("yank")
def yank(folder: Folder, reason: Annotated[str, typer.Option(help="Why; readers are told.")]) -> None:
    """Withdraw a release: a tombstone beside its manifest, and readers refuse it."""
    from tracewright.pipeline.release import yank_release

    yank_release(folder, reason)
    say(f"{folder}: yanked")


@app.command("push")
def push(
    folder: Folder,
    repository: Annotated[str, typer.Argument(help="NAMESPACE/NAME of a data set on the hub; made where it is not.")],
    public: Annotated[bool, typer.Option("--public", help="A repository that is made is public, not private.")] = False,
) -> None:
    """Put a release on a Hugging Face hub (`HF_ENDPOINT`, `HF_TOKEN`), tagged with its version."""
    from tracewright.pipeline.release import push_release

    pushed = push_release(folder, repository, private=not public)
    say(f"{pushed.url}: {'pushed' if pushed.is_new else 'was there already'}, commit {pushed.commit[:12]}")
