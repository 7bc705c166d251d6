"""The int8 grid and the two ways onto it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tracewright.distill.quantize.gptq import round_by_error
from tracewright.distill.quantize.grid import (
    LIMIT,
    SCALE_DTYPE,
    full_range_scales,
    quantize_activations,
    round_weights,
    search_scales,
)
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
    quantized = quantize_activations(x)
    scale = x.abs().amax(dim=1, keepdim=True) / LIMIT
    assert torch.all((quantized - x).abs() <= scale / 2 * 1.0001)
    assert torch.equal(quantized[4], torch.zeros(16))
    steps = quantized[:4] / scale[:4]
    assert torch.allclose(steps, steps.round(), atol=1e-3) and float(steps.abs().max()) == pytest.approx(LIMIT)


@pytest.mark.parametrize("seed", SEEDS)
def test_scales_are_stored_without_loss_and_integers_fit_a_byte(seed: int) -> None:
    weight = draw(seed, 24, 32) * torch.logspace(-3, 1, 24)[:, None]
    for scales in (full_range_scales(weight), search_scales(weight, torch.rand(32))):
        assert torch.equal(scales, scales.to(SCALE_DTYPE).float())
        assert float(round_weights(weight, scales).abs().max()) <= LIMIT


@pytest.mark.parametrize("seed", SEEDS)
def test_searched_ranges_are_never_worse_than_the_full_range(seed: int) -> None:
    weight, importance = draw(seed, 16, 40) ** 3, draw(seed, 40).square() + 0.01

    def error(scales: torch.Tensor) -> torch.Tensor:
        return ((weight - round_weights(weight, scales) * scales).square() * importance).sum(dim=1)

    assert torch.all(error(search_scales(weight, importance)) <= error(full_range_scales(weight)))


def test_an_outlier_that_hardly_matters_is_clipped() -> None:
    weight = draw(7, 8, 64)
    weight[:, 0] = 8.0
    importance = torch.ones(64)
    importance[0] = 1e-7
    assert torch.all(search_scales(weight, importance) < full_range_scales(weight))


@pytest.mark.parametrize("seed", SEEDS)
def test_rounding_by_error_beats_rounding_to_the_nearest_on_correlated_inputs(seed: int) -> None:
    weight, inputs = draw(seed, 32, 48), draw_correlated(seed, 400, 48)
    scales = full_range_scales(weight)
    by_error = round_by_error(weight, scales, inputs.double().T @ inputs.double())
    assert torch.equal(by_error, by_error.round()) and float(by_error.abs().max()) <= LIMIT
    nearest = output_error(weight, round_weights(weight, scales), scales, inputs)
    assert output_error(weight, by_error, scales, inputs) < 0.6 * nearest


def test_rounding_by_error_is_rounding_to_the_nearest_where_inputs_are_independent() -> None:
    weight = draw(3, 16, 20)
    scales = full_range_scales(weight)
    hessian = torch.diag(torch.linspace(1, 5, 20))
    assert torch.equal(round_by_error(weight, scales, hessian), round_weights(weight, scales))


def test_inputs_that_never_vary_are_no_obstacle() -> None:
    weight, inputs = draw(4, 8, 12), draw(5, 100, 12)
    inputs[:, 3] = 0.0
    scales = full_range_scales(weight)
    integers = round_by_error(weight, scales, inputs.double().T @ inputs.double())
    assert torch.isfinite(integers).all()


@pytest.mark.parametrize("bias", [True, False])
def test_a_quantized_layer_is_the_better_of_both_and_near_the_original(bias: bool) -> None:
    linear = nn.Linear(48, 32, bias=bias).requires_grad_(False)
    inputs = draw_correlated(9, 300, 48)
    choice = quantize_linear(linear, inputs)
    wanted = linear(inputs)
    assert choice.error == pytest.approx(float((choice.layer(inputs) - wanted).norm() / wanted.norm()), rel=1e-3)
    assert choice.error <= choice.nearest_error < 0.03
    assert choice.layer.integers_O_I.dtype is torch.int8
