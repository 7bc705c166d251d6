"""What is learnt of a release: every token that the teacher wrote, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import torch

from tracewright.distill.arithmetic_model import ASSISTANT, END, USER, build_tokenizer
from tracewright.distill.batches import collate
from tracewright.distill.data import TrainingData, read_lessons
from tracewright.distill.learning import Learner, learn_batch
from tracewright.distill.loss_config import TEXT_ONLY
from tracewright.pipeline.release import open_release
from tracewright.schemas import InputError, IntegrityError

TOKENIZER = build_tokenizer()
LONG = 512


def read(release: Path, levels: tuple[int, ...] | None = None, max_tokens: int = LONG) -> TrainingData:
    return read_lessons(open_release(release), TOKENIZER, levels=levels, max_tokens=max_tokens)


class FreeLogits(torch.nn.Module):
    """A model whose logits are its parameters: the gradient of each says whether the loss looks at it."""

    def __init__(self, rows: int, length: int) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.randn(rows, length, len(TOKENIZER)))

        self.head = torch.nn.Linear(len(TOKENIZER), len(TOKENIZER), bias=False).requires_grad_(False)
        torch.nn.init.eye_(self.head.weight)
        self.config = SimpleNamespace(tie_word_embeddings=False)

    def base_model(self, input_ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=self.logits[:, : input_ids.shape[1]])

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.head

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.head


def test_an_example_is_the_prompt_that_an_engine_gives_and_the_text_with_its_end(release: Path) -> None:
    rows = list(open_release(release).iter_rows("train"))
    lessons = read(release).lessons
    assert len(lessons) == len(rows)
    for row, lesson in zip(rows, lessons, strict=True):
        question = row["messages"][0]["content"]
        assert TOKENIZER.decode(lesson.example.prompt) == f"{USER}{question}{ASSISTANT}"
        assert TOKENIZER.decode(lesson.example.completion) == row["completion"] + END
        assert lesson.teacher_prompt == lesson.example.prompt


def test_the_loss_looks_at_exactly_the_positions_before_what_the_teacher_wrote(release: Path) -> None:
    lessons = list(read(release, levels=(1, 3)).lessons[:6])
    batch = collate([lesson.example for lesson in lessons], pad_id=0, multiple=8)
    model = FreeLogits(*batch.tokens_B_L.shape)
    learn_batch(Learner(model, len(TOKENIZER)), lessons, TEXT_ONLY)
    assert model.logits.grad is not None
    touched_B_L = model.logits.grad.abs().sum(dim=-1) > 0
    for row, lesson in enumerate(lessons):
        first, end = len(lesson.example.prompt), len(lesson)
        expected = torch.zeros(batch.tokens_B_L.shape[1], dtype=torch.bool)
        expected[first - 1 : end - 1] = True
        assert torch.equal(touched_B_L[row], expected)


def test_changing_any_one_token_changes_the_loss_where_the_teacher_wrote_it_and_nowhere_else(release: Path) -> None:
    lesson = read(release, levels=(2,)).lessons[0]
    model = FreeLogits(1, 256)
    example = lesson.example

    def measure(prompt: tuple[int, ...], completion: tuple[int, ...]) -> float:
        from dataclasses import replace

        changed = replace(lesson, example=replace(example, prompt=prompt, completion=completion))
        return learn_batch(Learner(model, len(TOKENIZER)), [changed], TEXT_ONLY)["trace"]

    before = measure(example.prompt, example.completion)
    for place in range(len(example)):
        tokens = [*example.prompt, *example.completion]
        tokens[place] = (tokens[place] + 1) % len(TOKENIZER)
        cut = len(example.prompt)
        after = measure(tuple(tokens[:cut]), tuple(tokens[cut:]))
        assert (after != before) == (place >= cut), place


def test_only_rows_of_the_levels_are_learnt_and_the_others_are_counted(release: Path) -> None:
    rows = open_release(release).table("train", columns=["level"])["level"].to_pylist()
    data = read(release, levels=(2,))
    assert len(data.lessons) == rows.count(2)
    assert data.left_out == {"other level": len(rows) - rows.count(2)}


def test_rows_that_are_too_long_are_counted(release: Path) -> None:
    longest = max(len(lesson) for lesson in read(release).lessons)
    data = read(release, max_tokens=longest - 1)
    assert data.left_out["too long"] >= 1
    assert max(len(lesson) for lesson in data.lessons) < longest


def test_rows_are_learnt_with_their_weight_and_not_at_all_without_one(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_release(release)
    rows = opened.table("train").to_pylist()
    for number, row in enumerate(rows):
        row["weight"] = number % 3 / 2
    table = pa.Table.from_pylist(rows)
    monkeypatch.setattr(opened, "iter_rows", lambda split, columns: iter(table.select(columns).to_pylist()))
    data = read_lessons(opened, TOKENIZER, levels=None, max_tokens=LONG)
    assert data.left_out == {"weight 0": -(-len(rows) // 3)}
    assert [lesson.example.weight for lesson in data.lessons] == [r["weight"] for r in rows if r["weight"]]


def test_levels_that_are_not_there_are_refused_with_those_that_are(release: Path) -> None:
    with pytest.raises(InputError, match=r"levels \[7\]; it has levels 1, 2, 3: change `levels`"):
        read(release, levels=(7,))


def test_a_text_that_the_tokenizer_can_not_write_is_refused(
    tmp_path: Path, make_release: Callable[..., Path], make_trace: Callable[..., Any]
) -> None:
    path = make_release(tmp_path, [make_trace(f"{n}+1", f"{n} and 1\n#### {n + 1}") for n in range(20)])
    with pytest.raises(InputError, match=r"no tokens for \(trace [0-9a-f]{24}: 'a'\), expected the tokenizer of its"):
        read(path)


def test_a_damaged_release_is_refused_by_name(damaged: Path) -> None:
    with pytest.raises(IntegrityError, match=r"train-00000-of-00001\.parquet: SHA-256 .* take an intact copy"):
        read(damaged)


def test_the_teachers_own_prompt_is_kept_where_it_is_another(
    tmp_path: Path, make_release: Callable[..., Path], make_trace: Callable[..., Any]
) -> None:
    trace = make_trace("1+1", "1+1=2\n#### 2")
    longer = [trace.model_copy(update={"prompt": f"{USER}9{trace.prompt}", "trace_id": str(n)}) for n in range(4)]
    for lesson in read(make_release(tmp_path, longer)).lessons:
        assert TOKENIZER.decode(lesson.teacher_prompt) == f"{USER}9{USER}1+1{ASSISTANT}"
        assert TOKENIZER.decode(lesson.example.prompt) == f"{USER}1+1{ASSISTANT}"
        assert lesson.taught.completion == lesson.example.completion
