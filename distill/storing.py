"""Asking a teacher once for the logprobs of all that a release teaches, so that no training has to load it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tracewright.distill.data import Lesson, read_lessons
from tracewright.distill.stored_format import StoredSettings, TraceLogprobs, measure_logprobs, write_logprobs
from tracewright.distill.targets import TeacherLogits, check_teacher, load_teacher
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError

_BATCH_SIZE = 32


def store_logprobs(
    release_dir: Path,
    teacher_name: str,
    out: Path,
    *,
    k: int,
    temperatures: Sequence[float],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write the logprobs of the release's training split to `out`; gives the number of traces.

    Args:
        release_dir: the release.
        teacher_name: its teacher: a folder, a hub name, or `embedded`.
        out: the file; written aside and renamed.
        k: how many of the likeliest tokens are kept at each place.
        temperatures: the loss temperatures that will be learnt at; 1 always can.
        report: told how many traces are done, of how many.

    Raises:
        InputError: the teacher did not write the release, or knows fewer tokens than k.
        IntegrityError: the release is damaged.
    """
    release, teacher = open_release(release_dir), load_teacher(teacher_name)
    check_teacher(release, teacher, outputs=True)
    if k >= teacher.vocabulary:
        raise InputError(
            f"k is {k}, but {teacher_name} has {teacher.vocabulary} tokens; expected fewer than all of them: the rest "
            f"has a bucket of its own. Ask for {teacher.vocabulary - 1} at most"
        )
    limit = int(teacher.config.max_position_embeddings)
    lessons = read_lessons(release, teacher.tokenizer, levels=None, max_tokens=limit).lessons
    wanted = tuple(sorted({temperature for temperature in temperatures if temperature != 1.0}))
    identity = teacher.identity
    settings = StoredSettings(k, wanted, identity.tokenizer_hash, teacher.vocabulary, identity.revision)
    logits = TeacherLogits(teacher, (), cache_limit_bytes=0)
    aside = out.with_name(f".{out.name}.{os.getpid()}.partial")
    write_logprobs(aside, _measure(logits, lessons, settings, report), settings)
    aside.replace(out)
    return len(lessons)


def _measure(
    logits: TeacherLogits, lessons: Sequence[Lesson], settings: StoredSettings, report: Callable[[int, int], None]
) -> Iterator[TraceLogprobs]:
    for start in range(0, len(lessons), _BATCH_SIZE):
        some = lessons[start : start + _BATCH_SIZE]
        hidden, first = logits.ask(some), 0
        for lesson in some:
            tokens = lesson.example.completion
            rows = hidden.rows(slice(first, first + len(tokens))).logits_N_V
            first += len(tokens)
            yield measure_logprobs(lesson.trace_id, tokens, rows, settings)
        report(min(start + _BATCH_SIZE, len(lessons)), len(lessons))
