"""What a matrix applied over and over leaves of what it was first given."""

from __future__ import annotations

import math

import torch

__all__ = ["isometric", "kept_by"]

Tensor = torch.Tensor
FEWEST, MOST = 8, 4096
"""Units of a recurrence from which a usual draw never forgets in one step, and up to which it is asked."""
DOUBLED = 3
ROUNDING = 1e-4
"""Of products of orthogonal matrices drawn in single precision."""


def kept_by(matrix: Tensor) -> float:
    """|W^8|^(1/8): a step leaves no more of a state; nan for what is not square, or small.

    A bound on what eight steps do, so that delay lines and a few slow modes count whole (eigenvalues of the
    first are 0).
    """
    shape = tuple(matrix.shape)
    if len(shape) != 2 or shape[0] != shape[1] or not FEWEST <= shape[0] <= MOST or matrix.is_complex():
        return math.nan
    power = matrix.detach().double()
    for _ in range(DOUBLED):
        power = power @ power
    return math.pow(float(torch.linalg.matrix_norm(power)), 1 / 2**DOUBLED)


def isometric(matrix: Tensor) -> bool:
    """Whether every square block of rows is orthogonal, or all of them together are, but for rounding."""
    rows, columns = tuple(matrix.shape) if matrix.dim() == 2 else (0, 0)
    if not columns or rows % columns or columns > MOST or matrix.is_complex():
        return False
    blocks = matrix.detach().float().reshape(-1, columns, columns)
    products = blocks.mT @ blocks
    return any(_is_identity(one) for one in (products, products.sum(0, keepdim=True)))


def _is_identity(products: Tensor) -> bool:
    return bool((products - torch.eye(products.shape[-1]).to(products)).abs().max() < ROUNDING)
