"""Old rows brought up to date: everything that was computed, nothing that was made, once, whatever is killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracewright.pipeline.confidence import Calibration, Rollout, fit, load_calibration, sample_trace, save_calibration
from tracewright.pipeline.rescore import RescoreCounts, rescore_store
from tracewright.pipeline.scoring import NO_LOGPROBS
from tracewright.pipeline.steps import CHECKER_VERSION
from tracewright.pipeline.store import Store
from tracewright.pipeline.store.failpoints import VARIABLE, Failpoint
from tracewright.pipeline.verify import VERIFIER_VERSION
from tracewright.schemas import CheckOutcome, IntegrityError, Outcome, StoreError, Trace

MADE = ("trace_id", "problem", "teacher", "sample", "prompt", "text", "token_logprobs", "created_at", "seconds")
PASSED_BY_A_REWRITE = (
    Failpoint.FILE_HALF_WRITTEN,
    Failpoint.FILE_WRITTEN,
    Failpoint.FILE_SYNCED,
    Failpoint.FILE_RENAMED,
    Failpoint.FOLDER_SYNCED,
    Failpoint.SHARD_COMMITTED,
    Failpoint.LOG_SYNCED,
)
RUN = """
import sys
from tracewright.pipeline.rescore import rescore_store
from tracewright.pipeline.store import Store
rescore_store(Store.open(sys.argv[1]), lambda counts: None)
"""


def rescore(store: Store, **options: Any) -> RescoreCounts:
    return rescore_store(store, lambda counts: None, **options)


def fill(path: Path, traces: list[Trace], shard_rows: int = 150) -> Store:
    store = Store.open(path, create=True)
    with store.writer() as writer:
        for number, trace in enumerate(traces, 1):
            writer.add_trace(trace)
            if number % shard_rows == 0:
                writer.flush()
    return store


def by_id(store: Store) -> dict[str, Trace]:
    return {trace.trace_id: trace for trace in store.iter_traces()}


def files(store: Store) -> dict[str, int]:
    return {
        str(path.relative_to(store.path)): path.stat().st_mtime_ns
        for path in sorted(store.path.rglob("*"))
        if path.is_file() and "locks" not in path.parts
    }


@pytest.fixture(scope="module")
def planted(plant_traces) -> list[Trace]:
    """Traces whose rows were scored by versions that are long gone."""
    return plant_traces(problems=400, samples=1, seed=5)


@pytest.fixture(scope="module")
def old(planted, tmp_path_factory) -> Store:
    """A store of them in several shards; to be copied, not written to."""
    return fill(tmp_path_factory.mktemp("old") / "store", planted)


@pytest.fixture(scope="module")
def rescored(old, tmp_path_factory) -> Store:
    """The same store brought up to date; not to be written to."""
    store = copy(old, tmp_path_factory.mktemp("rescored"))
    rescore(store)
    return store


def copy(store: Store, folder: Path) -> Store:
    return Store.open(shutil.copytree(store.path, folder / "store"))


def test_rows_get_the_installed_versions_and_a_confidence(rescored):
    versions = {
        (trace.verifier_version, trace.checker_version, trace.calibration_version) for trace in rescored.iter_traces()
    }
    (path,) = (rescored.path / "calibration").glob("*.json")
    calibration = load_calibration(path)
    assert versions == {(VERIFIER_VERSION, CHECKER_VERSION, calibration.version)}
    assert calibration.checker_version == CHECKER_VERSION
    assert calibration.figures.auroc > 0.9
    for trace in rescored.iter_traces():
        assert all(step.confidence is not None for step in trace.steps)
        assert trace.confidence == min(step.confidence for step in trace.steps)
        assert all(step.check.reason != "a digit was planted" for step in trace.steps)


def test_what_was_made_stays_as_it_was(rescored, old):
    found, made = by_id(rescored), by_id(old)
    assert set(found) == set(made) and rescored.frame().height == len(made) > 300
    for trace in made.values():
        for name in MADE:
            assert getattr(found[trace.trace_id], name) == getattr(trace, name), name
        assert [step.span for step in found[trace.trace_id].steps] == [step.span for step in trace.steps]
        assert [step.signals for step in found[trace.trace_id].steps] == [step.signals for step in trace.steps]


def test_older_versions_of_the_store_stay_readable(old, rescored):
    assert list(rescored.iter_traces(old.version())) == list(old.iter_traces())


def test_a_second_run_changes_nothing_at_all(rescored):
    before = files(rescored)
    counts = rescore(rescored)
    assert (counts.stale, counts.rewritten_shards, counts.changes.rows()) == (0, 0, [])
    assert counts.traces == rescored.frame().height
    assert files(rescored) == before


def test_a_new_fit_of_the_same_steps_is_the_same_calibration(rescored, tmp_path):
    store = copy(rescored, tmp_path)
    counts = rescore(store, refit=True)
    assert (counts.stale, store.version()) == (0, rescored.version())
    assert len(list((store.path / "calibration").glob("*.json"))) == 1


def test_derived_columns_follow(rescored):
    frame = rescored.frame()
    lowest = {trace.trace_id: min(step.confidence for step in trace.steps) for trace in rescored.iter_traces()}
    for trace_id, value in frame.select("trace_id", "min_step_confidence").iter_rows():
        assert value == lowest[trace_id]


def test_only_stale_rows_are_scored_anew(rescored, plant_traces, tmp_path):
    store = copy(rescored, tmp_path)
    fresh = plant_traces(problems=20, samples=1, seed=77)
    with store.writer() as writer:
        for trace in fresh:
            writer.add_trace(trace)
    counts = rescore(store)
    assert (counts.stale, counts.rewritten_shards) == (20, 1)
    assert counts.changes.confidences["new"] == sum(len(trace.steps) for trace in fresh)


def test_the_table_says_what_changed(old, tmp_path, planted):
    wrong = planted[0].verdict.model_copy(update={"outcome": Outcome.ERROR})
    store = fill(tmp_path / "other", [planted[0].model_copy(update={"verdict": wrong})])
    counts = rescore(store)
    now = next(iter(store.iter_traces())).verdict.outcome.value
    assert ("verdict", f"error → {now}", 1) in counts.changes.rows()


def test_too_little_gives_no_confidence_and_the_reason(planted, tmp_path):
    store = fill(tmp_path / "store", planted[:5])
    rescore(store)
    for trace in store.iter_traces():
        assert trace.confidence is None and trace.calibration_version is None
        assert (trace.confidence_reason or "").startswith("too little to calibrate this teacher on: ")
        assert "200 are needed" in (trace.confidence_reason or "")
    version = store.version()
    assert rescore(store).stale == 0 and store.version() == version


def test_traces_without_logprobs_say_so_once(make_trace, tmp_path):
    store = fill(tmp_path / "store", [make_trace(sample=number) for number in range(3)])
    assert rescore(store).stale == 3
    assert {trace.confidence_reason for trace in store.iter_traces()} == {NO_LOGPROBS}
    assert rescore(store).stale == 0


def test_a_calibration_of_another_teacher_is_left_alone(planted, tmp_path):
    store = fill(tmp_path / "store", planted[:5])
    foreign = fit([sample_trace(trace) for trace in planted], "f" * 24, planted[0].created_at)
    assert isinstance(foreign, Calibration)
    save_calibration(foreign, store.path / "calibration")
    rescore(store)
    assert {trace.confidence for trace in store.iter_traces()} == {None}


def test_a_calibration_on_older_checks_is_fitted_again(planted, old, tmp_path):
    store = copy(old, tmp_path)
    stale = fit([sample_trace(trace) for trace in planted], planted[0].teacher.family, planted[0].created_at)
    assert isinstance(stale, Calibration) and stale.checker_version == "1"
    save_calibration(stale, store.path / "calibration")
    (version,) = rescore(store).calibrations.values()
    assert version != stale.version
    assert {trace.calibration_version for trace in store.iter_traces()} == {version}


def test_a_calibration_that_was_changed_by_hand_is_refused(rescored, tmp_path):
    store = copy(rescored, tmp_path)
    (path,) = (store.path / "calibration").glob("*.json")
    path.write_text(path.read_text().replace('"wrong": ', '"wrong": 1'))
    with pytest.raises(IntegrityError, match="was changed after it was fitted"):
        rescore(store)


def test_two_at_once_are_refused(rescored, tmp_path):
    store = copy(rescored, tmp_path)
    with store.rewriter(), pytest.raises(StoreError, match="is writing to the store"):
        rescore(store)


def test_a_shard_of_other_rows_is_refused(rescored, tmp_path):
    store = copy(rescored, tmp_path)
    with store.rewriter() as rewriter:
        first, second, *_ = rewriter.files()
        with pytest.raises(StoreError, match="nothing was changed"):
            rewriter.replace(first, rewriter.iter_traces(second))
    assert store.version() == rescored.version()


def test_a_writer_goes_on_while_rows_are_scored_anew(old, plant_traces, tmp_path):
    store = copy(old, tmp_path)
    fresh = plant_traces(problems=10, samples=1, seed=78)
    with store.writer() as writer:
        writer.add_trace(fresh[0])
        rescore(store)
        assert not writer.add_trace(next(iter(old.iter_traces())))
        for trace in fresh[1:]:
            writer.add_trace(trace)
    assert set(by_id(store)) == {*by_id(old), *(trace.trace_id for trace in fresh)}
    assert store.frame().height == len(by_id(store))


@pytest.mark.parametrize(
    "failpoint",
    [
        point if point in (Failpoint.FILE_RENAMED, Failpoint.SHARD_COMMITTED) else pytest.param(point, marks=slow)
        for slow in [pytest.mark.slow]
        for point in PASSED_BY_A_REWRITE
    ],
)
def test_a_kill_costs_nothing(failpoint, old, rescored, tmp_path):
    store = copy(old, tmp_path)
    killed = subprocess.run(
        [sys.executable, "-c", RUN, str(store.path)], env={**os.environ, VARIABLE: f"{failpoint}@2"}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert set(by_id(store)) == set(by_id(old))
    counts = rescore(store)
    assert 0 < counts.stale < counts.traces or failpoint is Failpoint.FILE_HALF_WRITTEN
    assert {name: strip(trace) for name, trace in by_id(store).items()} == {
        name: strip(trace) for name, trace in by_id(rescored).items()
    }
    on_disk = {path.name for path in (store.path / "traces").glob("*.parquet")}
    assert len(on_disk) == len(list((old.path / "traces").glob("*.parquet"))) * 2


def strip(trace: Trace) -> Trace:
    """Without what the clock says."""
    return trace.model_copy(update={"verdict": trace.verdict.model_copy(update={"seconds": 0.0})})


def test_traces_that_were_rolled_out_are_scored_with_it(old, rescored, tmp_path):
    """Values that tell the truth four times in five make confidence better; traces without any keep the signals'."""
    store = copy(rescored, tmp_path)
    rng = random.Random(3)
    found: dict[str, list[Rollout | None]] = {}
    for trace in store.iter_traces():
        if trace.problem.level is not None and trace.problem.level >= 2:
            chances = [0.8 if step.check.outcome is CheckOutcome.HOLDS else 0.2 for step in trace.steps]
            found[trace.trace_id] = [Rollout(sum(rng.random() < chance for _ in range(8)), 8) for chance in chances]
    counts = rescore(store, rollouts=found.get)
    assert counts.stale == len(found)
    calibrations = {one.version: one for one in map(load_calibration, (store.path / "calibration").glob("*.json"))}
    alone, rolled_out = sorted(calibrations.values(), key=lambda one: one.with_rollouts)
    assert rolled_out.with_rollouts and rolled_out.features[-2:] == ("rollout_value", "rollout_drop")
    assert rolled_out.figures.auroc > alone.figures.auroc
    for trace in store.iter_traces():
        wanted = rolled_out if trace.trace_id in found else alone
        assert trace.calibration_version == wanted.version and trace.confidence is not None
    version = store.version()
    assert rescore(store, rollouts=found.get).stale == 0 and store.version() == version
    assert rescore(store).stale == len(found)
    assert {name: strip(trace) for name, trace in by_id(store).items()} == {
        name: strip(trace) for name, trace in by_id(rescored).items()
    }
