"""The int8 grid and the two ways onto it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tracewright.distill.quantize.gptq import round_by_error
from tracewright.distill.quantize.grid import INT4, INT8, SCALE_DTYPE
from tracewright.distill.quantize.linear import quantize_linear

SEEDS = (0, 1, 2, 3)


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def draw_correlated(seed: int, tokens: int, width: int) -> torch.Tensor:
    """Inputs that go together and differ in size, as those of real layers do."""
    return draw(seed, tokens, width // 4) @ draw(seed + 100, width // 4, width) * torch.logspace(-1, 1, width)


def output_error(weight: torch.Tensor, integers: torch.Tensor, scales: torch.Tensor, inputs: torch.Tensor) -> float:
    return float((inputs @ (weight - integers * scales).T).norm())


def test_every_token_has_the_grid_of_its_own_largest_value() -> None:
    x = draw(0, 5, 16) * torch.tensor([1e-6, 1e-2, 1.0, 1e3, 0.0])[:, None]
    quantized = INT8.quantize_activations(x)
    scale = x.abs().amax(dim=1, keepdim=True) / INT8.limit
    assert torch.all((quantized - x).abs() <= scale / 2 * 1.0001)
    assert torch.equal(quantized[4], torch.zeros(16))
    steps = quantized[:4] / scale[:4]
    assert torch.allclose(steps, steps.round(), atol=1e-3) and float(steps.abs().max()) == pytest.approx(INT8.limit)


@pytest.mark.parametrize("seed", SEEDS)
def test_scales_are_stored_without_loss_and_integers_fit_a_byte(seed: int) -> None:
    weight = draw(seed, 24, 32) * torch.logspace(-3, 1, 24)[:, None]
    for scales in (INT8.full_range_scales(weight), INT8.search_scales(weight, torch.rand(32))):
        assert torch.equal(scales, scales.to(SCALE_DTYPE).float())
        assert float(INT8.round_weights(weight, scales).abs().max()) <= INT8.limit


@pytest.mark.parametrize("seed", SEEDS)
def test_searched_ranges_are_never_worse_than_the_full_range(seed: int) -> None:
    weight, importance = draw(seed, 16, 40) ** 3, draw(seed, 40).square() + 0.01

    def error(scales: torch.Tensor) -> torch.Tensor:
        return ((weight - INT8.round_weights(weight, scales) * scales).square() * importance).sum(dim=1)

    assert torch.all(error(INT8.search_scales(weight, importance)) <= error(INT8.full_range_scales(weight)))


def test_an_outlier_that_hardly_matters_is_clipped() -> None:
    weight = draw(7, 8, 64)
    weight[:, 0] = 8.0
    importance = torch.ones(64)
    importance[0] = 1e-7
    assert torch.all(INT8.search_scales(weight, importance) < INT8.full_range_scales(weight))


@pytest.mark.parametrize("seed", SEEDS)
def test_rounding_by_error_beats_rounding_to_the_nearest_on_correlated_inputs(seed: int) -> None:
    weight, inputs = draw(seed, 32, 48), draw_correlated(seed, 400, 48)
    scales = INT8.full_range_scales(weight)
    by_error = round_by_error(INT8, weight, scales, inputs.double().T @ inputs.double())
    assert torch.equal(by_error, by_error.round()) and float(by_error.abs().max()) <= INT8.limit
    nearest = output_error(weight, INT8.round_weights(weight, scales), scales, inputs)
    assert output_error(weight, by_error, scales, inputs) < 0.6 * nearest


def test_rounding_by_error_is_rounding_to_the_nearest_where_inputs_are_independent() -> None:
    weight = draw(3, 16, 20)
    scales = INT8.full_range_scales(weight)
    hessian = torch.diag(torch.linspace(1, 5, 20))
    assert torch.equal(round_by_error(INT8, weight, scales, hessian), INT8.round_weights(weight, scales))


def test_inputs_that_never_vary_are_no_obstacle() -> None:
    weight, inputs = draw(4, 8, 12), draw(5, 100, 12)
    inputs[:, 3] = 0.0
    scales = INT8.full_range_scales(weight)
    integers = round_by_error(INT8, weight, scales, inputs.double().T @ inputs.double())
    assert torch.isfinite(integers).all()


@pytest.mark.parametrize("bias", [True, False])
def test_a_quantized_layer_is_the_better_of_both_and_near_the_original(bias: bool) -> None:
    linear = nn.Linear(48, 32, bias=bias).requires_grad_(False)
    inputs = draw_correlated(9, 300, 48)
    choice = quantize_linear(INT8, linear, inputs)
    wanted = linear(inputs)
    assert choice.error == pytest.approx(float((choice.layer(inputs) - wanted).norm() / wanted.norm()), rel=1e-3)
    assert choice.error <= choice.nearest_error < 0.03
    assert choice.layer.integers_O_I.dtype is torch.int8


@pytest.mark.parametrize("seed", SEEDS)
def test_int4_has_a_scale_for_32_inputs_and_sixteen_numbers(seed: int) -> None:
    weight = draw(seed, 24, 96) * torch.logspace(-2, 1, 3).repeat_interleave(32)
    scales = INT4.search_scales(weight, torch.rand(96))
    integers = INT4.round_weights(weight, INT4.spread(scales, 96))
    assert scales.shape == (24, 3)
    assert (int(integers.min()), int(integers.max())) == (-8, 7)
    error = (weight - integers * INT4.spread(scales, 96)).unflatten(1, (3, 32)).norm(dim=(0, 2))
    assert torch.all(error / weight.unflatten(1, (3, 32)).norm(dim=(0, 2)) < 0.12)


@pytest.mark.parametrize("seed", SEEDS)
def test_int4_rounded_by_error_beats_the_nearest_and_leaves_activations_alone(seed: int) -> None:
    linear = nn.Linear(96, 32, bias=False).requires_grad_(False)
    inputs = draw_correlated(seed, 400, 96)
    choice = quantize_linear(INT4, linear, inputs)
    assert choice.scheme == "gptq" and choice.error < 0.8 * choice.nearest_error
    assert torch.equal(INT4.quantize_activations(inputs), inputs)


@pytest.mark.parametrize("seed", SEEDS)
def test_dropping_weights_by_error_beats_dropping_the_smallest(seed: int) -> None:
    grid = replace(INT8, sparse=True)
    weight, inputs = draw(seed, 32, 48), draw_correlated(seed, 400, 48)
    scales = grid.full_range_scales(weight)
    by_error = round_by_error(grid, weight, scales, inputs.double().T @ inputs.double())
    smallest = grid.round_weights(grid.prune(weight), scales)
    for integers in (by_error, smallest):
        assert (integers.unflatten(1, (-1, 4)) == 0).sum(dim=2).min() >= 2
    assert output_error(weight, by_error, scales, inputs) < 0.95 * output_error(weight, smallest, scales, inputs)


def test_pruning_keeps_the_two_largest_of_each_four() -> None:
    weight = torch.tensor([[1.0, -3.0, 2.0, 0.5, 0.0, 0.0, 4.0, -4.0]])
    assert replace(INT8, sparse=True).prune(weight).tolist() == [[0.0, -3.0, 2.0, 0.0, 0.0, 0.0, 4.0, -4.0]]
    assert INT8.prune(weight) is weight
