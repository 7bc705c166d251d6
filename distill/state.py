"""A half-trained student on disk: one safetensors file that a killed run goes on from, bit for bit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from tracewright.distill.optimization import Optimizer
from tracewright.distill.processes import like, whole
from tracewright.distill.progress import Position
from tracewright.schemas import InputError, IntegrityError

STATE = "training-state.safetensors"
_RUN = "run"
_MODEL, _OPTIMIZER = "model/", "optimizer/"


def save_state(
    folder: Path, run: str, position: Position, model: nn.Module, optimizer: Optimizer, *, write: bool = True
) -> None:
    """Write the state aside and rename it: after a crash it is the old one or the new one.

    `write`: where a model is spread over processes each of them calls this, and one writes.
    """
    learnt = ((name, value) for name, value in model.named_parameters() if value.requires_grad)
    tensors = {f"{_MODEL}{name}": whole(value.detach()) for name, value in learnt}
    tensors |= {f"{_OPTIMIZER}{name}": value for name, value in optimizer.tensors().items()}
    if not write:
        return
    metadata = {_RUN: run, **{name: repr(value) for name, value in asdict(position).items()}}
    aside = folder / f".{STATE}.{os.getpid()}.partial"
    save_file({name: value.contiguous() for name, value in tensors.items()}, aside, metadata)
    aside.replace(folder / STATE)


def load_state(folder: Path, run: str, model: nn.Module, optimizer: Optimizer) -> Position:
    """Put the saved state into the model and the optimizer; the beginning where there is none.

    Raises:
        InputError: the state is another run's.
        IntegrityError: it can't be read or does not fit the model.
    """
    path = folder / STATE
    if not path.exists():
        return Position()
    try:
        with safe_open(path, "pt") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{path} can't be read ({error}): remove it to train from the beginning") from error
    if metadata.get(_RUN) != run:
        raise InputError(
            f"{path} is a half-trained student of another run ({metadata.get(_RUN)}, expected {run}): its config, "
            f"release or teacher differs. Choose another `out`, or remove {folder} to train from the beginning"
        )
    _restore(path, model, optimizer, tensors, int(metadata["step"]))
    return Position(int(metadata["step"]), int(metadata["tokens"]), float(metadata["seconds"]))


def _restore(
    path: Path, model: nn.Module, optimizer: Optimizer, tensors: Mapping[str, torch.Tensor], steps_done: int
) -> None:
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    saved = {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}
    if {name: p.shape for name, p in parameters.items()} != {name: value.shape for name, value in saved.items()}:
        raise IntegrityError(f"{path} does not fit the student's shape: remove it to train from the beginning")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(like(saved[name].to(parameter.device), parameter))
    rest = {name.removeprefix(_OPTIMIZER): value for name, value in tensors.items() if name.startswith(_OPTIMIZER)}
    optimizer.load_tensors(rest, steps_done)
