"""Distributions that a release carries, as the output loss reads them: no teacher has to be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tracewright.distill.data import Lesson
from tracewright.distill.loss_config import OutputConfig
from tracewright.distill.losses import TopDistribution
from tracewright.distill.stored_format import StoredSettings, hash_tokens
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
    settings = StoredSettings.of(read_table(release, config))
    missing = {t for t in list_temperatures(config) if t != 1.0} - set(settings.temperatures)
    if missing:
        has = ", ".join(f"{temperature:g}" for temperature in (1.0, *settings.temperatures))
        raise InputError(
            f"{release.manifest.name}@{release.manifest.version} carries logprobs for the loss temperatures {has}, not "
            f"for {', '.join(f'{temperature:g}' for temperature in sorted(missing))}: set losses.output.temperature to "
            "one of them with schedule: constant, or store the others too"
        )


def read_table(release: Release, config: OutputConfig) -> pa.Table:
    """The stored logprobs of the training split: the file that the config names, or the release's own.

    Raises:
        MissingInputError: there are none.
        IntegrityError: the file can't be read.
    """
    if config.logprobs is None:
        return release.logprobs(_SPLIT)
    if not config.logprobs.exists():
        raise MissingInputError(
            f"{config.logprobs} does not exist, expected a file of stored logprobs: make it with `tracewright teacher "
            "logprobs`, or leave losses.output.logprobs out"
        )
    try:
        return pq.read_table(config.logprobs, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(f"{config.logprobs} can't be read ({error}): make it again") from error


def list_temperatures(config: OutputConfig) -> tuple[float, ...]:
    """All that a run's output loss is measured at."""
    return tuple(config.temperature * factor for factor in config.schedule.factors)


class StoredDistributions:
    """The stored numbers of lessons, found by trace."""

    def __init__(self, table: pa.Table, lessons: Iterable[Lesson], tokenizer_hash: str) -> None:
        """Find every lesson's.

        Raises:
            IntegrityError: a lesson has none, or those of other tokens.
        """
        self._settings = StoredSettings.of(table)
        if self._settings.tokenizer_hash != tokenizer_hash:
            raise InputError(
                f"the stored logprobs are over the tokens of the tokenizer {self._settings.tokenizer_hash}, the "
                f"student has {tokenizer_hash}: train a student of the same tokenizer"
            )
        self._table = table
        places = {trace: place for place, trace in enumerate(table["trace_id"].to_pylist())}
        hashes = table["token_hash"].to_pylist()
        self._places: dict[str, int] = {}
        for lesson in lessons:
            place = places.get(lesson.trace_id)
            if place is None or hashes[place] != hash_tokens(lesson.example.completion):
                found = "none" if place is None else "those of other tokens"
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
        if temperature == 1.0:
            normalisers = np.zeros(len(tokens))
        else:
            temperatures = self._settings.temperatures
            normalisers = self._read("normalisers", rows, len(temperatures))[:, temperatures.index(temperature)]
        return TopDistribution(
            torch.from_numpy(tokens.astype(np.int64)),
            torch.from_numpy(logprobs.astype(np.float32)),
            torch.from_numpy(normalisers.astype(np.float32)),
            temperature,
        )

    def _read(self, column: str, rows: list[int], width: int) -> np.ndarray:
        parts: list[Any] = [self._table[column][row].values.flatten().to_numpy(zero_copy_only=False) for row in rows]
        return np.concatenate(parts).reshape(-1, width)
