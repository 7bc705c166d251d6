"""Where calibrations are kept: one JSON file each in a store's `calibration/` folder, never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from tracewright.pipeline.confidence.calibrate import Calibration, hash_calibration
from tracewright.pipeline.store.objects import ObjectPath
from tracewright.schemas.errors import InputError, IntegrityError, MissingInputError, StoreError
from tracewright.schemas.teacher import TeacherRef


def save_calibration(calibration: Calibration, folder: Path) -> Path:
    """Write it as `FAMILY-VERSION.json` and give the path; a version that is there is left as it is.

    Raises:
        StoreError: the folder can't be written.
    """
    path = folder / f"{calibration.family}-{calibration.version}.json"
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        if isinstance(path, ObjectPath):
            path.put(calibration.model_dump_json(indent=1).encode())
            return path
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with draft.open("w", encoding="utf-8") as file:
                file.write(calibration.model_dump_json(indent=1))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
    except OSError as error:
        raise StoreError(f"can't write the calibration to {folder}: {error.strerror}; free or unlock it") from error
    return path


def load_calibration(path: Path) -> Calibration:
    """The calibration in a file.

    Raises:
        MissingInputError: there is no such file.
        InputError: the file holds no calibration that this version reads.
        IntegrityError: its content is not what its version says.
    """
    try:
        calibration = Calibration.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise MissingInputError(f"no calibration at {path}: fit one with `tracewright rescore STORE`") from error
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InputError(f"{path} is no calibration ({reason}): remove it and run `tracewright rescore`") from error
    if hash_calibration(calibration) != calibration.version:
        raise IntegrityError(f"{path} was changed after it was fitted: remove it and run `tracewright rescore`")
    return calibration


def find_calibration(folder: Path, teacher: TeacherRef, *, with_rollouts: bool = False) -> Calibration | None:
    """The calibration of this teacher that was fitted last, None where there is none.

    From signals alone, or from signals and rollouts.

    Raises:
        InputError, IntegrityError: as `load_calibration`.
    """
    found = [load_calibration(path) for path in folder.glob(f"{teacher.family}-*.json")]
    fitting = [calibration for calibration in found if calibration.with_rollouts == with_rollouts]
    return max(fitting, key=lambda calibration: (calibration.fitted_at, calibration.version), default=None)
