"""Spectral norms of layers whose code is torch's: registered once more, over the weight as it begins.

The two vectors that power iteration works on are state beside the weight: torch draws them when the norm is
put on, and brings them near the weight's largest singular value.  So a fresh norm over the same values has
what the layer's would have: numbers of the same law, after as many iterations.  That holds of layers that no
class of somebody's own is around; its constructor may have written before it put the norm on, and is run as
a whole, if it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

__all__ = ["renewed"]

Tensor = torch.Tensor
_VECTORS = ("_u", "_v")


def renewed(module: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """(tensor, its twin) of each weight under nothing but a spectral norm: itself, and the norm's vectors."""
    for name, chain in _chains(module):
        fresh = _fresh(name, chain)
        yield chain.original, fresh.original
        yield from ((getattr(chain[0], one), getattr(fresh[0], one)) for one in _VECTORS)


def _chains(module: nn.Module) -> Iterator[tuple[str, parametrize.ParametrizationList]]:
    if not parametrize.is_parametrized(module):
        return
    for name, chain in module.parametrizations.items():  # type: ignore[union-attr,operator]
        if len(chain) == 1 and all(isinstance(chain[0]._buffers.get(one), Tensor) for one in _VECTORS):
            yield name, chain


@torch.no_grad()
def _fresh(name: str, chain: parametrize.ParametrizationList) -> parametrize.ParametrizationList:
    """The same norm over a copy of the weight, in training as layers are built."""
    norm: Any = chain[0]
    carrier: Any = nn.Module()
    weight = nn.Parameter(torch.empty(chain.original.shape, dtype=chain.original.dtype))
    carrier.register_parameter(name, weight)
    weight.copy_(chain.original)
    parametrizations.spectral_norm(carrier, name, norm.n_power_iterations, norm.eps, norm.dim)
    found: parametrize.ParametrizationList = carrier.parametrizations[name]
    return found
