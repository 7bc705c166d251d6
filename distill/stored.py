"""What a release carries of its teacher's distributions, as the output loss reads it: no teacher has to be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from tracewright.distill.data import Lesson
from tracewright.distill.loss_config import OutputConfig
from tracewright.distill.losses import SampledDistribution, TopDistribution
from tracewright.distill.stored_format import StoredSettings, hash_tokens
from tracewright.pipeline.decoding.footer import open_by_parquet_types
from tracewright.pipeline.decoding.limits import RefusedError
from tracewright.pipeline.decoding.pages import check_file
from tracewright.pipeline.engines.checkpoint import CheckpointIdentity
from tracewright.pipeline.release import Release
from tracewright.schemas import InputError, IntegrityError, MissingInputError

_SPLIT = "train"


def check_stored(release: Release, config: OutputConfig) -> None:
    """Refuse a release that carries no logprobs, or none for the temperatures that are asked for.

    Raises:
        MissingInputError: it carries none.
        InputError: a temperature's normalisers are missing.
        IntegrityError: the file is damaged.
    """
    _check_temperatures(release, config, list_temperatures(config))


def check_sampled(release: Release, config: OutputConfig) -> None:
    """Refuse drawn tokens that would give a biased estimate.

    Raises:
        InputError: they were not drawn from the teacher's whole distribution; or not at the temperature of the loss,
            and how likely each of them was is not stored.
        IntegrityError: the file of stored logprobs is damaged.
    """
    drawing, temperatures = drawing_temperature(release), list_temperatures(config)
    if set(temperatures) == {drawing}:
        return
    try:
        _check_temperatures(release, config, (*temperatures, drawing))
    except MissingInputError as error:
        others = ", ".join(f"{temperature:g}" for temperature in sorted({*temperatures} - {drawing}))
        raise MissingInputError(
            f"the tokens of {name_release(release)} were drawn at temperature {drawing:g} and are to be learnt at "
            f"{others}: without how likely each was that would be another distribution. Set losses.output.temperature "
            f"to {drawing:g} with schedule: constant, or store logprobs (`tracewright teacher logprobs`) and name the "
            "file under losses.output.logprobs"
        ) from error


def drawing_temperature(release: Release) -> float:
    """At which the release's tokens were drawn from the whole distribution.

    Raises:
        InputError: they were drawn from a part of it, greedily, or in several ways.
    """
    ways = [share.teacher.sampling for share in release.manifest.teachers]
    found = {(way.temperature, way.top_p, way.top_k, way.min_p) for way in ways}
    if len(found) == 1:
        ((temperature, top_p, top_k, min_p),) = found
        if temperature > 0 and (top_p, top_k, min_p) == (1.0, 0, 0.0):
            return temperature
    said = "; ".join(f"temperature {t:g}, top_p {p:g}, top_k {k}, min_p {m:g}" for t, p, k, m in sorted(found))
    raise InputError(
        f"the tokens of {name_release(release)} were drawn with {said or 'unknown settings'}, expected one temperature "
        "above 0 and nothing cut off: other tokens give a biased estimate. Set losses.output.targets to teacher or "
        "stored"
    )


def name_release(release: Release) -> str:
    """NAME@VERSION."""
    return f"{release.manifest.name}@{release.manifest.version}"


def _check_temperatures(release: Release, config: OutputConfig, wanted: Sequence[float]) -> None:
    settings = StoredSettings.of(read_table(release, config))
    missing = {t for t in wanted if t != 1.0} - set(settings.temperatures)
    if missing:
        has = ", ".join(f"{temperature:g}" for temperature in (1.0, *settings.temperatures))
        raise InputError(
            f"{name_release(release)} carries logprobs for the loss temperatures {has}, not "
            f"for {', '.join(f'{temperature:g}' for temperature in sorted(missing))}: set losses.output.temperature to "
            "one of them with schedule: constant, or store the others too"
        )


def read_table(release: Release, config: OutputConfig) -> pa.Table:
    """The stored logprobs of the training split: the file that the config names, or the release's own.

    Raises:
        MissingInputError: there are none.
        IntegrityError: the file can't be read, or asks for too much.
    """
    if config.logprobs is None:
        return release.logprobs(_SPLIT)
    if not config.logprobs.exists():
        raise MissingInputError(
            f"{config.logprobs} does not exist, expected a file of stored logprobs: make it with `tracewright teacher "
            "logprobs`, or leave losses.output.logprobs out"
        )
    try:
        check_file(config.logprobs)
        return open_by_parquet_types(config.logprobs).read()
    except (pa.ArrowException, OSError, RefusedError) as error:
        raise IntegrityError(f"{config.logprobs} can't be read ({error}): make it again") from error


def list_temperatures(config: OutputConfig) -> tuple[float, ...]:
    """All that a run's output loss is measured at."""
    return tuple(config.temperature * factor for factor in config.schedule.factors)


class StoredDistributions:
    """The stored numbers of lessons, found by trace."""

    def __init__(self, table: pa.Table, lessons: Iterable[Lesson], teacher: CheckpointIdentity) -> None:
        """Find every lesson's.

        Raises:
            InputError: they are another teacher's.
            IntegrityError: a lesson has none, or those of other tokens.
        """
        self._settings = StoredSettings.of(table)
        if self._settings.tokenizer_hash != teacher.tokenizer_hash:
            raise InputError(
                f"the stored logprobs are over the tokens of the tokenizer {self._settings.tokenizer_hash}, the "
                f"student has {teacher.tokenizer_hash}: train a student of the same tokenizer"
            )
        if self._settings.teacher_revision != teacher.revision:
            raise InputError(
                f"the stored logprobs are of a teacher at {self._settings.teacher_revision}, the config's is at "
                f"{teacher.revision}: name the teacher that they were made with, or make them again"
            )
        self._table = table
        places = {trace: place for place, trace in enumerate(table["trace_id"].to_pylist())}
        hashes = table["token_hash"].to_pylist()
        self._places: dict[str, int] = {}
        for lesson in lessons:
            place = places.get(lesson.trace_id)
            if place is None or hashes[place] != hash_tokens(lesson.example.completion):
                found = "none" if place is None or hashes[place] is None else "those of other tokens"
                raise IntegrityError(
                    f"trace {lesson.trace_id} has stored logprobs: {found}, expected one for each of the "
                    f"{len(lesson.example.completion)} tokens of its completion: make the release again"
                )
            self._places[lesson.trace_id] = place

    def of(self, lessons: Sequence[Lesson], temperature: float) -> TopDistribution:
        """At a batch's learnt positions, example after example."""
        rows = [self._places[lesson.trace_id] for lesson in lessons]
        tokens = self._read("top_tokens", rows, self._settings.k)
        logprobs = self._read("top_logprobs", rows, self._settings.k)
        normalisers = self._read_normalisers(rows, len(tokens), temperature)
        return TopDistribution(
            torch.from_numpy(tokens.astype(np.int64)),
            torch.from_numpy(logprobs.astype(np.float32)),
            torch.from_numpy(normalisers.astype(np.float32)),
            temperature,
        )

    def drawn(self, lessons: Sequence[Lesson], temperature: float, drawing: float) -> SampledDistribution:
        """The lessons' own tokens, drawn at one temperature and learnt at another."""
        rows = [self._places[lesson.trace_id] for lesson in lessons]
        logprobs = self._read("drawn_logprobs", rows, 1)[:, 0].astype(np.float64)

        def at(wanted: float) -> torch.Tensor:
            scaled = logprobs / wanted - self._read_normalisers(rows, len(logprobs), wanted)
            return torch.from_numpy(scaled.astype(np.float32))[:, None]

        tokens = torch.tensor([token for lesson in lessons for token in lesson.example.completion])[:, None]
        return SampledDistribution.weighted(tokens, at(temperature), at(drawing))

    def _read_normalisers(self, rows: list[int], count: int, temperature: float) -> np.ndarray:
        if temperature == 1.0:
            return np.zeros(count)
        temperatures = self._settings.temperatures
        return self._read("normalisers", rows, len(temperatures))[:, temperatures.index(temperature)]

    def _read(self, column: str, rows: list[int], width: int) -> np.ndarray:
        parts: list[Any] = [self._table[column][row].values.flatten().to_numpy(zero_copy_only=False) for row in rows]
        return np.concatenate(parts).reshape(-1, width)
