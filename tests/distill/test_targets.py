"""The loaded teacher: the one that wrote the release, and its distributions at the places where it wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tracewright.distill.data import Lesson, read_lessons
from tracewright.distill.targets import EMBEDDED, LoadedTeacher, TeacherLogits, check_teacher, load_teacher
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError, MissingInputError


@pytest.fixture(scope="module")
def loaded() -> LoadedTeacher:
    return load_teacher(EMBEDDED)


@pytest.fixture(scope="module")
def lessons(release: Path, loaded: LoadedTeacher) -> tuple[Lesson, ...]:
    return read_lessons(open_release(release), loaded.tokenizer, levels=None, max_tokens=512).lessons[:40]


@pytest.fixture(scope="module")
def targets(loaded: LoadedTeacher, lessons: tuple[Lesson, ...]) -> TeacherLogits:
    return TeacherLogits(loaded, lessons)


def test_logits_are_the_teachers_where_it_wrote_each_token(
    loaded: LoadedTeacher, lessons: tuple[Lesson, ...], targets: TeacherLogits
) -> None:
    for lesson in lessons[::17]:
        tokens = torch.tensor([[*lesson.teacher_prompt, *lesson.example.completion]])
        alone = loaded.model(input_ids=tokens).logits[0, len(lesson.teacher_prompt) - 1 : -1]
        assert torch.allclose(targets.of([lesson]).logits_N_V, alone, atol=2e-4)


def test_the_teacher_finds_the_worked_text_likely(lessons: tuple[Lesson, ...], targets: TeacherLogits) -> None:
    # Shifted by one position either way it would not.
    logits = targets.of(lessons).logits_N_V
    wanted = torch.tensor([token for lesson in lessons for token in lesson.example.completion])
    assert float((logits.argmax(dim=-1) == wanted).float().mean()) > 0.97


def test_a_batch_has_its_lessons_logits_one_after_another(lessons: tuple[Lesson, ...], targets: TeacherLogits) -> None:
    some = [lessons[5], lessons[0], lessons[9]]
    assert torch.equal(targets.of(some).logits_N_V, torch.cat([targets.of([lesson]).logits_N_V for lesson in some]))


def test_logits_that_do_not_fit_into_the_cache_are_asked_for_anew(
    loaded: LoadedTeacher, lessons: tuple[Lesson, ...], targets: TeacherLogits
) -> None:
    some = list(lessons[:12])
    asked = TeacherLogits(loaded, lessons, cache_limit_bytes=1000)
    again = [asked.of(some).rows(slice(None)).logits_N_V for _ in range(2)]
    assert torch.allclose(targets.of(some).logits_N_V, again[0], atol=2e-4)
    assert torch.equal(*again)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("tokenizer_hash", "was written with the tokenizer somebody.*over other tokens; name its teacher under"),
        ("revision", "was written by .* at somebody.*set losses to .trace: 1. to learn from the text alone"),
    ],
)
def test_a_release_by_somebody_else_is_refused_where_outputs_are_learnt(
    loaded: LoadedTeacher,
    tmp_path: Path,
    make_release: Callable[..., Path],
    make_trace: Callable[..., Any],
    field: str,
    message: str,
) -> None:
    traces = [make_trace(f"{n}+1", f"{n}+1={n + 1}\n#### {n + 1}", **{field: "somebody"}) for n in range(9)]
    release = open_release(make_release(tmp_path, traces))
    with pytest.raises(InputError, match=message):
        check_teacher(release, loaded, outputs=True)
    check_teacher(release, loaded, outputs=False)


def test_a_folder_without_safetensors_is_no_teacher(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(MissingInputError, match=r"holds no \*.safetensors file"):
        load_teacher(str(tmp_path))
