r"""Rounding that makes up for itself (GPTQ: Frantar et al. 2022, arXiv:2210.17323).

Weights are rounded one input after another. The error that a rounded column makes in the layer's output is passed on
to the columns that are still to be rounded, as far as their inputs go together with its own:

.. math:: W_{:, j+1:} \leftarrow W_{:, j+1:} - \frac{W_{:,j} - \hat W_{:,j}}{U_{jj}} U_{j, j+1:},
   \quad H^{-1} = U^\top U, \; H = X^\top X

Inputs with much energy come first, while there are many columns left to make up for them; the order in which the
weights are stored does not change. On a sparse grid columns stay in their places, and when a run of them is reached the
weights go whose loss costs least, :math:`W_{ij}^2 / U_{jj}^2` (SparseGPT: Frantar and Alistarh 2023, arXiv:2301.00774).
"""

from __future__ import annotations

import torch

from tracewright.distill.quantize.grid import SPARSE_RUN, SPARSE_ZEROS, Grid

_DAMPING = 0.01
"""Of the mean input energy, added to each: inputs that never vary make H singular."""


def round_by_error(
    grid: Grid, weight_O_I: torch.Tensor, scales_O_G: torch.Tensor, hessian_I_I: torch.Tensor
) -> torch.Tensor:
    """Integers of the grid, as floating-point numbers, whose output on the calibration inputs is near the weights'.

    Args:
        grid: the integers there are.
        weight_O_I: the weights.
        scales_O_G: the grid's.
        hessian_I_I: XᵀX of the layer's calibration inputs; computed with in float64.
    """
    energy = hessian_I_I.diagonal()
    order = torch.arange(len(energy)) if grid.sparse else energy.argsort(descending=True, stable=True)
    weights = weight_O_I.double()[:, order]
    upper = _invert(hessian_I_I.double()[order][:, order])
    scales = grid.spread(scales_O_G.double(), weights.shape[1])[:, order]
    integers = torch.empty_like(weights)
    kept_O_4 = torch.ones(len(weights), SPARSE_RUN, dtype=torch.bool)
    for column in range(weights.shape[1]):
        place = column % SPARSE_RUN
        if grid.sparse and place == 0:
            run = slice(column, column + SPARSE_RUN)
            kept_O_4 = _choose_kept(weights[:, run], upper.diagonal()[run])
        integers[:, column] = grid.round_weights(weights[:, column], scales[:, column]) * kept_O_4[:, place]
        error = (weights[:, column] - integers[:, column] * scales[:, column]) / upper[column, column]
        weights[:, column + 1 :] -= torch.outer(error, upper[column, column + 1 :])
    return integers[:, order.argsort()].to(weight_O_I.dtype)


def _choose_kept(weights_O_4: torch.Tensor, upper_4: torch.Tensor) -> torch.Tensor:
    """True where a weight of a run stays."""
    dropped = (weights_O_4 / upper_4).abs().topk(SPARSE_ZEROS, dim=1, largest=False).indices
    return torch.ones_like(weights_O_4, dtype=torch.bool).scatter(1, dropped, value=False)


def _invert(hessian: torch.Tensor) -> torch.Tensor:
    """The upper Cholesky factor of the damped inverse."""
    damped = hessian + torch.eye(len(hessian), dtype=hessian.dtype) * (_DAMPING * hessian.diagonal().mean() + 1e-12)
    return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
