"""Which operations get a closer look, and by what; each look reads the operands, before they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from isogain.inspect.looks import Seen, Sum
from isogain.torch.measure.attention import of_fused, of_softmax
from isogain.torch.measure.choices import of_embedding, of_index, of_product, of_selection
from isogain.torch.measure.clipping import of_clamp, of_quantiser
from isogain.torch.measure.gates import LETTERS, of_fused_recurrence
from isogain.torch.measure.places import of_grid, of_summands
from isogain.torch.measure.waves import of_exponential, of_sine

__all__ = ["LOOKS", "closer_look"]

ROWS = 64
Reader = Callable[[tuple[Any, ...], Mapping[str, Any]], "Seen | None"]
LOOKS: dict[str, Reader] = {
    "softmax": of_softmax,
    "scaled_dot_product_attention": of_fused,
    "sin": of_sine,
    "cos": of_sine,
    "exp": of_exponential,
    "__getitem__": of_index,
    **dict.fromkeys(("clamp", "clip", "hardtanh"), of_clamp),
    "fake_quantize_per_tensor_affine": of_quantiser,
    "embedding": of_embedding,
    "grid_sample": of_grid,
    **dict.fromkeys(("add", "__add__", "__radd__", "__iadd__"), of_summands),
    "index_select": of_selection,
    **dict.fromkeys(("matmul", "__matmul__", "mm"), of_product),
    **{name: partial(of_fused_recurrence, name) for cell in LETTERS for name in (cell, f"{cell}_cell")},
}


def of_sum(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Sum | None:
    """How far two summands of one shape point the same way, their means over observations aside."""
    if len(args) < 2 or not all(isinstance(one, torch.Tensor) and one.dim() > 1 for one in args[:2]):
        return None
    if args[0].shape != args[1].shape or args[0].is_meta or not args[0].is_floating_point():
        return None
    a, b = (one.detach().flatten(0, -2)[:ROWS].double() for one in args[:2])
    a, b = a - a.mean(0), b - b.mean(0)
    size = torch.linalg.vector_norm(a, dim=-1) * torch.linalg.vector_norm(b, dim=-1)
    cosine = ((a * b).sum(-1) / size.clamp_min(1e-300)).square().mean().sqrt()
    return Sum(float(cosine))


def closer_look(
    op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], summed: bool = False
) -> Seen | None:
    """What is to be seen of an operation's operands; `summed`: how far summands point the same way, too."""
    with torch.no_grad():
        seen = LOOKS[op](args, kwargs) if op in LOOKS else None
        return of_sum(args, kwargs) if summed and seen is None else seen
