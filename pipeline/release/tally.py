"""What is counted while the traces stream into a release, and what the store's frame tells about them."""

# pyarrow.compute makes its functions when it is imported, so that a type checker knows none of them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tracewright.pipeline.release.rows import flat, flat_steps, nested
from tracewright.schemas.release import UNKNOWN, Histogram, TeacherShare
from tracewright.schemas.teacher import TeacherRef
from tracewright.schemas.trace import REQUEST_HASH
from tracewright.schemas.verdict import CheckOutcome, Outcome

MAX_PROMPT_EXAMPLE_CHARS = 4000
CONFIDENCE_BINS = 20
_LENGTH_BINS = 30
"""At most."""

_LOST: dict[str, Callable[[pa.Table], pa.Array]] = {
    "images of the question": lambda traces: _is_filled(nested(traces, "problem", "images")),
    "tests of the answer's code": lambda traces: _is_filled(nested(traces, "problem", "tests")),
    "options of a multiple-choice question": lambda traces: _is_filled(nested(traces, "problem", "choices")),
    "further accepted answers": lambda traces: _is_filled(nested(traces, "problem", "accepted_answers")),
    "the importer's notes": lambda traces: _has_notes(flat(traces["metadata"])),
}
"""What a trace may hold and the columns of a release don't, and how to see it."""


class Tally:
    """Counts over the released traces, and the confidence of every checked step of their teachers."""

    def __init__(self) -> None:
        self.checks: Counter[str] = Counter({outcome.value: 0 for outcome in CheckOutcome})
        self.steps_with_confidence = 0
        self.not_carried: Counter[str] = Counter()
        self.verifier_versions: set[str] = set()
        self.checker_versions: set[str] = set()
        self.calibration_versions: set[str] = set()
        self._teachers: dict[str, TeacherRef] = {}
        self._traces: Counter[str] = Counter()
        self._example: tuple[str, str, str] | None = None
        self._step_confidence = {outcome.value: np.zeros(CONFIDENCE_BINS, np.int64) for outcome in CheckOutcome}
        self._checked: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    @property
    def prompt_example(self) -> str:
        """The prompt of the trace with the lowest id, cut to a length that a card can show."""
        return _shorten(self._example[1]) if self._example else ""

    @property
    def completion_example(self) -> str:
        """The completion of the same trace, cut in the same way."""
        return _shorten(self._example[2]) if self._example else ""

    def step_confidence(self) -> dict[str, Histogram]:
        """The confidence of the released steps, by what their check gave; nothing where no step has any."""
        edges = tuple(place / CONFIDENCE_BINS for place in range(CONFIDENCE_BINS + 1))
        if not self.steps_with_confidence:
            return {}
        return {
            check: Histogram(edges=edges, counts=tuple(bins.tolist())) for check, bins in self._step_confidence.items()
        }

    @property
    def fingerprints(self) -> list[str]:
        """The teachers of the released traces: those with most traces first."""
        return sorted(self._teachers, key=lambda fingerprint: (-self._traces[fingerprint], fingerprint))

    def observe_source(self, traces: pa.Table) -> None:
        """Take the checked steps of any trace of the store, released or not."""
        steps, counts = flat_steps(traces)
        owners = pc.dictionary_encode(nested(traces, "teacher", "fingerprint"))
        of_step = np.repeat(owners.indices.to_numpy(), counts)
        confidence = pc.struct_field(steps, ["confidence"]).to_numpy(zero_copy_only=False).astype(np.float64)
        right, known = _step_truths(traces)
        for place, fingerprint in enumerate(owners.dictionary.to_pylist()):
            mine = known & ~np.isnan(confidence) & (of_step == place)
            self._checked.setdefault(fingerprint, []).append((confidence[mine], right[mine]))

    def observe_released(self, traces: pa.Table) -> None:
        """Count traces that go into the release."""
        if traces.num_rows == 0:
            return
        steps, _ = flat_steps(traces)
        outcomes = pc.struct_field(steps, ["check", "outcome"])
        self.checks.update(_count(outcomes))
        self._observe_confidence(pc.struct_field(steps, ["confidence"]), outcomes)
        self.steps_with_confidence += len(steps) - pc.struct_field(steps, ["confidence"]).null_count
        self.not_carried.update({what: found for what, see in _LOST.items() if (found := _sum(see(traces)))})
        self.verifier_versions.update(_values(traces["verifier_version"]))
        self.checker_versions.update(_values(traces["checker_version"]))
        self.calibration_versions.update(_values(traces["calibration_version"]))
        self._observe_teachers(traces)
        self._observe_prompt(traces)

    def checked_steps(self, fingerprints: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Confidence and whether the step is right, of every checked step of these teachers in the store."""
        parts = [part for fingerprint in fingerprints for part in self._checked.get(fingerprint, [])]
        if not parts:
            return np.empty(0), np.empty(0, bool)
        return np.concatenate([confidence for confidence, _ in parts]), np.concatenate([right for _, right in parts])

    def teacher_shares(self) -> list[TeacherShare]:
        """The released traces by teacher, without calibration."""
        return [TeacherShare(teacher=self._teachers[name], traces=self._traces[name]) for name in self.fingerprints]

    def _observe_teachers(self, traces: pa.Table) -> None:
        fingerprints = nested(traces, "teacher", "fingerprint")
        self._traces.update(_count(fingerprints))
        for fingerprint in set(_values(fingerprints)) - self._teachers.keys():
            place = pc.index(fingerprints, fingerprint).as_py()
            self._teachers[fingerprint] = TeacherRef.model_validate(traces["teacher"][place].as_py())

    def _observe_prompt(self, traces: pa.Table) -> None:
        ids = flat(traces["trace_id"])
        lowest = pc.min(ids).as_py()
        if self._example is None or lowest < self._example[0]:
            place = pc.index(ids, lowest).as_py()
            self._example = (lowest, traces["prompt"][place].as_py(), traces["text"][place].as_py())

    def _observe_confidence(self, confidence: pa.Array, outcomes: pa.Array) -> None:
        for check, bins in self._step_confidence.items():
            values = pc.filter(confidence, pc.equal(outcomes, check)).drop_null().to_numpy(zero_copy_only=False)
            bins += np.histogram(values, bins=CONFIDENCE_BINS, range=(0.0, 1.0))[0]


def count_values(frame: pl.DataFrame, column: str, *, most_frequent_first: bool = True) -> dict[str, int]:
    """How often each value of a column occurs, by frequency or in the frame's order; nulls count as `unknown`."""
    values = frame.select(pl.col(column).cast(pl.String).fill_null(UNKNOWN).alias("value"))
    counted = values.group_by("value", maintain_order=True).len()
    if most_frequent_first:
        counted = counted.sort(["len", "value"], descending=[True, False])
    return dict(counted.iter_rows())


def count_lengths(frame: pl.DataFrame) -> dict[str, Histogram]:
    """How long the traces are: in tokens, or in characters where there are no tokens; and in steps."""
    unit = "tokens" if frame["tokens"].sum() else "chars"
    return {name: _bin(frame[column]) for name, column in ((unit, unit), ("steps", "step_count"))}


def _bin(lengths: pl.Series) -> Histogram:
    """Bins of 1, 2, 5, 10 … from 0."""
    values = lengths.to_numpy()
    most = int(values.max(initial=0))
    widths = (mantissa * 10**power for power in range(12) for mantissa in (1, 2, 5))
    width = next(width for width in widths if width * _LENGTH_BINS > most)
    edges = np.arange(0, most // width + 2) * width
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(np.histogram(values, edges)[0].tolist()))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_PROMPT_EXAMPLE_CHARS else text[:MAX_PROMPT_EXAMPLE_CHARS] + " …"


def _step_truths(traces: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Whether each step is right, and whether that is known: `confidence.step_truth` in columns."""
    steps, counts = flat_steps(traces)
    outcome = pc.struct_field(steps, ["check", "outcome"])
    right = pc.equal(outcome, CheckOutcome.HOLDS.value).to_numpy(zero_copy_only=False)
    known = pc.not_equal(outcome, CheckOutcome.UNCHECKED.value).to_numpy(zero_copy_only=False)
    not_held = np.bincount(np.repeat(np.arange(len(counts)), counts), weights=~right, minlength=len(counts))
    incorrect = pc.equal(nested(traces, "verdict", "outcome"), Outcome.INCORRECT.value).to_numpy(zero_copy_only=False)
    return right, known & ~np.repeat(incorrect & (not_held == 0), counts)


def _count(array: pa.Array) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(array).to_pylist()}


def _values(column: pa.Array | pa.ChunkedArray) -> list[str]:
    return [value for value in pc.unique(column).to_pylist() if value is not None]


def _is_filled(lists: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pc.greater(pc.fill_null(pc.list_value_length(lists), 0), 0)


def _has_notes(maps: pa.MapArray) -> pa.Array:
    """Whether each trace has any pair but the hash of its request, which generation leaves there."""
    is_note = pc.not_equal(maps.keys, REQUEST_HASH).to_numpy(zero_copy_only=False)
    notes_before = np.concatenate([[0], np.cumsum(is_note)])
    return pa.array(np.diff(notes_before[maps.offsets.to_numpy()]) > 0)


def _sum(mask: pa.Array | pa.ChunkedArray) -> int:
    return pc.sum(mask).as_py() or 0
