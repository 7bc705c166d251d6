"""Making a release: choose, sort, write, card, and one rename."""

# pyarrow.compute makes its functions when it is imported, so that a type checker knows none of them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tracewright.pipeline.cards import draw_pictures, render_card, render_croissant
from tracewright.pipeline.curate import Slice, read_slice
from tracewright.pipeline.duplicates import cluster_problems
from tracewright.pipeline.filter import parse_filter
from tracewright.pipeline.release.calibration import measure_calibration, share_with_figures
from tracewright.pipeline.release.failpoints import PublishPoint
from tracewright.pipeline.release.layout import (
    ASIDE_SUFFIX,
    CARD,
    CROISSANT,
    DATA,
    MANIFEST,
    hash_file,
    sync,
    write_file,
)
from tracewright.pipeline.release.logprobs import carry_logprobs
from tracewright.pipeline.release.manifest import encode_manifest, seal
from tracewright.pipeline.release.parquet import FileLimits, SplitWriter
from tracewright.pipeline.release.register import check_names, claim_version
from tracewright.pipeline.release.rows import SOURCE_COLUMNS, project, release_schema
from tracewright.pipeline.release.selection import Selection, select_traces
from tracewright.pipeline.release.sorting import BucketSort, plan_buckets
from tracewright.pipeline.release.splits import SPLITS, different_questions, plan_splits, splits_of
from tracewright.pipeline.release.tally import Tally, count_lengths, count_values
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.disk import explain_disk_errors
from tracewright.pipeline.store.failpoints import reach
from tracewright.pipeline.store.objects import ObjectPath, to_place
from tracewright.schemas.arrow import schema_hash
from tracewright.schemas.errors import InputError, MissingInputError, StoreError
from tracewright.schemas.ids import HELD_OUT_SHARE
from tracewright.schemas.migrations import SCHEMA_VERSION
from tracewright.schemas.release import ReleaseFile, ReleaseManifest, ReleaseRow, StageCount, StageSettings

_SPLIT = "split"
_SPILL = "spill"
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class _Request:
    """What was asked for, apart from the choice of traces."""

    name: str
    version: str
    seed: int
    test_share: float
    languages: tuple[str, ...]
    limits: FileLimits
    pictures: bool
    tell: Callable[[float], None] | None


@dataclass
class _Steps:
    """How far the writing is: each row is gathered once and written once."""

    tell: Callable[[float], None] | None
    total: int
    done: int = 0

    def add(self, rows: int) -> None:
        self.done += rows
        if self.tell is not None and self.total:
            self.tell(self.done / self.total)


def create_release(
    store: Store,
    out: Path,
    *,
    name: str,
    version: str | None = None,
    where: str | None = None,
    slice: str | None = None,
    at: int | None = None,
    review_watermark: int | None = None,
    seed: int = 0,
    test_share: float = HELD_OUT_SHARE,
    languages: tuple[str, ...] = ("en",),
    limits: FileLimits | None = None,
    pictures: bool = True,
    tell: Callable[[float], None] | None = None,
) -> ReleaseManifest:
    """Write an immutable release of traces into a new directory: complete or, whatever happens, absent.

    The same store version, choice, published reviews, name, version and seed give the same bytes.

    Args:
        store: the store that it is made from, and that registers it.
        out: the release's directory; must not exist.
        name: the data set's name.
        version: one to three numbers with dots; None is the next one that the store's register has free.
        where: a filter; None takes everything.
        slice: the name of a slice that the store holds; with a filter, a trace must be in both.
        at: the store's version; None is the slice's, or the newest.
        review_watermark: the number up to which published reviews count; None is all of them.
        seed: decides which problems beyond the held-out tenth are in `test`, where `test_share` asks for more.
        test_share: the share of problems meant for `test`; the held-out tenth is always there.
        languages: ISO 639 codes for the card.
        limits: how large a file may become.
        pictures: whether the card has pictures; without them a small release is made some seconds sooner.
        tell: called again and again with the share of the rows that is written, from 0 to 1.

    Returns:
        The manifest, as it was written.

    Raises:
        InputError: the request can't be met, or no trace is left; nothing is written.
        MissingInputError: there is no such slice, or no directory to put `out` in.
        StoreError: the disk is full or can't be written, or a takedown is under way or was cut short; nothing is left
            behind.
    """
    out = Path(out)
    check_request(store, out, name=name, version=version, where=where, slice_name=slice)
    _check_languages(languages)
    _check_share(test_share)
    with store.keep_versions(), claim_version(store.path, name, version) as claim, _make_aside(out) as folder:
        selection = select_traces(store, where=where, slice_name=slice, at=at, review_watermark=review_watermark)
        request = _Request(name, claim.version, seed, test_share, languages, limits or FileLimits(), pictures, tell)
        reach(PublishPoint.FOLDER_MADE)
        manifest = _write_release(store, folder, selection, request)
        claim.record(out, manifest, published=False)
        reach(PublishPoint.REGISTERED)
        _check_not_taken_down(store, selection)
        _check_out(store, out)
        folder.rename(out)
        sync(out.parent)
        reach(PublishPoint.RENAMED)
        claim.record(out, manifest, published=True)
        reach(PublishPoint.PUBLISHED)
    return manifest


def check_request(
    store: Store, out: Path, *, name: str, version: str | None, where: str | None, slice_name: str | None
) -> None:
    """Refuse at once what `create_release` could only refuse later.

    Raises:
        InputError: a name, the version or the filter is wrong, or `out` exists.
        MissingInputError: there is no such slice, or no directory to put `out` in.
        StoreError: a takedown is under way or was cut short.
    """
    check_names(name, version)
    if where is not None:
        parse_filter(where)
    if slice_name is not None:
        read_slice(store.path, slice_name)
    _check_out(store, out)
    store.check_no_removal()


def _check_not_taken_down(store: Store, selection: Selection) -> None:
    """A takedown that begins after this one's entry is in the register finds it there and waits for it."""
    if not store.removals.removed_ids().isdisjoint(selection.frame["trace_id"].to_list()):
        raise StoreError("traces of this release were taken down while it was made: run the same command again")


def _check_languages(languages: tuple[str, ...]) -> None:
    if not languages or not all(_LANGUAGE.fullmatch(language) for language in languages):
        raise InputError(f"languages {languages!r}: give ISO 639 codes of two or three letters, such as en")


def _check_share(test_share: float) -> None:
    if not 0 <= test_share <= 1:
        raise InputError(f"a test share of {test_share:g}: give a share of the problems, from 0 to 1")


def _check_out(store: Store, out: Path) -> None:
    if isinstance(to_place(out), ObjectPath):
        raise InputError(f"{to_place(out)}: a release is made on a disk; name a directory here, then copy or push it")
    # As it is named, and where links lead.
    ways = (os.path.abspath, os.path.realpath)
    if not isinstance(store.path, ObjectPath) and any(Path(way(out)).is_relative_to(way(store.path)) for way in ways):
        raise InputError(f"{out} lies in the store, which sweeps its folders: name a directory outside {store.path}")
    if out.exists() or out.is_symlink():
        raise InputError(f"{out} exists already, and a release never changes: name a directory that is not there yet")
    if not out.parent.is_dir():
        raise MissingInputError(f"there is no directory {out.parent} to put the release in: make it first")


@contextmanager
def _make_aside(out: Path) -> Generator[Path]:
    """A sibling of `out` to write in; gone afterwards unless it was renamed. What killed processes left goes too."""
    for leftover in out.parent.glob(f".{out.name}.*{ASIDE_SUFFIX}"):
        if not _is_alive(leftover.name.removesuffix(ASIDE_SUFFIX).rpartition(".")[2]):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = out.parent / f".{out.name}.{os.getpid()}{ASIDE_SUFFIX}"
    with explain_disk_errors(out, "writing the release"):
        try:
            (folder / DATA).mkdir(parents=True)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def _write_release(store: Store, folder: Path, selection: Selection, request: _Request) -> ReleaseManifest:
    tally = Tally()
    files, splits = _write_rows(store, folder, selection, request, tally)
    reach(PublishPoint.DATA_WRITTEN)
    manifest = _describe(store, selection, request, tally, files, splits)
    pictures = draw_pictures(manifest) if request.pictures else {}
    manifest = manifest.model_copy(update={"files": (*files, *_write_texts(folder, pictures))})
    texts = {CARD: render_card(manifest), CROISSANT: render_croissant(manifest)}
    listed = _write_texts(folder, {path: text.encode() for path, text in texts.items()})
    reach(PublishPoint.CARD_WRITTEN)
    manifest = seal(manifest.model_copy(update={"files": (*manifest.files, *listed)}))
    sync(folder / DATA)
    write_file(folder / MANIFEST, encode_manifest(manifest))
    sync(folder)
    reach(PublishPoint.MANIFEST_WRITTEN)
    return manifest


def _write_rows(
    store: Store, folder: Path, selection: Selection, request: _Request, tally: Tally
) -> tuple[list[ReleaseFile], dict[str, int]]:
    sort = BucketSort(folder / _SPILL, plan_buckets(selection.frame))
    chosen = pa.array(selection.frame["trace_id"].to_list(), pa.string())
    # Of all traces of the version: what asks nearly the same as a held-out problem is not trained on either.
    questions = different_questions(store.iter_tables(selection.version, ["problem.question"]))
    plan = plan_splits(questions, test_share=request.test_share, seed=request.seed, cluster=cluster_problems)
    steps = _Steps(request.tell, 2 * len(chosen))
    for traces in store.iter_tables(selection.version, SOURCE_COLUMNS):
        tally.observe_source(traces)
        kept = traces.filter(pc.is_in(traces["trace_id"], value_set=chosen))
        tally.observe_released(kept)
        sort.add(project(kept, selection.standing).append_column(_SPLIT, splits_of(kept, plan)))
        steps.add(kept.num_rows)
    writers = {split: SplitWriter(folder, split, release_schema(), request.limits) for split in SPLITS}
    for bucket in sort.sorted_tables():
        for split, writer in writers.items():
            writer.write(bucket.filter(pc.equal(bucket[_SPLIT], split)).drop_columns(_SPLIT))
        steps.add(bucket.num_rows)
    shutil.rmtree(folder / _SPILL, ignore_errors=True)
    written = {split: writer.finish() for split, writer in writers.items()}
    counts = {split: sum(file.rows or 0 for file in files) for split, files in written.items() if files}
    files = [file for files in written.values() for file in files]
    return [*files, *carry_logprobs(store, folder, files)], counts


def _describe(
    store: Store,
    selection: Selection,
    request: _Request,
    tally: Tally,
    files: list[ReleaseFile],
    splits: dict[str, int],
) -> ReleaseManifest:
    frame = selection.frame
    calibration, reason = measure_calibration(tally)
    return ReleaseManifest(
        name=request.name,
        version=request.version,
        created_at=selection.committed_at,
        tracewright_version=installed_version("tracewright"),
        schema_version=SCHEMA_VERSION,
        schema_hash=schema_hash(ReleaseRow),
        store_version=selection.version,
        where=selection.where,
        slice=selection.slice.name if selection.slice else None,
        slice_digest=selection.slice.digest if selection.slice else None,
        review_watermark=selection.review_watermark,
        seed=request.seed,
        rows=frame.height,
        splits=splits,
        problems=frame.select(pl.struct("source", "problem_id").n_unique()).item(),
        tokens=int(frame["tokens"].sum()),
        funnel=(*selection.funnel, StageCount(stage="release", rows_in=frame.height, rows_out=sum(splits.values()))),
        outcomes=count_values(frame, "outcome"),
        methods=count_values(frame, "method"),
        checks=dict(tally.checks),
        levels=count_values(frame.sort("level", nulls_last=True), "level", most_frequent_first=False),
        domains=count_values(frame, "domain"),
        sources=count_values(frame, "source"),
        licenses=count_values(frame, "license"),
        teachers=share_with_figures(tally, store.path),
        prompt_example=tally.prompt_example,
        calibration=calibration,
        calibration_reason=reason,
        verifier_versions=tuple(sorted(tally.verifier_versions)),
        checker_versions=tuple(sorted(tally.checker_versions)),
        files=tuple(files),
        languages=request.languages,
        test_share=request.test_share,
        rows_with_failed_step=int((frame["failed_steps"] > 0).sum()),
        steps_with_confidence=tally.steps_with_confidence,
        stages=_describe_stages(selection.slice),
        completion_example=tally.completion_example,
        histograms={**count_lengths(frame), **tally.step_confidence()},
        not_carried=dict(sorted({**tally.not_carried, **_count_corrections(selection)}.items())),
    )


def _describe_stages(saved: Slice | None) -> tuple[StageSettings, ...]:
    """The slice's own filter and what came after it."""
    if saved is None:
        return ()
    filtered = [{"kind": "where", "where": saved.where}] if saved.where else []
    return tuple(map(StageSettings.of, (*filtered, *saved.stages)))


def _count_corrections(selection: Selection) -> dict[str, int]:
    said = (selection.standing.get(trace_id) for trace_id in selection.frame["trace_id"].to_list())
    corrected = sum(one is not None and one.is_corrected for one in said)
    return {"the reviewers' corrected texts and answers": corrected} if corrected else {}


def _write_texts(folder: Path, contents: dict[str, bytes]) -> list[ReleaseFile]:
    for parent in {(folder / path).parent for path in contents}:
        parent.mkdir(exist_ok=True)
    for path, content in contents.items():
        write_file(folder / path, content)
    for parent in {(folder / path).parent for path in contents}:
        sync(parent)
    return [_list_text(folder, path) for path in contents]


def _list_text(folder: Path, path: str) -> ReleaseFile:
    return ReleaseFile(path=path, rows=None, bytes=(folder / path).stat().st_size, sha256=hash_file(folder / path))
