"""What the rows of weights have in common, of many weights of one shape at once: twins, and right angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from isogain.torch.measure.sampling import own_array

__all__ = ["are_orthogonal", "equal_rows", "is_orthogonal", "plainly_different"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]


def is_orthogonal(matrix: Tensor) -> bool:
    """Whether rows (or columns, if there are fewer) are orthogonal and of one length: 8 of them tell.

    Between independent rows of length n a cosine is about 1 / sqrt(n); 28 of them below a tenth of that
    do not happen by chance.
    """
    return are_orthogonal([matrix])[0]


def are_orthogonal(matrices: Sequence[Tensor]) -> list[bool]:
    """Which of several matrices of one shape are."""
    short = [one if one.shape[0] <= one.shape[1] else one.T for one in matrices]
    count, width = short[0].shape
    if count < 4 or width < 8 or short[0].is_complex():
        return [False] * len(matrices)
    some = torch.stack([one.detach()[:: max(count // 8, 1)][:8] for one in short])
    rows = some.float().cpu().double()
    gram = (rows @ rows.mT).numpy()
    sizes = np.sqrt(gram.diagonal(axis1=1, axis2=2))
    with np.errstate(all="ignore"):
        cosines = np.abs(gram / sizes[:, :, None] / sizes[:, None])
    cosines[:, range(sizes.shape[1]), range(sizes.shape[1])] = 0.0
    even = (sizes > 0).all(1) & (sizes.max(1) <= 1.05 * sizes.min(1))
    return (even & (cosines.max((1, 2)) < 0.1 / math.sqrt(width))).tolist()  # type: ignore[no-any-return]


def plainly_different(parameters: Sequence[Tensor], axis: int) -> list[bool]:
    """Of parameters of one shape, whether the first weights of all units along an axis differ."""
    place = tuple(slice(None) if k == axis else 0 for k in range(parameters[0].dim()))
    firsts = torch.stack([one.detach()[place] for one in parameters])
    firsts = firsts.real if firsts.is_complex() else firsts
    order = np.sort(firsts.float().numpy(force=True), 1)
    return (order[:, 1:] != order[:, :-1]).all(1).tolist()  # type: ignore[no-any-return]


def equal_rows(rows: Tensor, bias: Tensor | None) -> list[Sequence[int]]:
    """Groups of rows that are equal, with equal biases; four columns sort out almost all."""
    keys = rows[:, :: max(rows.shape[1] // 4, 1)][:, :4]
    keys = torch.view_as_real(keys).flatten(1) if keys.is_complex() else keys.float()
    if bias is not None and bias.numel() == rows.shape[0]:
        keys = torch.cat([keys, bias.detach().reshape(-1, 1).float()], dim=1)
    _, group, count = np.unique(own_array(keys), axis=0, return_inverse=True, return_counts=True)
    found: list[Sequence[int]] = []
    for place in np.flatnonzero(count > 1):
        bucket = np.flatnonzero(group.reshape(-1) == place).tolist()
        equal = (rows[bucket] == rows[bucket[0]]).all(dim=1).tolist()
        same = [index for index, one in zip(bucket, equal, strict=True) if one]
        found += [same] if len(same) > 1 else []
    return found
