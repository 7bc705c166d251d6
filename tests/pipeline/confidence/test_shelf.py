"""Calibrations on disk."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tracewright.pipeline.confidence import (
    Calibration,
    find_calibration,
    fit,
    load_calibration,
    sample_trace,
    save_calibration,
)
from tracewright.schemas import InputError, IntegrityError, MissingInputError, StoreError

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def traces(plant_traces):
    return plant_traces(problems=200, samples=1, seed=3)


@pytest.fixture(scope="module")
def calibration(traces) -> Calibration:
    calibration = fit([sample_trace(trace) for trace in traces], traces[0].teacher.family, NOW)
    assert isinstance(calibration, Calibration)
    return calibration


def test_a_saved_calibration_predicts_to_the_last_bit(calibration, traces, tmp_path):
    path = save_calibration(calibration, tmp_path / "calibration")
    assert path.name == f"{calibration.family}-{calibration.version}.json"
    loaded = load_calibration(path)
    assert loaded == calibration
    signals, chars = [step.signals for step in traces[0].steps], [len(step.text) for step in traces[0].steps]
    assert loaded.predict(signals, chars) == calibration.predict(signals, chars)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_newest_of_a_teacher_is_found(calibration, traces, tmp_path):
    older = calibration.model_copy(update={"fitted_at": NOW - timedelta(days=1)})
    newer = fit([sample_trace(trace) for trace in traces[:180]], calibration.family, NOW + timedelta(days=1))
    assert isinstance(newer, Calibration)
    for one in (newer, older):
        save_calibration(one, tmp_path)
    teacher = traces[0].teacher
    assert find_calibration(tmp_path, teacher) == newer
    other = teacher.model_copy(update={"model": "another"})
    assert find_calibration(tmp_path, other) is None
    assert find_calibration(tmp_path / "missing", teacher) is None


def test_another_seed_is_the_same_teacher_to_a_calibration(calibration, traces, tmp_path):
    save_calibration(calibration, tmp_path)
    teacher = traces[0].teacher
    seeded = teacher.model_copy(update={"sampling": teacher.sampling.model_copy(update={"seed": 7})})
    warmer = teacher.model_copy(update={"sampling": teacher.sampling.model_copy(update={"temperature": 0.3})})
    assert find_calibration(tmp_path, seeded) == calibration
    assert find_calibration(tmp_path, warmer) is None


def test_a_changed_number_is_found(calibration, tmp_path):
    path = save_calibration(calibration, tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["figures"]["auroc"] = 0.999
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(IntegrityError, match="was changed after it was fitted"):
        load_calibration(path)


def test_a_file_that_is_no_calibration_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"format": "something else"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.json is no calibration"):
        load_calibration(path)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(MissingInputError, match="tracewright rescore"):
        load_calibration(tmp_path / "none.json")


def test_a_folder_that_cannot_be_made_is_a_store_error(calibration, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="can't write the calibration"):
        save_calibration(calibration, tmp_path / "file" / "calibration")
