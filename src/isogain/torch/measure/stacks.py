"""Parameters whose first axis counts maps of their own: which they are, and their slices."""

from __future__ import annotations

import torch

from isogain.graph import WeightUse
from isogain.inspect.slices import Slices, slices_of
from isogain.torch.measure.sampling import own_array

__all__ = ["stacked"]

Tensor = torch.Tensor


def stacked(parameter: Tensor, gradient: Tensor | None, use: WeightUse | None) -> Slices | None:
    """The Slices of a parameter whose first axis counts maps of their own; None for any other."""
    if use is None or parameter.dim() < 3 or parameter.is_meta or parameter.is_complex():
        return None
    parallel = use.layout.startswith("stack") and use.shape[0] == parameter.shape[0]
    inner = tuple(parameter.shape[1:])
    if not parallel and (use.layout.startswith("lookup") or use.shape not in (inner, inner[::-1])):
        return None
    if gradient is not None and gradient.layout != torch.strided:
        gradient = gradient.to_dense()
    slopes = None if gradient is None else own_array(gradient.float())
    return slices_of(own_array(parameter.float()), slopes, parallel)
