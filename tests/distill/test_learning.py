"""One batch, learnt whole, in parts, or packed: the same numbers and the same gradients."""

from __future__ import annotations

import itertools
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tracewright.distill.batches import IGNORED, pack
from tracewright.distill.config import CurriculumConfig, StudentShape, TrainingConfig
from tracewright.distill.data import Lesson, read_lessons
from tracewright.distill.insides import LayerPairs, TeacherInsides
from tracewright.distill.learning import Learner, Taught, Totals, lay_out, learn_batch
from tracewright.distill.lesson_order import draw_batches, order_by_difficulty
from tracewright.distill.loss_config import LossConfig, TraceConfig
from tracewright.distill.step_weights import weigh_tokens
from tracewright.distill.student import build_student
from tracewright.distill.targets import EMBEDDED, LoadedTeacher, TeacherLogits, load_teacher
from tracewright.pipeline.release import open_release

LOSSES = LossConfig.model_validate({"output": 0.4, "attention": 0.2, "hidden": 0.2, "trace": 0.2})
SHAPE = StudentShape(layers=2, hidden_size=32, intermediate_size=64)


@pytest.fixture(scope="module")
def teacher() -> LoadedTeacher:
    return load_teacher(EMBEDDED)


@pytest.fixture(scope="module")
def lessons(release: Path, teacher: LoadedTeacher) -> tuple[Lesson, ...]:
    found = read_lessons(open_release(release), teacher.tokenizer, levels=(1, 3), max_tokens=512).lessons[:9]
    system = tuple(teacher.tokenizer.encode("<|user|>1", add_special_tokens=False))
    return (*found[:6], *(replace(one, teacher_prompt=(*system, *one.teacher_prompt)) for one in found[6:]))


def learn(
    teacher: LoadedTeacher,
    lessons: tuple[Lesson, ...],
    parts: int,
    *,
    packing: bool = False,
    losses: LossConfig = LOSSES,
) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """The losses of the lessons in so many parts, and the gradients of everything that learns."""
    student: Any = build_student(teacher.config, SHAPE, seed=1)
    student.set_attn_implementation("eager")
    pairs = LayerPairs.of(losses, SHAPE.layers, 4)
    torch.manual_seed(5)
    learner = Learner(student, teacher.vocabulary, pairs, 128)
    logits, insides = TeacherLogits(teacher, lessons), TeacherInsides(teacher, pairs, losses.attention)
    totals, sums = Totals.of(lessons, losses), dict[str, float]()
    size = -(-len(lessons) // parts)
    for start in range(0, len(lessons), size):
        some = lessons[start : start + size]
        taught = Taught(logits.of(some), insides.of(some))
        for name, value in learn_batch(learner, some, losses, taught, totals=totals, packing=packing).items():
            sums[name] = sums.get(name, 0.0) + value
    return sums, {name: p.grad.clone() for name, p in learner.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("parts", "packing"), [(1, True), (3, False), (2, True), (9, False)])
def test_parts_and_packing_change_neither_losses_nor_gradients(
    teacher: LoadedTeacher, lessons: tuple[Lesson, ...], parts: int, packing: bool
) -> None:
    whole, gradients = learn(teacher, lessons, 1)
    assert whole.keys() == {"trace", "output", "attention", "hidden"}
    again, others = learn(teacher, lessons, parts, packing=packing)
    assert again == pytest.approx(whole, rel=1e-5)
    for name, gradient in gradients.items():
        assert torch.allclose(others[name], gradient, rtol=1e-3, atol=1e-5 * float(gradient.abs().max())), name


@pytest.mark.parametrize("measure", ["cosine", "mse"])
def test_what_is_learnt_from_insides_is_what_loops_over_single_lessons_in_float64_say(
    teacher: LoadedTeacher, lessons: tuple[Lesson, ...], measure: str
) -> None:
    losses = LossConfig.model_validate({"attention": 0.75, "hidden": {"weight": 0.25, "measure": measure}})
    found, gradients = learn(teacher, lessons, 3, losses=losses)

    student: Any = build_student(teacher.config, SHAPE, seed=1)
    student.set_attn_implementation("eager")
    pairs = LayerPairs.of(losses, SHAPE.layers, 4)
    torch.manual_seed(5)
    learner = Learner(student, teacher.vocabulary, pairs, 128).double()
    examiner = deepcopy(teacher.model).double()
    examiner.set_attn_implementation("eager")
    maps, states, rows = list[torch.Tensor](), list[torch.Tensor](), 0
    for lesson in lessons:
        prompts = lesson.example.prompt, lesson.teacher_prompt
        own, its = (
            model(
                torch.tensor([[*prompt, *lesson.example.completion]]), output_attentions=True, output_hidden_states=True
            )
            for model, prompt in zip((student, examiner), prompts, strict=True)
        )
        i, j = (len(prompt) - 1 for prompt in prompts)
        length = len(lesson.example.completion)
        first, other, count = (0, 0, len(lesson)) if i == j else (i, j, length)
        for (s, t), row in itertools.product(pairs.attention, range(count)):
            a = own.attentions[s][0, :, first + row, first : first + count].mean(0)
            b = its.attentions[t][0, :, other + row, other : other + count].mean(0)
            maps.append(((a / a.sum() - b / b.sum()) ** 2).sum() / len(pairs.attention))
        for (number, (s, t)), place in itertools.product(enumerate(pairs.hidden), range(length)):
            assert learner.projections is not None
            matrix: Any = learner.projections.matrices[number].weight
            a, b = matrix @ own.hidden_states[s + 1][0, i + place], its.hidden_states[t + 1][0, j + place]
            distance = 1 - a @ b / (a.norm() * b.norm()) if measure == "cosine" else ((a - b) ** 2).mean()
            states.append(distance / len(pairs.hidden))
        rows += count
    attention = torch.stack(maps).sum() / rows
    hidden = torch.stack(states).sum() / sum(len(lesson.example.completion) for lesson in lessons)
    (0.75 * attention + 0.25 * hidden).backward()
    assert found["attention"] == pytest.approx(attention.item(), rel=1e-5)
    assert found["hidden"] == pytest.approx(hidden.item(), rel=1e-5)
    for name, parameter in learner.named_parameters():
        if parameter.grad is not None and parameter.grad.any():
            scale = 1e-5 * float(parameter.grad.abs().max())
            assert torch.allclose(gradients[name].double(), parameter.grad, rtol=1e-5, atol=scale), name


def test_stretched_maps_are_learnt_too(teacher: LoadedTeacher, lessons: tuple[Lesson, ...]) -> None:
    stretched = LossConfig.model_validate({"attention": {"unequal": "interpolate"}})
    cut, _ = learn(teacher, lessons, 1, losses=LossConfig.of(attention=1.0))
    found, gradients = learn(teacher, lessons, 1, losses=stretched)
    assert found["attention"] != cut["attention"] and all(g.isfinite().all() for g in gradients.values())


def test_capped_maps_look_at_the_first_tokens_alone(teacher: LoadedTeacher, lessons: tuple[Lesson, ...]) -> None:
    capped = LossConfig.model_validate({"attention": {"max_tokens": 5, "layers": [[1, 0]]}})
    one = lessons[0]
    changed = replace(one, example=replace(one.example, completion=(*one.example.completion[:-2], 3, 3)))
    values = [learn(teacher, (lesson,), 1, losses=capped)[0]["attention"] for lesson in (one, changed)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_packed_rows_are_full_and_keep_order_and_labels(lessons: tuple[Lesson, ...]) -> None:
    examples = [lesson.example for lesson in lessons]
    longest = max(map(len, examples))
    batch = pack(examples, pad_id=0, capacity=2 * longest)
    assert batch.tokens_B_L.shape[0] < len(examples) and batch.tokens_B_L.shape[1] <= 2 * longest
    wanted = [token for example in examples for token in example.completion]
    assert batch.labels_B_L[batch.labels_B_L != IGNORED].tolist() == wanted
    for example, (row, start) in zip(examples, batch.places, strict=True):
        tokens = batch.tokens_B_L[row, start : start + len(example)].tolist()
        assert tuple(tokens) == (*example.prompt, *example.completion)


def test_in_a_packed_row_no_token_moves_another_examples_states(
    teacher: LoadedTeacher, lessons: tuple[Lesson, ...]
) -> None:
    student: Any = build_student(teacher.config, SHAPE, seed=1)
    student.set_attn_implementation("eager")
    pair = [lessons[0], lessons[1]]
    changed = [replace(pair[0], example=replace(pair[0].example, prompt=(9, *pair[0].example.prompt[1:]))), pair[1]]
    states: list[torch.Tensor] = []
    for some in (pair, changed):
        batch = lay_out(some, packing=True)
        row, start = batch.places[1]
        given = student.base_model(
            input_ids=batch.tokens_B_L, attention_mask=batch.attention_mask(), position_ids=batch.positions_B_L
        )
        states.append(given.last_hidden_state[row, start : start + len(some[1])])
    assert torch.equal(*states)


STEPS = [
    {"text": "1+1=2;", "span": {"start": 0, "end": 6}, "confidence": 0.5, "check": "holds", "label": None},
    {"text": "2+2=5;", "span": {"start": 7, "end": 13}, "confidence": 0.9, "check": "fails", "label": None},
    {"text": "3+1=4", "span": {"start": 14, "end": 19}, "confidence": None, "check": "holds", "label": -1},
]
TEXT = "1+1=2;\n2+2=5;\n3+1=4\n#### 4"
SPANS = [(i, i + 1) for i in range(len(TEXT))]


def test_steps_count_by_confidence_and_wrong_ones_not_at_all() -> None:
    weights = weigh_tokens(TEXT, SPANS, STEPS, TraceConfig(confidence=True, checks=True))
    assert weights[:6] == (0.5,) * 6 and weights[7:13] == (0.0,) * 6 and weights[14:19] == (0.0,) * 5
    assert weights[19:] == (1.0,) * 8
    assert weigh_tokens(TEXT, SPANS, STEPS, TraceConfig(confidence=True))[14:19] == (1.0,) * 5
    assert set(weigh_tokens(TEXT, SPANS, STEPS, TraceConfig())) == {1.0}


def test_boundaries_and_the_answers_line_count_as_they_are_told() -> None:
    weights = weigh_tokens(TEXT, SPANS, STEPS, TraceConfig(boundary=3.0, format=5.0))
    assert [weights[place] for place in (0, 1, 6, 7, 13, 14)] == [3.0, 1.0, 3.0, 3.0, 3.0, 3.0]
    assert weights[20:] == (*((15.0,) * 6), 5.0)


def test_a_curriculum_begins_with_the_easy_lessons_and_ends_with_all(lessons: tuple[Lesson, ...]) -> None:
    many = [replace(lessons[n % 9], trace_id=str(n), level=n % 3 + 1, confidence=n / 99) for n in range(99)]
    curriculum = CurriculumConfig(start=0.2, full_at=0.5)
    ordered = order_by_difficulty(many, curriculum)
    assert [lesson.level for lesson in ordered] == [1] * 33 + [2] * 33 + [3] * 33
    assert ordered[0].confidence == max(one.confidence or 0 for one in many if one.level == 1)
    config = TrainingConfig(steps=4096, batch_size=4, curriculum=curriculum)
    batches = [batch for _, batch in zip(range(4096), draw_batches(many, config, 0), strict=False)]
    early = {lesson.trace_id for batch in batches[:256] for lesson in batch}
    late = {lesson.trace_id for batch in batches[2560:] for lesson in batch}
    assert len(early) < 50 and len(late) == 99
    resumed = draw_batches(many, config, 1000)
    assert next(resumed) == batches[1000]


def test_layers_in_bfloat16_give_the_losses_of_float32_but_for_rounding(
    teacher: LoadedTeacher, lessons: tuple[Lesson, ...]
) -> None:
    parts: list[dict[str, float]] = []
    for in_bfloat16 in (False, True):
        student: Any = build_student(teacher.config, SHAPE, seed=1)
        learner = Learner(student, teacher.vocabulary, in_bfloat16=in_bfloat16)
        losses, taught = LossConfig.of(output=0.5, trace=0.5), Taught(TeacherLogits(teacher, lessons).of(lessons))
        parts.append(learn_batch(learner, lessons, losses, taught))
        assert all(p.dtype is p.grad.dtype is torch.float32 for p in student.parameters() if p.grad is not None)
    assert parts[1] != parts[0] and parts[1] == pytest.approx(parts[0], rel=0.02)
