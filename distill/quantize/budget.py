"""A budget for what quantizing may change: the layers that cost most stay unquantized until it is met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tracewright.distill.quantization_report import LayerReport
from tracewright.schemas import InputError


@dataclass(frozen=True)
class Quantized:
    """A quantized model, what became of its layers, and how far its output moved."""

    model: Any
    layers: tuple[LayerReport, ...]
    divergence: float
    """Mean KL(unquantized ‖ quantized) per learnt token, in nats."""


def quantize_within(
    budget: float,
    quantize: Callable[[Collection[str]], Quantized],
    original: Any,
    groups: Sequence[tuple[str, ...]],
    measure: Callable[[Any], float],
) -> Quantized:
    """The smallest model whose output moves by at most `budget`.

    Groups of layers are ranked by how much of the divergence goes when one of them alone is put back, for each of its
    parameters; the shortest beginning of that ranking that meets the budget is found by halving. Each trial quantizes
    anew, so that later layers are calibrated on what ships.

    Args:
        budget: of the divergence, in nats a token.
        quantize: names of layers to keep → the model.
        original: the unquantized model.
        groups: layers that can be kept only together.
        measure: a model's divergence from the original.

    Raises:
        InputError: it can't be met with every layer kept.
    """
    found = quantize(())
    if found.divergence <= budget:
        return found
    ranked = _rank(found, original, groups, measure)
    best, enough, too_few = quantize(list(chain(*ranked))), len(ranked), 0
    if best.divergence > budget:
        raise InputError(
            f"a budget of {budget:g} nats a token can't be met: embeddings, head and norms in bfloat16 alone move the "
            f"output by {best.divergence:.1e}, and all layers quantized by {found.divergence:.1e}; give a budget "
            "between the two"
        )
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        tried = quantize(list(chain(*ranked[:middle])))
        if tried.divergence <= budget:
            best, enough = tried, middle
        else:
            too_few = middle
    return best


def _rank(
    found: Quantized, original: Any, groups: Sequence[tuple[str, ...]], measure: Callable[[Any], float]
) -> list[tuple[str, ...]]:
    """The groups, the one first that brings most for each of its parameters when it is put back."""
    gains: dict[tuple[str, ...], float] = {}
    for names in groups:
        paths = [f"model.{name}" for name in names]
        quantized = [found.model.get_submodule(path) for path in paths]
        kept = [original.get_submodule(path) for path in paths]
        _put(found.model, paths, kept)
        gain = found.divergence - measure(found.model)
        _put(found.model, paths, quantized)
        gains[names] = gain / sum(linear.weight.numel() for linear in kept)
    return sorted(gains, key=lambda names: gains[names], reverse=True)


def _put(model: Any, paths: Sequence[str], modules: Sequence[Any]) -> None:
    for path, module in zip(paths, modules, strict=True):
        model.set_submodule(path, module)
