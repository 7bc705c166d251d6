"""Each loss against a dense reference in float64, written out term by term, for value and gradient."""

import itertools
import math

import pytest
import torch

from tracewright.distill.config import LossConfig
from tracewright.distill.losses import combine_losses, output_loss, trace_loss

TEMPERATURES = (0.5, 1.0, 2.0, 3.0)
MASKS = ("all", "some", "one", "none")
SHAPES = ((1, 2, 2), (5, 7, 7), (33, 28, 32))
"""Positions, real tokens, columns."""
CASES = list(itertools.product(TEMPERATURES, MASKS, SHAPES))
TOLERANCE = 1e-5


def draw(positions: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(positions, columns, generator=torch.Generator().manual_seed(seed)) * 4


def choose_positions(mask: str, positions: int) -> torch.Tensor:
    learnt = {"all": lambda n: True, "some": lambda n: n % 3 == 0, "one": lambda n: n == positions - 1}
    return torch.tensor([learnt.get(mask, lambda n: False)(n) for n in range(positions)], dtype=torch.bool)


def softmax(row: list[float], temperature: float) -> list[float]:
    top = max(row)
    powers = [math.exp((value - top) / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def assert_close(ours: torch.Tensor, reference: torch.Tensor) -> None:
    assert torch.allclose(ours.double(), reference, rtol=TOLERANCE, atol=TOLERANCE * 0.1)


@pytest.mark.parametrize(("temperature", "mask", "shape"), CASES)
def test_output_loss_is_the_dense_divergence(temperature: float, mask: str, shape: tuple[int, int, int]) -> None:
    positions, vocabulary, columns = shape
    student, teacher = draw(positions, columns, 1).requires_grad_(), draw(positions, columns, 2)
    learnt = choose_positions(mask, positions)
    ours = output_loss(student[learnt], teacher[learnt], temperature, vocabulary).mean
    ours.backward()

    total, gradient, count = 0.0, torch.zeros(positions, columns, dtype=torch.float64), int(learnt.sum())
    for n in range(positions):
        if learnt[n]:
            p = softmax(teacher[n, :vocabulary].double().tolist(), temperature)
            q = softmax(student[n, :vocabulary].double().tolist(), temperature)
            total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) * temperature**2 / count
            for v, (a, b) in enumerate(zip(p, q, strict=True)):
                gradient[n, v] = temperature * (b - a) / count
    assert_close(ours, torch.tensor(total, dtype=torch.float64))
    assert student.grad is not None
    assert_close(student.grad, gradient)


@pytest.mark.parametrize(("mask", "shape"), list(itertools.product(MASKS, SHAPES)))
def test_trace_loss_is_the_dense_weighted_cross_entropy(mask: str, shape: tuple[int, int, int]) -> None:
    positions, vocabulary, columns = shape
    student = draw(positions, columns, 3).requires_grad_()
    targets = torch.arange(positions) % vocabulary
    weights = torch.linspace(0.25, 2.0, positions)
    learnt = choose_positions(mask, positions)
    ours = trace_loss(student[learnt], targets[learnt], weights[learnt], vocabulary).mean
    ours.backward()

    weight_sum = float(weights[learnt].double().sum())
    total, gradient = 0.0, torch.zeros(positions, columns, dtype=torch.float64)
    for n in range(positions):
        if learnt[n]:
            share = float(weights[n].double()) / weight_sum
            q = softmax(student[n, :vocabulary].double().tolist(), 1.0)
            total -= share * math.log(q[int(targets[n])])
            for v, b in enumerate(q):
                gradient[n, v] = share * (b - (v == int(targets[n])))
    assert_close(ours, torch.tensor(total, dtype=torch.float64))
    assert student.grad is not None
    assert_close(student.grad, gradient)


def test_the_parts_of_a_batch_add_up_to_the_batch() -> None:
    student, teacher = draw(30, 9, 4), draw(30, 9, 5)
    targets, weights = torch.arange(30) % 9, torch.linspace(0.1, 3, 30)
    whole = output_loss(student, teacher, 2.0, 9).mean, trace_loss(student, targets, weights, 9).mean
    cuts = [slice(0, 3), slice(3, 17), slice(17, 30)]
    outputs = [output_loss(student[cut], teacher[cut], 2.0, 9) for cut in cuts]
    traces = [trace_loss(student[cut], targets[cut], weights[cut], 9) for cut in cuts]
    assert_close((outputs[0] + outputs[1] + outputs[2]).mean, whole[0].double())
    assert_close((traces[0] + traces[1] + traces[2]).mean, whole[1].double())


def test_the_size_of_the_output_gradient_does_not_shrink_with_the_temperature() -> None:
    student, teacher = draw(200, 20, 6) / 20, draw(200, 20, 7) / 20
    norms: list[float] = []
    for temperature in (2.0, 8.0):
        logits = student.clone().requires_grad_()
        output_loss(logits, teacher, temperature, 20).mean.backward()
        assert logits.grad is not None
        norms.append(float(logits.grad.norm()))
    assert norms[1] == pytest.approx(norms[0], rel=0.1)


def test_padded_columns_change_nothing() -> None:
    student, teacher = draw(12, 8, 8), draw(12, 8, 9)
    padded = [torch.cat([logits, torch.full((12, 3), 50.0)], dim=1) for logits in (student, teacher)]
    targets, weights = torch.arange(12) % 8, torch.ones(12)
    assert torch.equal(output_loss(*padded, 2.0, 8).total, output_loss(student, teacher, 2.0, 8).total)
    assert torch.equal(trace_loss(padded[0], targets, weights, 8).total, trace_loss(student, targets, weights, 8).total)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = draw(4, 6, 10).requires_grad_(), draw(4, 6, 11).requires_grad_()
    output_loss(student, teacher, 2.0, 6).mean.backward()
    assert teacher.grad is None


def test_a_student_equal_to_its_teacher_has_no_output_loss() -> None:
    logits = draw(9, 6, 12)
    assert float(output_loss(logits, logits, 2.0, 6).mean) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (3.0, 1.0)])
def test_losses_are_combined_by_the_ratio_of_their_weights(weights: tuple[float, float]) -> None:
    student, teacher = draw(10, 6, 13), draw(10, 6, 14)
    targets, ones = torch.arange(10) % 6, torch.ones(10)
    combined = combine_losses(
        LossConfig(trace=weights[0], output=weights[1]), student, targets, ones, teacher, vocabulary=6
    )
    trace = float(trace_loss(student, targets, ones, 6).mean)
    output = float(output_loss(student, teacher, 2.0, 6).mean)
    expected = (weights[0] * trace + weights[1] * output) / sum(weights)
    assert float(combined.total) == pytest.approx(expected, rel=1e-6)
    assert combined.parts["trace"] == pytest.approx(trace)


def test_weights_that_leave_nothing_to_learn_are_refused() -> None:
    with pytest.raises(ValueError, match="give one of them a weight"):
        LossConfig(trace=0.0, output=0.0)
