"""Attention and hidden state losses against loops in float64, for value and gradient."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from tracewright.distill.losses.attention import cut_map, pool_heads, stretch_map, sum_row_distances
from tracewright.distill.losses.hidden import Measure, Projections, sum_state_distances

TOLERANCE = 1e-5


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def draw_maps(layers: int, heads: int, length: int, seed: int) -> list[torch.Tensor]:
    """Causal maps of one example, as a model gives them."""
    scores = [2 * draw(1, heads, length, length, seed=seed + layer) for layer in range(layers)]
    ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
    return [score.masked_fill(ahead, -torch.inf).softmax(-1) for score in scores]


def close(ours: torch.Tensor, expected: torch.Tensor) -> bool:
    scale = float(expected.abs().max())
    return torch.allclose(ours.double(), expected, rtol=TOLERANCE, atol=TOLERANCE * scale)


@pytest.mark.parametrize(("start", "length"), [(0, 9), (0, 4), (3, 6), (5, 1)])
def test_attention_loss_is_the_sum_over_rows_of_the_pooled_and_renormalised_maps(start: int, length: int) -> None:
    ours = [one.requires_grad_() for one in draw_maps(2, 3, 9, seed=1)]
    theirs = draw_maps(4, 2, 9, seed=7)
    pairs = [(0, 1), (1, 3)]
    student = cut_map(pool_heads(ours, [pair[0] for pair in pairs])[0], start, length)
    teacher = cut_map(pool_heads(theirs, [pair[1] for pair in pairs])[0], start, length)
    loss = sum_row_distances(student, teacher)
    loss.backward()

    dense = [one.detach().double().requires_grad_() for one in ours]
    expected = torch.zeros((), dtype=torch.float64)
    for (own, other), row in itertools.product(pairs, range(start, start + length)):
        a = sum(dense[own][0, head, row, start : start + length] for head in range(3)) / 3
        b = sum(theirs[other][0, head, row, start : start + length].double() for head in range(2)) / 2
        expected = expected + ((a / a.sum() - b / b.sum()) ** 2).sum() / len(pairs)
    expected.backward()
    assert close(loss.detach(), expected.detach())
    for one, reference in zip(ours, dense, strict=True):
        assert one.grad is not None and reference.grad is not None
        assert close(one.grad, reference.grad)


@pytest.mark.parametrize(("source", "length"), [(4, 9), (9, 4), (7, 7), (1, 3)])
def test_a_stretched_map_is_causal_sums_to_one_and_is_bilinear(source: int, length: int) -> None:
    (given,) = draw_maps(1, 1, source, seed=3)
    stretched = stretch_map(given[0], length)
    assert torch.allclose(stretched.sum(-1), torch.ones(1, length))
    assert not stretched.triu(1).any()
    expected = torch.zeros(length, length, dtype=torch.float64)
    for i, j in itertools.product(range(length), range(length)):
        y, x = (i * (source - 1) / max(1, length - 1), j * (source - 1) / max(1, length - 1))
        for a, b in itertools.product(range(source), range(source)):
            weight = max(0.0, 1 - abs(y - a)) * max(0.0, 1 - abs(x - b))
            expected[i, j] += weight * float(given[0, 0, a, b]) * (j <= i)
    assert close(stretched[0], expected / expected.sum(-1, keepdim=True))


@pytest.mark.parametrize("length", [3, 8])
def test_gradients_of_inside_losses_are_those_of_finite_differences(length: int) -> None:
    """In float64, where autograd and differences of the value are two ways to the same number."""
    student = draw_maps(2, 1, 5, seed=1)[0][0].double()
    teacher = draw_maps(2, 1, length, seed=2)[0][0].double()

    def attend(scores: torch.Tensor) -> torch.Tensor:
        return sum_row_distances(stretch_map(scores.softmax(-1).tril(), length), teacher)

    assert torch.autograd.gradcheck(attend, (student.requires_grad_(),))
    projections = Projections(1, 4, 6).double()
    target = draw(1, 3, 6, seed=4).double()
    for measure in ("cosine", "mse"):

        def regress(states: torch.Tensor, measure: Measure = measure) -> torch.Tensor:
            return sum_state_distances(projections([states]), target, measure)

        assert torch.autograd.gradcheck(regress, (draw(3, 4, seed=5).double().requires_grad_(),))


def test_equal_maps_have_no_attention_loss() -> None:
    maps = pool_heads(draw_maps(2, 2, 6, seed=4), [0, 1])[0]
    assert float(sum_row_distances(maps, maps)) == 0.0


@pytest.mark.parametrize("measure", ["cosine", "mse"])
@pytest.mark.parametrize("positions", [1, 5, 17])
def test_hidden_loss_is_the_distance_of_projected_states(measure: Measure, positions: int) -> None:
    torch.manual_seed(0)
    projections = Projections(2, 6, 10)
    states = [draw(positions, 6, seed=seed).requires_grad_() for seed in (1, 2)]
    teacher = draw(2, positions, 10, seed=3)
    loss = sum_state_distances(projections(states), teacher, measure)
    loss.backward()

    expected = torch.zeros((), dtype=torch.float64)
    dense = [state.detach().double().requires_grad_() for state in states]
    for layer, n in itertools.product(range(2), range(positions)):
        weight = projections.matrices[layer].weight
        assert isinstance(weight, torch.Tensor)
        ours, theirs = weight.detach().double() @ dense[layer][n], teacher[layer, n].double()
        cosine = (ours @ theirs) / (ours.norm() * theirs.norm())
        expected = expected + (1 - cosine if measure == "cosine" else ((ours - theirs) ** 2).mean()) / 2
    expected.backward()
    assert close(loss.detach(), expected.detach())
    for state, reference in zip(states, dense, strict=True):
        assert state.grad is not None and reference.grad is not None
        assert close(state.grad, reference.grad)
    assert all(functional.normalize(p, dim=0).isfinite().all() for p in projections.parameters())
