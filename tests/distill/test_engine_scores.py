"""What a teacher's engine says of texts that others wrote, against the same weights loaded here."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from tracewright.distill.data import Lesson, read_lessons
from tracewright.distill.engine_scores import EngineScores
from tracewright.distill.loss_config import OutputConfig
from tracewright.distill.losses import TopDistribution, WholeDistribution
from tracewright.distill.stage_config import OnPolicyConfig
from tracewright.distill.targets import EMBEDDED, LoadedTeacher, TeacherLogits, load_teacher
from tracewright.pipeline.release import open_release
from tracewright.schemas import EngineError, InputError

OUTPUT = OutputConfig(weight=1.0, temperature=1.0)


@pytest.fixture(scope="module")
def teacher() -> LoadedTeacher:
    return load_teacher(EMBEDDED)


@pytest.fixture(scope="module")
def lessons(teacher: LoadedTeacher, release: Path) -> tuple[Lesson, ...]:
    return read_lessons(open_release(release), teacher.tokenizer, levels=None, max_tokens=512).lessons


@pytest.fixture(scope="module")
def wanted(teacher: LoadedTeacher, lessons: tuple[Lesson, ...]) -> torch.Tensor:
    """The loaded teacher's log-probabilities at the learnt positions."""
    return TeacherLogits(teacher, lessons[:4]).of(lessons[:4]).teacher(1.0)


def test_of_a_small_vocabulary_every_token_is_told(
    teacher: LoadedTeacher, lessons: tuple[Lesson, ...], wanted: torch.Tensor, tmp_path: Path
) -> None:
    output = OutputConfig(weight=1.0, temperature=2.0)
    with EngineScores(teacher, OnPolicyConfig(), output, tmp_path / "log") as scores:
        found = scores.ask(lessons[:4])
        assert isinstance(found, WholeDistribution)
        torch.testing.assert_close(found.teacher(1.0), wanted, rtol=0, atol=1e-4)
        again = scores.ask(lessons[:4])
        assert isinstance(again, WholeDistribution)
        assert torch.equal(again.logits_N_V, found.logits_N_V)

        os.kill(scores.pid, signal.SIGKILL)
        replaced = scores.ask(lessons[:4])
        assert isinstance(replaced, WholeDistribution)
        assert torch.equal(replaced.logits_N_V, found.logits_N_V)

        too_long = Lesson(lessons[0].example, lessons[0].teacher_prompt * 100)
        with pytest.raises(EngineError, match="could not score a text"):
            scores.ask([lessons[0], too_long])
        torch.testing.assert_close(scores.ask(lessons[:4]).teacher(1.0), wanted, rtol=0, atol=1e-4)


def test_of_a_large_one_the_likeliest_and_all_others(
    teacher: LoadedTeacher, lessons: tuple[Lesson, ...], wanted: torch.Tensor, tmp_path: Path
) -> None:
    with EngineScores(teacher, OnPolicyConfig(likeliest=3), OUTPUT, tmp_path / "log") as scores:
        found = scores.ask(lessons[:4])
    assert isinstance(found, TopDistribution)
    top = wanted.topk(3)
    torch.testing.assert_close(found.logprobs_N_K, top.values, rtol=0, atol=1e-4)
    rest = 1 - top.values.double().exp().sum(-1)
    torch.testing.assert_close(found.teacher(1.0)[:, -1].exp().double(), rest, rtol=0, atol=1e-4)


def test_a_temperature_that_needs_every_token_is_refused(teacher: LoadedTeacher, tmp_path: Path) -> None:
    output = OutputConfig(weight=1.0, temperature=2.0)
    with pytest.raises(InputError, match=r"at temperature 2, for which the 3 likeliest of 28 tokens do not suffice"):
        EngineScores(teacher, OnPolicyConfig(likeliest=3), output, tmp_path / "log")
