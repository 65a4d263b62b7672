"""Who draws into a tensor: its own device, or nobody here, which leaves it to the host."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Final

import numpy as np
import torch

from isogain.core.values.distributions import (
    ComplexLaw,
    ConstantLaw,
    Law,
    NormalLaw,
    StructuredLaw,
    TruncatedNormalLaw,
    UniformLaw,
)
from isogain.drawing import engine
from isogain.drawing.dtypes import Dtype, complex_parts
from isogain.drawing.key import Key
from isogain.drawing.laws import representable
from isogain.drawing.native import CACHED
from isogain.drawing.recipe import Kind, Recipe, recipe_for
from isogain.drawing.regions import Region
from isogain.torch.device.host import as_array

__all__ = ["drawer"]

Tensor = torch.Tensor

_SERVED: Final = {"cuda", "xpu"}
"""Types of devices that Triton compiles for; torch calls AMD's cards cuda, too."""
_PIECE: Final = 1 << 24
"""Elements drawn at once for a tensor that is not contiguous."""
_TRIAL_KEY: Final = Key.of(67, "trial")
_TRIAL: Final = Region.of((2**40,), slice(2**33 - 700, 2**33 + 700))
"""Of a normal law two of these are deep in the tail, on both sides of a carry into the upper counter word."""


def drawer(part: Tensor, law: Law, dtype: str, key: Key) -> Callable[[Region], None] | None:
    """What draws a region of the law into `part`, which has its shape, where that lies.

    None where the host does: for tensors on the CPU, devices that Triton does not serve, laws made by NumPy.
    """
    kinds = complex_parts(dtype)
    if isinstance(law, ConstantLaw) and part.device.type != "cpu":
        value = representable(law.value, dtype, kinds)
        return lambda region: _constant(part, value)
    if part.device.type not in _SERVED or not _has_triton():
        return None
    if isinstance(law, StructuredLaw):
        return _matrix(part, law, Dtype.of(dtype), key) if kinds is None else None
    single = law.part if isinstance(law, ComplexLaw) else law
    if not isinstance(single, NormalLaw | UniformLaw | TruncatedNormalLaw):
        return None
    recipe = recipe_for(single, Dtype.of(kinds or dtype))
    return partial(_elements, part, key, recipe) if _trusted(part.device, recipe) else None


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def _constant(part: Tensor, value: float | complex) -> None:
    part.fill_(value)


def _elements(part: Tensor, key: Key, recipe: Recipe, region: Region) -> None:
    if part.is_contiguous() and type(part) is Tensor and not part.is_conj() and not part.is_neg():
        _fill(part, key, recipe, region)
        torch.autograd.graph.increment_version(part)
        return
    for piece in region.pieces(_PIECE):
        values = torch.empty(piece.shape, dtype=part.dtype, device=part.device)
        _fill(values, key, recipe, piece)
        part[piece.relative_to(region)].copy_(values)


def _fill(out: Tensor, key: Key, recipe: Recipe, region: Region) -> None:
    from isogain.torch.device.launch import fill  # here, since Triton is an import of its own

    if out.is_complex():
        out, region = torch.view_as_real(out), region.with_last(2)
    fill(out, key, recipe, region)


def _matrix(part: Tensor, law: StructuredLaw, target: Dtype, key: Key) -> Callable[[Region], None] | None:
    from isogain.torch.device import matrices

    normal = recipe_for(NormalLaw(0.0, 1.0), target.as_working)
    small = law.normals * target.working.itemsize <= CACHED
    if small or not _trusted(part.device, normal):
        return None
    whole = matrices.built(law, normal, key, part.device)
    return None if whole is None else lambda region: matrices.copy_part(whole, region, part)


def _trusted(device: torch.device, recipe: Recipe) -> bool:
    """Whether this kind of draw gives the host's bits there, by trial; the first recipe stands for all."""
    known = _verdicts()
    asked = (device, recipe.kind, recipe.dtype.name)
    if asked not in known:
        known[asked] = _tried(device, recipe)
    return known[asked]


@cache
def _verdicts() -> dict[tuple[torch.device, Kind, str], bool]:
    return {}


def _tried(device: torch.device, recipe: Recipe) -> bool:
    expected = np.empty(_TRIAL.size, recipe.dtype.storage)
    engine.fill(expected, _TRIAL_KEY, recipe, _TRIAL)
    out = torch.empty(_TRIAL.shape, dtype=getattr(torch, recipe.dtype.name), device=device)
    try:
        _fill(out, _TRIAL_KEY, recipe, _TRIAL)
        found = as_array(out.cpu()).tobytes()
    except Exception as error:
        return _distrusted(device, recipe, f"failed: {error!r}")
    return found == expected.tobytes() or _distrusted(device, recipe, "gave other bits than the host")


def _distrusted(device: torch.device, recipe: Recipe, why: str) -> bool:
    warnings.warn(
        f"isogain's kernel on {device}, tried for {recipe.kind.name.lower()} {recipe.dtype.name}, {why}; "
        "such tensors are filled through the host, with the same numbers",
        RuntimeWarning,
        stacklevel=2,
    )
    return False
