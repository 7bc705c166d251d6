"""Through a model's layers in order: each is calibrated on what the quantized layers before it give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tracewright.distill.quantization_report import LayerReport
from tracewright.distill.quantize.grid import SPARSE_RUN, Grid
from tracewright.distill.quantize.linear import QuantizedChoice, quantize_linear
from tracewright.schemas import InputError


@dataclass(frozen=True)
class _Call:
    """One batch on its way: what a layer is called with."""

    hidden_B_L_D: torch.Tensor
    settings: dict[str, Any]


class _FirstLayerReached(Exception):  # noqa: N818 - no error: it ends a forward pass that has shown enough
    pass


@torch.no_grad()
def quantize_layers(
    grid: Grid,
    model: Any,
    batches: Sequence[torch.Tensor],
    report: Callable[[int, int], None] = lambda done, total: None,
    kept: Collection[str] = (),
) -> tuple[LayerReport, ...]:
    """Replace the linear layers inside the model's decoder layers by quantized ones, in place.

    Args:
        grid: the numbers that weights become.
        model: a decoder of the Llama family, in float32.
        batches: B × L token ids without padding.
        report: called with linear layers done and all there are.
        kept: names of layers that stay as they are, for example `layers.0.mlp.down_proj`.

    Raises:
        InputError: the model is built otherwise, or the grid's groups do not divide a layer's inputs.
    """
    layers = decoder_layers(model)
    _check_groups(grid, layers)
    total = sum(len(list_linears(layer)) for layer in layers)
    calls = [_reach_first_layer(model, layers[0], batch) for batch in batches]
    reports: list[LayerReport] = []
    for index, layer in enumerate(layers):
        for names in _group_by_input(layer, calls[0]):
            linears = dict(list_linears(layer))
            inputs_N_I = _record_inputs(layer, linears[names[0]], calls)
            for name in names:
                choice = quantize_linear(grid, linears[name], inputs_N_I)
                described = _describe(f"layers.{index}.{name}", linears[name].weight, inputs_N_I, choice)
                if described.name in kept:
                    described = described.model_copy(update={"scheme": "kept", "error": 0.0})
                else:
                    layer.set_submodule(name, choice.layer)
                reports.append(described)
                report(len(reports), total)
        calls = [_pass_on(layer, call) for call in calls]
    return tuple(reports)


@torch.no_grad()
def group_layers(model: Any, batch: torch.Tensor) -> list[tuple[str, ...]]:
    """The names of all linear layers in the order in which they run, those that share an input together.

    Engines put the layers of a group into one product, so that all of a group are quantized or none.
    """
    call = _reach_first_layer(model, decoder_layers(model)[0], batch)
    groups: list[tuple[str, ...]] = []
    for index, layer in enumerate(decoder_layers(model)):
        groups += [tuple(f"layers.{index}.{name}" for name in names) for names in _group_by_input(layer, call)]
        call = _pass_on(layer, call)
    return groups


def decoder_layers(model: Any) -> Sequence[nn.Module]:
    """The model's layers.

    Raises:
        InputError: there are none where the Llama family has them.
    """
    layers = getattr(getattr(model, "model", None), "layers", None)
    if not isinstance(layers, nn.ModuleList) or not layers:
        raise InputError(
            f"received a {type(model).__name__}, expected a decoder with its layers under `model.layers` (Llama, "
            "Mistral, Qwen and the like): other kinds can't be quantized"
        )
    return list(layers)


def _check_groups(grid: Grid, layers: Sequence[nn.Module]) -> None:
    for index, layer in enumerate(layers):
        for name, linear in list_linears(layer):
            if grid.group and linear.in_features % grid.group:
                raise InputError(
                    f"layers.{index}.{name} has {linear.in_features} inputs, expected a multiple of the group size "
                    f"{grid.group} of int{grid.bits}: quantize to int8, or train a student of such a width"
                )
            if grid.sparse and linear.in_features % SPARSE_RUN:
                raise InputError(
                    f"layers.{index}.{name} has {linear.in_features} inputs, expected a multiple of {SPARSE_RUN} for "
                    "2:4 sparsity: leave --sparsity out, or train a student of such a width"
                )


def list_linears(layer: nn.Module) -> list[tuple[str, nn.Linear]]:
    """The linear layers inside a decoder layer that are not quantized yet, with their names."""
    return [(name, module) for name, module in layer.named_modules() if isinstance(module, nn.Linear)]


def _reach_first_layer(model: Any, layer: nn.Module, tokens_B_L: torch.Tensor) -> _Call:
    reached: list[_Call] = []

    def stop(_: nn.Module, args: tuple[Any, ...], settings: dict[str, Any]) -> None:
        reached.append(_Call(args[0], settings))
        raise _FirstLayerReached

    hook = layer.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        model(input_ids=tokens_B_L, use_cache=False)
    except _FirstLayerReached:
        pass
    finally:
        hook.remove()
    return reached[0]


def _group_by_input(layer: nn.Module, call: _Call) -> Iterator[list[str]]:
    """The names of the linear layers in the order in which they run, those that share an input together."""
    seen: list[tuple[str, torch.Tensor]] = []

    def record(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda _, args: seen.append((name, args[0]))

    hooks = [linear.register_forward_pre_hook(record(name)) for name, linear in list_linears(layer)]
    layer(call.hidden_B_L_D, **call.settings)
    for hook in hooks:
        hook.remove()
    while seen:
        shared = seen[0][1]
        yield [name for name, inputs in seen if inputs is shared]
        seen = [(name, inputs) for name, inputs in seen if inputs is not shared]


def _record_inputs(layer: nn.Module, linear: nn.Module, calls: Sequence[_Call]) -> torch.Tensor:
    """N × I inputs of a linear layer over all batches."""
    inputs: list[torch.Tensor] = []
    hook = linear.register_forward_pre_hook(lambda _, args: inputs.append(args[0].flatten(0, -2)))
    for call in calls:
        layer(call.hidden_B_L_D, **call.settings)
    hook.remove()
    return torch.cat(inputs)


def _describe(name: str, weight_O_I: torch.Tensor, inputs_N_I: torch.Tensor, choice: QuantizedChoice) -> LayerReport:
    largest_N = inputs_N_I.abs().amax(dim=1)
    grid, scales_O_G = choice.layer.grid, choice.layer.scales_O_G
    kept = scales_O_G / grid.full_range_scales(weight_O_I)
    return LayerReport(
        name=name,
        scheme=choice.scheme,
        input_range=float(largest_N.max()),
        input_range_99=float(largest_N.kthvalue(max(1, round(0.99 * len(largest_N)))).values),
        weight_range=float(weight_O_I.abs().max()),
        kept_range=float(kept.mean()),
        error=choice.error,
        nearest_error=choice.nearest_error,
    )


def _pass_on(layer: nn.Module, call: _Call) -> _Call:
    """What the next layer is called with."""
    return _Call(_first(layer(call.hidden_B_L_D, **call.settings)), call.settings)


def _first(output: Any) -> torch.Tensor:
    """Layers of some models give a tuple that begins with the hidden states."""
    return output[0] if isinstance(output, tuple) else output
