"""A release holds what was chosen, says so in figures, and is the same again from the same inputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tracewright.pipeline.curate import ExactDuplicates, NoFailedStep, Outcomes, curate
from tracewright.pipeline.release import FileLimits, create_release, find_releases, open_release, verify_release
from tracewright.pipeline.release.failpoints import PublishPoint
from tracewright.pipeline.store import Store, publish_reviews
from tracewright.schemas import (
    CheckOutcome,
    Decision,
    InputError,
    MissingInputError,
    Outcome,
    PublishedReview,
    ReleaseManifest,
    StoreError,
    Trace,
    is_held_out,
)

MakeTrace = Callable[..., Trace]
REVIEWED = ("decision", "review_count", "first_error")


def list_files(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def read_bytes(directory: Path) -> dict[str, bytes]:
    return {path: (directory / path).read_bytes() for path in list_files(directory)}


def test_layout_is_the_contracts(own_store: Store, tmp_path: Path) -> None:
    manifest = create_release(own_store, tmp_path / "out", name="sums")
    files = list_files(tmp_path / "out")
    assert [path for path in files if not path.startswith("pictures/")] == [
        "README.md",
        "croissant.json",
        "data/test-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet",
        "manifest.json",
    ]
    written = ReleaseManifest.model_validate_json((tmp_path / "out/manifest.json").read_bytes())
    assert written == manifest
    rows = [file.rows for file in manifest.files if file.rows is not None]
    assert rows == [manifest.splits["train"], manifest.splits["test"]]


def test_rows_are_the_traces(own_store: Store, tmp_path: Path, arithmetic_traces: tuple[Trace, ...]) -> None:
    create_release(own_store, tmp_path / "out", name="sums")
    release = open_release(tmp_path / "out")
    rows = {row["trace_id"]: row for split in release.splits for row in release.iter_rows(split)}
    assert rows.keys() == {trace.trace_id for trace in arithmetic_traces}
    for trace in arithmetic_traces:
        assert rows[trace.trace_id] == expected_row(trace)


def expected_row(trace: Trace) -> dict[str, object]:
    return {
        "trace_id": trace.trace_id,
        "problem_id": trace.problem.id,
        "messages": [
            {"role": "user", "content": trace.problem.question},
            {"role": "assistant", "content": trace.text},
        ],
        "prompt": trace.prompt,
        "completion": trace.text,
        "steps": [
            {
                "text": step.text,
                "span": {"start": step.span.start, "end": step.span.end},
                "confidence": step.confidence,
                "check": step.check.outcome.value,
                "label": None,
            }
            for step in trace.steps
        ],
        "reasoning": None,
        "answer": trace.answer,
        "gold": trace.problem.answer,
        "outcome": trace.verdict.outcome.value,
        "confidence": trace.confidence,
        "weight": 1.0,
        "answer_kind": trace.problem.answer_kind.value,
        "method": trace.verdict.method,
        "tokens": trace.token_count,
        "source": trace.problem.source,
        "domain": trace.problem.domain,
        "level": trace.problem.level,
        "license": trace.problem.license,
        "model": trace.teacher.model,
        "fingerprint": trace.teacher.fingerprint,
        "sample": trace.sample,
        "decision": None,
        "review_count": 0,
        "first_error": None,
    }


def test_manifest_counts_the_rows(own_store: Store, tmp_path: Path, arithmetic_traces: tuple[Trace, ...]) -> None:
    manifest = create_release(own_store, tmp_path / "out", name="sums", where="level >= 2")
    kept = [trace for trace in arithmetic_traces if (trace.problem.level or 0) >= 2]
    steps = [step for trace in kept for step in trace.steps]
    assert manifest.rows == len(kept) == sum(manifest.splits.values())
    assert manifest.problems == len({trace.problem.id for trace in kept})
    assert manifest.tokens == sum(trace.token_count for trace in kept)
    assert manifest.outcomes == Counter(trace.verdict.outcome.value for trace in kept)
    assert manifest.levels == Counter(str(trace.problem.level) for trace in kept)
    assert list(manifest.levels) == sorted(manifest.levels)
    assert manifest.licenses == Counter(trace.problem.license for trace in kept)
    assert manifest.checks == Counter(step.check.outcome.value for step in steps)
    assert manifest.steps_with_confidence == sum(step.confidence is not None for step in steps)
    assert manifest.rows_with_failed_step == sum(trace.first_failed_step is not None for trace in kept)
    assert {share.teacher: share.traces for share in manifest.teachers} == Counter(trace.teacher for trace in kept)
    assert manifest.prompt_example == min(kept, key=lambda trace: trace.trace_id).prompt


def test_funnel_begins_with_what_was_lost(
    own_store: Store, tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    manifest = create_release(own_store, tmp_path / "out", name="sums", where='outcome == "correct"')
    traces, right = len(arithmetic_traces), manifest.rows
    assert [(count.stage, count.rows_in, count.rows_out, count.reasons) for count in manifest.funnel] == [
        ("problems", traces + 3, traces + 2, {"no question": 1}),
        ("generate", traces + 2, traces, {"failed": 1, "truncated": 1}),
        ("where", traces, right, {"does not match the filter": traces - right}),
        ("release", right, right, {}),
    ]


def test_a_store_of_imported_traces_says_so(tmp_path: Path, make_trace: MakeTrace) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace().model_copy(update={"engine": "import"}))
    manifest = create_release(store, tmp_path / "out", name="one")
    assert [count.stage for count in manifest.funnel] == ["import", "release"]


def test_slice_and_filter_both_choose(own_store: Store, tmp_path: Path) -> None:
    saved = curate(own_store, [Outcomes(), NoFailedStep(), ExactDuplicates()], name="good").slice
    manifest = create_release(own_store, tmp_path / "out", name="sums", slice="good", where="level == 1")
    ids = set(open_release(tmp_path / "out").table("train", columns=["trace_id"])["trace_id"].to_pylist())
    assert ids < set(saved.trace_ids or ())
    assert manifest.levels.keys() == {"1"}
    assert [count.stage for count in manifest.funnel] == [
        *("problems", "generate", "outcomes", "no_failed_step", "exact_duplicates", "where", "release")
    ]
    assert manifest.slice_digest == saved.digest
    for before, after in zip(manifest.funnel, manifest.funnel[1:], strict=False):
        assert before.rows_out == after.rows_in
        assert before.rows_in - before.rows_out == sum(before.reasons.values())


def test_a_problem_is_in_one_split_and_the_held_out_in_test(own_store: Store, tmp_path: Path) -> None:
    create_release(own_store, tmp_path / "out", name="sums")
    train, test = (questions(tmp_path / "out", split) for split in ("train", "test"))
    assert not train & test
    assert not any(is_held_out(question) for question in train)
    assert all(is_held_out(question) for question in test)


def test_more_problems_can_go_to_test_and_the_seed_says_which(own_store: Store, tmp_path: Path) -> None:
    for seed in (1, 2):
        create_release(own_store, tmp_path / f"out{seed}", name="sums", test_share=0.5, seed=seed)
    first, second = (questions(tmp_path / f"out{seed}", "test") for seed in (1, 2))
    everything = first | questions(tmp_path / "out1", "train")
    held_out = {question for question in everything if is_held_out(question)}
    assert first != second
    assert held_out <= first & second
    assert 0.35 < len(first) / len(everything) < 0.65


def questions(directory: Path, split: str) -> set[str]:
    return {row["messages"][0]["content"] for row in open_release(directory).iter_rows(split, columns=["messages"])}


def test_same_inputs_give_the_same_bytes(own_store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        create_release(own_store, tmp_path / name, name=f"sums-{name}", where="tokens > 20", seed=3)
    first, second = read_bytes(tmp_path / "a"), read_bytes(tmp_path / "b")
    data = [path for path in first if path.startswith("data/")]
    assert len(data) == 2
    assert {path: first[path] for path in data} == {path: second[path] for path in data}
    elsewhere = Store.open(own_store.path)
    (own_store.path / "releases/sums-a@1.json").unlink()
    create_release(elsewhere, tmp_path / "c", name="sums-a", where="tokens > 20", seed=3)
    assert read_bytes(tmp_path / "c") == first


def test_an_older_store_version_gives_the_older_release(own_store: Store, tmp_path: Path) -> None:
    versions = [commit.version for commit in own_store.history()]
    create_release(own_store, tmp_path / "old", name="sums", at=sorted(versions)[1])
    newest = create_release(own_store, tmp_path / "new", name="sums")
    old = verify_release(tmp_path / "old")
    assert old.rows == 200 < newest.rows
    assert (old.created_at, old.store_version) < (newest.created_at, newest.store_version)


def test_files_are_of_limited_size_and_hold_the_same_rows(own_store: Store, tmp_path: Path) -> None:
    create_release(own_store, tmp_path / "one", name="one")
    manifest = create_release(own_store, tmp_path / "many", name="many", limits=FileLimits(rows=100))
    train = [file for file in manifest.files if file.path.startswith("data/train")]
    assert [file.rows for file in train[:-1]] == [100] * (len(train) - 1)
    assert train[-1].path == f"data/train-{len(train) - 1:05d}-of-{len(train):05d}.parquet"
    for split in ("train", "test"):
        assert open_release(tmp_path / "many").table(split) == open_release(tmp_path / "one").table(split)


def test_a_byte_limit_begins_a_new_file(own_store: Store, tmp_path: Path) -> None:
    manifest = create_release(own_store, tmp_path / "out", name="sums", limits=FileLimits(rows=50, size_bytes=60_000))
    rows = [file.rows or 0 for file in manifest.files if file.path.startswith("data/train")]
    assert len(rows) > manifest.splits["train"] // 60
    assert sum(rows) == manifest.splits["train"]


def test_calibration_is_measured_on_all_traces_of_the_teachers(
    own_store: Store, tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    manifest = create_release(
        own_store, tmp_path / "out", name="sums", where='outcome == "correct" and model == "small"'
    )
    assert manifest.calibration is not None
    known = [
        step.check.outcome is CheckOutcome.HOLDS
        for trace in arithmetic_traces
        if trace.teacher.model == "small"
        for step in trace.steps
        if step.check.outcome is not CheckOutcome.UNCHECKED
    ]
    assert manifest.calibration.steps == len(known)
    assert manifest.calibration.wrong_share == pytest.approx(1 - sum(known) / len(known))
    assert 0.8 < manifest.calibration.auroc < 1


def test_without_confidence_the_manifest_says_why(tmp_path: Path, make_trace: MakeTrace) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace())
    manifest = create_release(store, tmp_path / "out", name="one")
    assert (manifest.calibration, manifest.calibration_reason) == (None, "no step of this release has a confidence")


def test_what_the_columns_cannot_hold_is_counted(tmp_path: Path, make_trace: MakeTrace) -> None:
    image = {"media_type": "image/png", "data": b"\x89PNG"}
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(make_trace("What is shown?", images=[image], choices=["a cat", "a dog"]))
        writer.add_trace(make_trace("What is left?", metadata={"label": "good"}, accepted_answers=["two"]))
        writer.add_trace(make_trace("What else?"))
    manifest = create_release(store, tmp_path / "out", name="odd")
    assert manifest.not_carried == {
        "further accepted answers": 1,
        "images of the question": 1,
        "options of a multiple-choice question": 1,
        "the importer's notes": 1,
    }


def test_text_of_any_script_and_a_long_one_survive(tmp_path: Path, make_trace: MakeTrace) -> None:
    lines = ["ゼロ\u2028除算 𝔸\r\n", "ملاحظة | `x` <b>\n", "z" * 1_000_000]
    trace = make_trace("Was ist ½ + ½? 🙂", lines, gold=None)
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.add_trace(trace)
    create_release(store, tmp_path / "out", name="scripts")
    release = open_release(tmp_path / "out")
    (row,) = release.iter_rows(release.splits[0])
    assert row == expected_row(trace)


def test_an_empty_choice_is_refused_and_leaves_nothing(own_store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to release.*where kept 0 of \d+.*widen the filter"):
        create_release(own_store, tmp_path / "out", name="sums", where='domain == "geometry"')
    assert not (tmp_path / "out").exists()
    assert find_releases(own_store.path) == []


def test_an_empty_store_is_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    with pytest.raises(InputError, match="holds no traces: generate or import"):
        create_release(store, tmp_path / "out", name="sums")


def test_an_existing_directory_is_refused_and_left_alone(own_store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/keep.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        create_release(own_store, tmp_path / "out", name="sums")
    assert list_files(tmp_path / "out") == ["keep.txt"]


def test_a_directory_in_a_missing_one_is_refused(own_store: Store, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no directory"):
        create_release(own_store, tmp_path / "no/out", name="sums")


@pytest.mark.parametrize("place", ["store/out", "store/traces/out", "store/../store/out"])
def test_a_directory_in_the_store_is_refused(own_store: Store, tmp_path: Path, place: str) -> None:
    with pytest.raises(InputError, match="lies in the store"):
        create_release(own_store, tmp_path / place, name="sums")
    assert not (own_store.path / "out").exists()


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_an_impossible_test_share_is_refused(own_store: Store, tmp_path: Path, share: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        create_release(own_store, tmp_path / "out", name="sums", test_share=share)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        *((name, None) for name in ("Sums", "", "../sums", "a/b", "x" * 97, "s\n", "s\0")),
        *(("sums", version) for version in ("v1", "1.2.3.4", "../1", "", "1\n", "١")),
    ],
)
def test_bad_names_and_versions_are_refused(own_store: Store, tmp_path: Path, name: str, version: str | None) -> None:
    with pytest.raises(InputError, match=r"can't name a release|is not a version"):
        create_release(own_store, tmp_path / "out", name=name, version=version)


def test_another_store_version_than_the_slices_is_refused(own_store: Store, tmp_path: Path) -> None:
    curate(own_store, [Outcomes()], name="good")
    with pytest.raises(InputError, match="made from version"):
        create_release(own_store, tmp_path / "out", name="sums", slice="good", at=0)


def test_versions_count_up_and_none_is_used_twice(own_store: Store, tmp_path: Path) -> None:
    made = [
        create_release(own_store, tmp_path / f"out{number}", name="sums", version=version).version
        for number, version in enumerate([None, None, "2.5", None, "7"])
    ]
    assert made == ["1", "2", "2.5", "3", "7"]
    with pytest.raises(InputError, match=r"sums@2 exists already.*leave the version out to make 8"):
        create_release(own_store, tmp_path / "again", name="sums", version="2.0")
    assert create_release(own_store, tmp_path / "other", name="other").version == "1"


def test_the_register_finds_every_release(own_store: Store, tmp_path: Path) -> None:
    manifest = create_release(own_store, tmp_path / "out", name="sums")
    (entry,) = find_releases(own_store.path)
    assert (entry.name, entry.version, entry.rows) == ("sums", "1", manifest.rows)
    assert entry.directory(own_store.path) == tmp_path / "out"
    assert verify_release(entry.directory(own_store.path), digest=entry.digest) == manifest


_CREATE = """
import sys
from pathlib import Path
from tracewright.pipeline.release import create_release
from tracewright.pipeline.store import Store
create_release(Store.open(sys.argv[1]), Path(sys.argv[2]), name="sums")
"""


def test_releases_made_at_once_get_different_versions(own_store: Store, tmp_path: Path) -> None:
    outs = [tmp_path / f"out{number}" for number in range(3)]
    makers = [subprocess.Popen([sys.executable, "-c", _CREATE, str(own_store.path), str(out)]) for out in outs]
    assert [maker.wait() for maker in makers] == [0, 0, 0]
    assert sorted(verify_release(out).version for out in outs) == ["1", "2", "3"]
    assert {entry.directory(own_store.path) for entry in find_releases(own_store.path)} == set(outs)


def create_elsewhere(store: Store, out: Path, *prefix: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-c", _CREATE, str(store.path), str(out)]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("point", list(PublishPoint))
def test_killed_anywhere_it_is_complete_or_absent_and_can_be_made_again(
    own_store: Store, tmp_path: Path, point: PublishPoint
) -> None:
    out = tmp_path / "out"
    killed = create_elsewhere(own_store, out, TRACEWRIGHT_FAILPOINT=point)
    assert killed.returncode == -9, killed.stderr
    if point in (PublishPoint.RENAMED, PublishPoint.PUBLISHED):
        assert verify_release(out).version == "1"
        assert create_release(own_store, tmp_path / "next", name="sums").version == "2"
    else:
        assert not out.exists()
        assert create_release(own_store, out, name="sums").version == "1"
    assert [entry.version for entry in find_releases(own_store.path)] == [
        *(["1", "2"] if (tmp_path / "next").exists() else ["1"])
    ]
    assert not list(tmp_path.glob(".*incomplete"))


def test_a_full_disk_is_named_and_leaves_nothing(own_store: Store, tmp_path: Path) -> None:
    limited = create_elsewhere(own_store, tmp_path / "out", "prlimit", "--fsize=4096")
    assert limited.returncode == 1
    assert "StoreError" in limited.stderr
    assert "File too large" in limited.stderr
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*incomplete"))


def test_outcomes_and_levels_can_be_read_by_polars(own_store: Store, tmp_path: Path) -> None:
    create_release(own_store, tmp_path / "out", name="sums", where='outcome == "correct"')
    frame = pl.scan_parquet(open_release(tmp_path / "out").files("train")).collect()
    assert frame["outcome"].unique().to_list() == [Outcome.CORRECT]
    assert frame["steps"].list.len().min() > 0


def test_an_unwritable_register_is_a_store_error(own_store: Store, tmp_path: Path) -> None:
    (own_store.path / "releases").write_text("in the way")
    with pytest.raises(StoreError, match="making the folder"):
        create_release(own_store, tmp_path / "out", name="sums")
    assert not (tmp_path / "out").exists()


def test_published_labels_and_decisions_are_columns(
    own_store: Store, tmp_path: Path, arithmetic_traces: tuple[Trace, ...]
) -> None:
    first, second, third = (trace.trace_id for trace in arithmetic_traces[:3])
    reviews = [
        make_review(1, first, step=0, label=1),
        make_review(2, first, step=1, label=-1, first_error=True),
        make_review(3, first, decision=Decision.REJECT),
        make_review(4, second, decision=Decision.ACCEPT, corrected_answer="7"),
        make_review(5, third, step=999, label=1),
    ]
    publish_reviews(own_store, reviews, watermark=5)
    manifest = create_release(own_store, tmp_path / "out", name="sums")
    release = open_release(tmp_path / "out")
    rows = {row["trace_id"]: row for split in release.splits for row in release.iter_rows(split)}
    labels = {trace_id: [step["label"] for step in row["steps"]] for trace_id, row in rows.items()}
    assert labels[first][:2] == [1, -1]
    assert {label for trace_id, of in labels.items() for label in (of[2:] if trace_id == first else of)} == {None}
    said = {name: [rows[trace_id][name] for trace_id in (first, second, third)] for name in REVIEWED}
    assert said == {"decision": ["reject", "accept", None], "review_count": [1, 1, 0], "first_error": [1, None, None]}
    assert (manifest.review_watermark, manifest.not_carried) == (5, {"the reviewers' corrected texts and answers": 1})


def test_later_reviews_do_not_change_a_release_that_names_its_watermark(own_store: Store, tmp_path: Path) -> None:
    ids = sorted(own_store.trace_ids())
    publish_reviews(own_store, [make_review(1, ids[0], decision=Decision.REJECT)], watermark=1)
    how = {"name": "sums", "where": "not flagged"}
    first = create_release(own_store, tmp_path / "a", **how)
    publish_reviews(own_store, [make_review(2, ids[1], decision=Decision.UNSURE)], watermark=2)
    (own_store.path / "releases/sums@1.json").unlink()
    again = create_release(own_store, tmp_path / "b", review_watermark=1, **how)
    assert read_bytes(tmp_path / "a") == read_bytes(tmp_path / "b")
    assert again == first
    newest = create_release(own_store, tmp_path / "c", **how)
    assert (first.rows, newest.rows) == (len(ids) - 1, len(ids) - 2)


def test_a_slice_says_which_reviews_it_was_curated_with_and_can_be_made_again(own_store: Store) -> None:
    ids = sorted(own_store.trace_ids())
    publish_reviews(own_store, [make_review(1, ids[0], decision=Decision.REJECT)], watermark=1)
    first = curate(own_store, [], name="unflagged", where="not flagged").slice
    publish_reviews(own_store, [make_review(2, ids[1], decision=Decision.UNSURE)], watermark=2)
    again = curate(own_store, [], name="unflagged", where="not flagged", review_watermark=1).slice
    newest = curate(own_store, [], name="unflagged", where="not flagged").slice
    assert (first.review_watermark, newest.review_watermark) == (1, 2)
    assert again == first
    assert len(first.trace_ids or ()) == len(newest.trace_ids or ()) + 1 == len(ids) - 1


def make_review(number: int, trace_id: str, **said: Any) -> PublishedReview:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return PublishedReview(
        number=number, review_id=f"r{number}", trace_id=trace_id, reviewer="ada", created_at=moment, **said
    )


@pytest.mark.slow
def test_nothing_torn_is_visible_after_any_of_300_kills() -> None:
    script = Path(__file__).with_name("many_kills.py")
    ended = subprocess.run(
        [sys.executable, script, "--kills", "300"], capture_output=True, text=True, check=False, timeout=1_200
    )
    assert ended.returncode == 0, ended.stdout
    assert json.loads(ended.stdout)["kills"] == 300
