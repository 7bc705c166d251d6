"""Muon in stacks and float32 does what torch's does one by one in bfloat16."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tracewright.distill import optimization
from tracewright.distill.optimization import Muon, orthogonalize

SHAPES = [(64, 32), (32, 64), (64, 32), (48, 48), (64, 32), (1, 8)]
_Weights = list[nn.Parameter]


def make_weights() -> _Weights:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def take_steps(optimizer: torch.optim.Optimizer, weights: _Weights, count: int) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("stacked", [1 << 22, 64 * 32 * 2, 1])
def test_it_takes_the_steps_of_torchs_muon(stacked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimization, "_MAX_STACKED_NUMBERS", stacked)
    ours, theirs, before = make_weights(), make_weights(), make_weights()
    settings = {"lr": 0.02, "weight_decay": 0.01, "momentum": 0.95}
    take_steps(Muon(ours, **settings), ours, 5)
    take_steps(torch.optim.Muon(theirs, **settings), theirs, 5)
    for one, other, start in zip(ours, theirs, before, strict=True):
        moved, wanted = one.detach() - start.detach(), other.detach() - start.detach()
        assert (moved - wanted).norm() < 0.02 * wanted.norm()  # bfloat16 keeps three digits


def test_singular_values_come_near_to_one() -> None:
    matrices = torch.randn(3, 40, 24, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert values.min() > 0.3 and values.max() < 1.3
    assert torch.equal(orthogonalize(matrices)[1:2], orthogonalize(matrices[1:2]))


def test_a_parameter_without_a_gradient_is_left_alone() -> None:
    weights = make_weights()
    before = weights[0].detach().clone()
    optimizer = Muon(weights, lr=0.02)
    weights[1].grad = torch.ones_like(weights[1])
    optimizer.step()
    assert torch.equal(weights[0].detach(), before)
