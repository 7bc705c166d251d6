"""The forward KL from drawn tokens: its mean over all draws, summed exactly, is the dense one; so is its gradient's."""

from __future__ import annotations

import itertools

import pytest
import torch

from tracewright.distill.loss_config import LossConfig
from tracewright.distill.losses import OutputLoss, Positions, SampledDistribution, TokenLosses, measure_tokens

VOCABULARY = 6


def draw(seed: int) -> torch.Tensor:
    return torch.randn(1, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 2


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("drawing", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("samples", [1, 2])
def test_the_mean_over_draws_is_the_forward_kl_and_its_gradient(
    temperature: float, drawing: float, samples: int
) -> None:
    student, teacher = draw(1), draw(2)
    log_p = torch.log_softmax(teacher / temperature, -1)
    log_r = torch.log_softmax(teacher / drawing, -1)
    value, gradient = torch.zeros((), dtype=torch.float64), torch.zeros(1, VOCABULARY, dtype=torch.float64)
    for tokens in itertools.product(range(VOCABULARY), repeat=samples):
        ids = torch.tensor([tokens])
        drawn = SampledDistribution.weighted(ids, log_p.gather(-1, ids), log_r.gather(-1, ids))
        logits = student.clone().requires_grad_()
        positions = Positions(torch.zeros(1, dtype=torch.long), torch.ones(1), drawn)
        losses = TokenLosses(0.0, 1.0, OutputLoss(temperature))
        loss = measure_tokens(logits, torch.eye(VOCABULARY), positions, losses)
        loss.total.backward()
        assert logits.grad is not None
        chance = float(log_r.gather(-1, ids).sum().exp())
        value += chance * float(loss.output)
        gradient += chance * logits.grad.double()

    dense = student.double().requires_grad_()
    p = log_p.double()
    expected = temperature**2 * (p.exp() * (p - torch.log_softmax(dense / temperature, -1))).sum()
    expected.backward()
    assert dense.grad is not None
    assert torch.allclose(value, expected.detach(), rtol=1e-5, atol=1e-6)
    assert torch.allclose(gradient, dense.grad, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_the_teachers_own_text_is_the_cross_entropys() -> None:
    tokens = [3, 0, 5]
    gradients: list[torch.Tensor] = []
    for losses in (TokenLosses(1.0), TokenLosses(0.0, 1.0, OutputLoss(1.0))):
        logits = torch.cat([draw(seed) for seed in (1, 2, 3)]).requires_grad_()
        positions = Positions(torch.tensor(tokens), torch.ones(3), SampledDistribution.drawn(tokens))
        measure_tokens(logits, torch.eye(VOCABULARY), positions, losses).total.backward()
        assert logits.grad is not None
        gradients.append(logits.grad)
    assert torch.allclose(*gradients, atol=1e-7)


@pytest.mark.parametrize("divergence", ["reverse_kl", "jsd"])
def test_other_divergences_are_not_estimated_from_drawn_tokens(divergence: str) -> None:
    with pytest.raises(
        ValueError, match="can't be estimated without bias from tokens that the teacher drew: set diverg"
    ):
        LossConfig.model_validate({"output": {"targets": "sampled", "divergence": divergence}})
