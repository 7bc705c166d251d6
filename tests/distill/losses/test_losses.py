"""Each loss against a dense reference in float64, written out term by term, for value and gradient."""

import itertools
import math

import pytest
import torch

from tracewright.distill.loss_config import Divergence, LossConfig
from tracewright.distill.losses import (
    Divisors,
    HiddenDistribution,
    Outcomes,
    OutputLoss,
    Positions,
    TokenLoss,
    TokenLosses,
    TopDistribution,
    WholeDistribution,
    measure_tokens,
)

TEMPERATURES = (0.5, 1.0, 2.0, 3.0)
MASKS = ("all", "some", "one", "none")
SHAPES = ((1, 2, 2), (5, 7, 7), (33, 28, 32))
"""Positions, real tokens, columns."""
CASES = list(itertools.product(TEMPERATURES, MASKS, SHAPES))
TOLERANCE = 1e-5
FLOAT32_STEP = 1.2e-7
"""Between neighbouring numbers at 1: no probability near 1 is known better."""
BETA = 0.3


def draw(positions: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(positions, columns, generator=torch.Generator().manual_seed(seed)) * 4


def choose_positions(mask: str, positions: int) -> torch.Tensor:
    learnt = {"all": lambda n: True, "some": lambda n: n % 3 == 0, "one": lambda n: n == positions - 1}
    return torch.tensor([learnt.get(mask, lambda n: False)(n) for n in range(positions)], dtype=torch.bool)


def measure(
    logits: torch.Tensor,
    losses: TokenLosses,
    vocabulary: int,
    teacher: Outcomes | None = None,
    *,
    targets: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    divisors: Divisors | None = None,
    chunk_bytes: int = 2**20,
) -> TokenLoss:
    """The losses of logits: hidden states whose head is the identity."""
    count = logits.shape[0]
    positions = Positions(
        torch.arange(count) % vocabulary if targets is None else targets,
        torch.ones(count) if weights is None else weights,
        teacher,
    )
    head = torch.eye(logits.shape[1])[:vocabulary]
    return measure_tokens(logits, head, positions, losses, divisors=divisors, chunk_bytes=chunk_bytes)


def output_only(temperature: float, divergence: Divergence = Divergence.FORWARD_KL) -> TokenLosses:
    return TokenLosses(0.0, 1.0, OutputLoss(temperature, divergence, BETA))


def log_softmax(row: list[float], temperature: float) -> list[float]:
    top = max(row)
    total = math.log(sum(math.exp((value - top) / temperature) for value in row))
    return [(value - top) / temperature - total for value in row]


def reference(teacher: list[float], student: list[float], temperature: float, divergence: Divergence) -> float:
    """One position's divergence × T², outcome by outcome."""
    total = 0.0
    for a, b in zip(log_softmax(teacher, temperature), log_softmax(student, temperature), strict=True):
        p, q = math.exp(a), math.exp(b)
        m = math.log(BETA * p + (1 - BETA) * q)
        total += {
            Divergence.FORWARD_KL: p * (a - b),
            Divergence.REVERSE_KL: q * (b - a),
            Divergence.JSD: BETA * p * (a - m) + (1 - BETA) * q * (b - m),
        }[divergence]
    return total * temperature**2


def dense(
    teacher: torch.Tensor, student: torch.Tensor, temperature: float, divergence: Divergence
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean over positions and its gradient by autograd, all in float64."""
    logits = student.detach().double().requires_grad_()
    a = torch.log_softmax(teacher.double() / temperature, -1)
    b = torch.log_softmax(logits / temperature, -1)
    m = torch.log(BETA * a.exp() + (1 - BETA) * b.exp())
    forward, reverse = a.exp() * (a - b), b.exp() * (b - a)
    mixed = BETA * a.exp() * (a - m) + (1 - BETA) * b.exp() * (b - m)
    terms = {Divergence.FORWARD_KL: forward, Divergence.REVERSE_KL: reverse, Divergence.JSD: mixed}[divergence]
    loss = terms.sum() * temperature**2 / max(1, len(logits))
    loss.backward()
    assert logits.grad is not None
    return loss.detach(), logits.grad


def assert_close(ours: torch.Tensor, expected: torch.Tensor) -> None:
    scale = float(expected.abs().max()) if expected.numel() else 0.0
    assert torch.allclose(ours.double(), expected, rtol=TOLERANCE, atol=max(TOLERANCE * scale, FLOAT32_STEP))


@pytest.mark.parametrize("divergence", Divergence)
@pytest.mark.parametrize(("temperature", "mask", "shape"), CASES)
def test_output_loss_is_the_dense_divergence(
    temperature: float, mask: str, shape: tuple[int, int, int], divergence: Divergence
) -> None:
    positions, vocabulary, columns = shape
    student, teacher = draw(positions, columns, 1).requires_grad_(), draw(positions, columns, 2)
    learnt = choose_positions(mask, positions)
    wanted = WholeDistribution(teacher[learnt, :vocabulary])
    ours = measure(student[learnt], output_only(temperature, divergence), vocabulary, wanted).output
    total = measure(student[learnt], output_only(temperature, divergence), vocabulary, wanted).total
    total.backward()

    expected, gradient = dense(teacher[learnt, :vocabulary], student[learnt, :vocabulary], temperature, divergence)
    rows = zip(teacher[learnt, :vocabulary].tolist(), student[learnt, :vocabulary].tolist(), strict=True)
    by_hand = sum(reference(t, s, temperature, divergence) for t, s in rows) / max(1, int(learnt.sum()))
    assert float(expected) == pytest.approx(by_hand, rel=1e-9, abs=1e-12)
    assert_close(ours, expected)
    assert_close(total, expected)
    assert student.grad is not None
    assert_close(student.grad[learnt, :vocabulary], gradient)
    assert not student.grad[~learnt].any() and not student.grad[:, vocabulary:].any()


@pytest.mark.parametrize(("mask", "shape"), list(itertools.product(MASKS, SHAPES)))
def test_trace_loss_is_the_dense_weighted_cross_entropy(mask: str, shape: tuple[int, int, int]) -> None:
    positions, vocabulary, columns = shape
    student = draw(positions, columns, 3).requires_grad_()
    targets = torch.arange(positions) % vocabulary
    weights = torch.linspace(0.25, 2.0, positions)
    learnt = choose_positions(mask, positions)
    ours = measure(student[learnt], TokenLosses(1.0), vocabulary, targets=targets[learnt], weights=weights[learnt])
    ours.total.backward()

    weight_sum = float(weights[learnt].double().sum())
    total, gradient = 0.0, torch.zeros(positions, columns, dtype=torch.float64)
    for n in range(positions):
        if learnt[n]:
            share = float(weights[n].double()) / weight_sum
            log_q = log_softmax(student[n, :vocabulary].double().tolist(), 1.0)
            total -= share * log_q[int(targets[n])]
            for v, b in enumerate(log_q):
                gradient[n, v] = share * (math.exp(b) - (v == int(targets[n])))
    assert_close(ours.total, torch.tensor(total, dtype=torch.float64))
    assert student.grad is not None
    assert_close(student.grad, gradient)


@pytest.mark.parametrize("divergence", Divergence)
@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
def test_cutting_into_chunks_changes_nothing(chunk: int, divergence: Divergence) -> None:
    vocabulary, width = 9, 6
    hidden, head = draw(13, width, 4), draw(vocabulary, width, 5)
    teacher_hidden, teacher_head = draw(13, 4, 6), draw(vocabulary, 4, 7)
    losses = TokenLosses(0.4, 0.6, OutputLoss(2.0, divergence, BETA))
    results: list[tuple[torch.Tensor, ...]] = []
    for teacher, size in (
        (WholeDistribution(teacher_hidden @ teacher_head.T), 2**20),
        (HiddenDistribution(teacher_hidden, teacher_head), chunk * vocabulary * 4),
    ):
        states, weight = hidden.clone().requires_grad_(), head.clone().requires_grad_()
        positions = Positions(torch.arange(13) % vocabulary, torch.linspace(0.5, 2, 13), teacher)
        loss = measure_tokens(states, weight, positions, losses, chunk_bytes=size)
        (3 * loss.total).backward()
        assert states.grad is not None and weight.grad is not None
        results.append((loss.total.detach(), loss.trace, loss.output, states.grad, weight.grad))
    for whole, cut in zip(*results, strict=True):
        assert_close(cut, whole.double())


def test_the_parts_of_a_batch_add_up_to_the_batch() -> None:
    student, teacher = draw(30, 9, 4), draw(30, 9, 5)
    targets, weights = torch.arange(30) % 9, torch.linspace(0.1, 3, 30)
    losses = TokenLosses(0.5, 0.5, OutputLoss(2.0))
    whole = measure(student, losses, 9, WholeDistribution(teacher), targets=targets, weights=weights)
    divisors = Divisors(30, float(weights.sum()))
    parts = [
        measure(
            student[cut],
            losses,
            9,
            WholeDistribution(teacher[cut]),
            targets=targets[cut],
            weights=weights[cut],
            divisors=divisors,
        )
        for cut in (slice(0, 3), slice(3, 17), slice(17, 30))
    ]
    assert float(sum(part.total for part in parts)) == pytest.approx(float(whole.total), rel=1e-5)
    assert float(sum(part.output for part in parts)) == pytest.approx(float(whole.output), rel=1e-5)


def test_the_size_of_the_output_gradient_does_not_shrink_with_the_temperature() -> None:
    student, teacher = draw(200, 20, 6) / 20, draw(200, 20, 7) / 20
    norms: list[float] = []
    for temperature in (2.0, 8.0):
        logits = student.clone().requires_grad_()
        measure(logits, output_only(temperature), 20, WholeDistribution(teacher)).total.backward()
        assert logits.grad is not None
        norms.append(float(logits.grad.norm()))
    assert norms[1] == pytest.approx(norms[0], rel=0.1)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = draw(4, 6, 10).requires_grad_(), draw(4, 6, 11).requires_grad_()
    measure(student, output_only(2.0), 6, WholeDistribution(teacher)).total.backward()
    assert teacher.grad is None


@pytest.mark.parametrize("divergence", Divergence)
def test_a_student_equal_to_its_teacher_has_no_output_loss(divergence: Divergence) -> None:
    logits = draw(9, 6, 12).requires_grad_()
    loss = measure(logits, output_only(1.5, divergence), 6, WholeDistribution(logits.detach())).total
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None and float(logits.grad.abs().max()) < 1e-6


@pytest.mark.parametrize("divergence", Divergence)
def test_extreme_logits_give_finite_losses_and_gradients(divergence: Divergence) -> None:
    student = torch.tensor([[300.0, -300.0, 0.0], [-300.0, 300.0, 0.0]]).requires_grad_()
    teacher = torch.tensor([[-300.0, 300.0, 0.0], [-300.0, 300.0, 0.0]])
    loss = measure(student, output_only(1.0, divergence), 3, WholeDistribution(teacher)).total
    loss.backward()
    assert student.grad is not None
    assert torch.isfinite(loss) and torch.isfinite(student.grad).all()


def store(logits: torch.Tensor, k: int, temperature: float) -> TopDistribution:
    """A teacher's distribution as it is stored."""
    logprobs = torch.log_softmax(logits.double(), -1)
    top = logprobs.topk(k)
    normalisers = torch.logsumexp(logprobs / temperature, -1)
    return TopDistribution(top.indices, top.values.float(), normalisers.float(), temperature)


@pytest.mark.parametrize("divergence", Divergence)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("k", [1, 4, 11])
def test_stored_tokens_and_the_rest_are_the_dense_divergence_of_their_buckets(
    temperature: float, k: int, divergence: Divergence
) -> None:
    student, stored = draw(15, 12, 20).requires_grad_(), store(draw(15, 12, 21), k, temperature)
    loss = measure(student, output_only(temperature, divergence), 12, stored).total
    loss.backward()
    logits = student.detach().double().requires_grad_()
    top_p = (stored.logprobs_N_K.double() / temperature - stored.log_normalisers_N[:, None].double()).exp()
    top_q = torch.softmax(logits / temperature, -1).gather(-1, stored.tokens_N_K)
    p, q = (torch.cat([top, (1 - top.sum(-1, keepdim=True)).clamp_min(1e-30)], -1) for top in (top_p, top_q))
    m = BETA * p + (1 - BETA) * q
    mixed = BETA * p * (p / m).log() + (1 - BETA) * q * (q / m).log()
    forward, reverse = p * (p / q).log(), q * (q / p).log()
    terms = {Divergence.FORWARD_KL: forward, Divergence.REVERSE_KL: reverse, Divergence.JSD: mixed}[divergence]
    expected = terms.sum() * temperature**2 / 15
    expected.backward()
    assert student.grad is not None and logits.grad is not None
    assert_close(loss.detach(), expected.detach())
    assert_close(student.grad, logits.grad)


def test_storing_every_token_but_one_is_storing_the_distribution() -> None:
    student, teacher = draw(15, 6, 22) / 4, draw(15, 6, 23) / 4
    stored = measure(student, output_only(2.0), 6, store(teacher, 5, 2.0)).output
    whole = measure(student, output_only(2.0), 6, WholeDistribution(teacher)).output
    assert float(stored) == pytest.approx(float(whole), rel=1e-4)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (3.0, 1.0)])
def test_losses_are_combined_by_the_ratio_of_their_weights(weights: tuple[float, float]) -> None:
    student, teacher = draw(10, 6, 13), WholeDistribution(draw(10, 6, 14))
    losses = TokenLosses.of(LossConfig.of(trace=weights[0], output=weights[1]))
    combined = measure(student, losses, 6, teacher)
    trace = float(measure(student, TokenLosses(1.0), 6).trace)
    output = float(measure(student, output_only(2.0), 6, teacher).output)
    expected = (weights[0] * trace + weights[1] * output) / sum(weights)
    assert float(combined.total) == pytest.approx(expected, rel=1e-6)
    assert float(combined.trace) == pytest.approx(trace)


def test_weights_that_leave_nothing_to_learn_are_refused() -> None:
    with pytest.raises(ValueError, match="give one of them a weight"):
        LossConfig.of(trace=0.0, output=0.0)
