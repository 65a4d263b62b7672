"""Rows of a matrix that an index takes: how many there are, and how many of them are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from isogain.inspect.looks import Choices
from isogain.torch.measure.sampling import own_array

__all__ = ["of_embedding", "of_index", "of_product", "of_selection", "rows_reached"]

Tensor = torch.Tensor
SAMPLE, PEEK = 4096, 4


def of_index(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Choices | None:
    """Of matrix[index]."""
    index = args[1] if len(args) > 1 else None
    index = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    return _choices(args[0], index) if isinstance(index, Tensor) else None


def of_embedding(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Choices | None:
    """Of embedding(index, matrix)."""
    index, matrix = (args[k] if len(args) > k else kwargs.get(n) for k, n in enumerate(("input", "weight")))
    return _choices(matrix, index)


def of_selection(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Choices | None:
    """Of index_select(matrix, 0, index)."""
    dim, index = (args[k] if len(args) > k else kwargs.get(n) for k, n in ((1, "dim"), (2, "index")))
    return _choices(args[0] if args else kwargs.get("input"), index) if dim == 0 else None


def of_product(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Choices | None:
    """Of (rows that are 1 at one place and 0 elsewhere) @ matrix."""
    rows, matrix = (args[k] if len(args) > k else None for k in (0, 1))
    if not isinstance(rows, Tensor) or rows.dim() != 2 or rows.requires_grad or rows.is_meta:
        return None
    some = rows[:: -(-len(rows) // SAMPLE)] if len(rows) else rows
    one_hot = some.numel() and _one_hot(some[:PEEK]) and _one_hot(some)
    return _choices(matrix, some.argmax(1)) if one_hot else None


def _one_hot(rows: Tensor) -> bool:
    return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(1) == 1).all())


def rows_reached(gradient: Tensor) -> int:
    """Rows of a matrix's gradient that are not all 0."""
    dense = gradient if gradient.layout == torch.strided else gradient.to_dense()
    return int(dense.flatten(1).any(1).sum()) if dense.dim() > 1 else 0


def _choices(matrix: Any, index: Any) -> Choices | None:
    if not isinstance(matrix, Tensor) or not isinstance(index, Tensor) or matrix.dim() != 2:
        return None
    whole = not (index.is_floating_point() or index.is_complex() or index.dtype == torch.bool)
    if not whole or index.is_meta or index.numel() < 2:
        return None
    some = index.detach().reshape(-1)
    some = some[:: -(-len(some) // SAMPLE)]
    return Choices(matrix.shape[0], len(some), len(np.unique(own_array(some))))
