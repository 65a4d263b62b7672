"""Whole matrices on the device: normals by the kernel, the product of their reflectors by its own LAPACK."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad

from isogain.core.values.distributions import StructuredLaw
from isogain.drawing import engine
from isogain.drawing.key import Key
from isogain.drawing.native import CACHED
from isogain.drawing.recipe import Recipe
from isogain.drawing.regions import Region
from isogain.torch.device import launch

__all__ = ["built", "copy_part"]

Tensor = torch.Tensor


def built(law: StructuredLaw, normal: Recipe, key: Key, device: torch.device) -> Any:
    """The whole construction, or None where it is NumPy's and cannot take the device's normals.

    Stretches of normals for a matrix that the host's kernel would make are the host's, and so are its bits.
    """

    def normals(first: int, count: int) -> Any:
        region = Region((first + count,), (first,), (first + count,))
        if count * normal.dtype.working.itemsize <= CACHED:
            values = np.empty(count, normal.dtype.working)
            engine.fill(values, key, normal, region)
            return values
        out = torch.empty(count, dtype=getattr(torch, normal.dtype.name), device=device)
        launch.fill(out, key, normal, region)
        return out.as_subclass(_Array)

    try:
        with device:
            return law.build(normals)
    except (TypeError, NotImplementedError):
        return None


def copy_part(whole: Any, region: Region, part: Tensor) -> None:
    """The region of it into the tensor, rounded once."""
    cut = whole[region.slices]
    part.copy_(torch.from_numpy(cut) if isinstance(cut, np.ndarray) else cut.as_subclass(Tensor))


class _Array(Tensor):
    """A tensor that the constructions of `isogain.core` can work on as on an array."""

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return _Functions()

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("NumPy cannot read the device's memory")

    astype = __array__

    def transpose(self, *axes: Any) -> Any:
        """NumPy's: all axes in a new order."""
        return self.permute(*axes)


class _Functions:
    """torch's functions under the array API's names, on the device of the `with` around them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def pad(array: Tensor, widths: list[tuple[int, int]]) -> Tensor:
        """Zeros around, the first axis first."""
        return pad(array, [width for pair in reversed(widths) for width in pair])

    @staticmethod
    def haar_orthogonal(rows: int, columns: int, normals: Tensor) -> Any:
        """`core.constructions.haar` in the library's own form H = 1 - t v v^T, v_k = 1.

        t is made of v as it was rounded, so that H is orthogonal to the last digits.  No matrix product of
        torch's is asked for: whatever precision is set for those does not come in.
        """
        tall, wide = max(rows, columns), min(rows, columns)
        v = normals.reshape(wide, tall).triu()
        head = v.diagonal().clone()
        norm = torch.linalg.vector_norm(v, dim=1, dtype=torch.float64)
        v /= (head + norm.copysign(head).to(v.dtype))[:, None]
        v.fill_diagonal_(1.0)
        t = (2 / torch.linalg.vector_norm(v, dim=1, dtype=torch.float64) ** 2).to(v.dtype)
        q = torch.linalg.householder_product(v.T, t)
        q *= -torch.ones_like(head).copysign(head)
        return q.T if columns >= rows else q
