"""Targets: what a plan's path stands for in a model, and how it is written and scaled.

A plain parameter is written in place.  A parametrized weight ('fc.weight' of torch.nn.utils.parametrize)
is set through the right inverse of its parametrization; of the older weight_norm hook, direction and size
are set together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn.utils import parametrize

from isogain.graph.paths import stable_path
from isogain.torch.draw.materialize import Places, places_of

__all__ = ["Target", "public_path", "targets"]

Tensor = torch.Tensor
Modules = list[tuple[str, nn.Module]]
_FIXED = ("_Orthogonal",)
"""Parametrizations that keep their own law: their right inverse takes no free matrix."""


@dataclass(frozen=True)
class Target:
    """One weight under its path."""

    path: str
    like: Tensor
    """The parameter itself; of a parametrized weight, a tensor of its shape and type."""
    tensors: tuple[Tensor, ...]
    """The parameters behind it."""
    places: Places | None = None
    """Where a plain parameter is held."""
    get: Callable[[], Tensor] | None = None
    set: Callable[[Tensor], None] | None = None
    """Read and give a parametrized weight its values."""
    fixed: str = ""
    """Why it cannot be written, if it cannot."""

    def write(self, draw: Callable[[Tensor], None]) -> None:
        """Fills it with a draw."""
        if self.set is None:
            draw(self.like)
            return
        with torch.no_grad():
            fresh = torch.empty_like(self.like, memory_format=torch.contiguous_format)
            draw(fresh)
            self.set(fresh)

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiplies the weight by a number."""
        if self.set is None or self.get is None:
            self.like.mul_(factor)
        else:
            self.set(self.get() * factor)

    def free(self) -> bool:
        """Whether scaling it scales what the module uses: a spectral norm, say, divides it out again."""
        return self.set is None or self.get is None or self._scales(self.get)

    @torch.no_grad()
    def _scales(self, get: Callable[[], Tensor]) -> bool:
        kept = [tensor.detach().clone() for tensor in self.tensors]
        before = get()
        self.scale(2.0)
        free = torch.allclose(get(), 2 * before, rtol=1e-2, atol=0)
        for tensor, value in zip(self.tensors, kept, strict=True):
            tensor.copy_(value)
        return free


def public_path(name: str) -> str:
    """'fc.parametrizations.weight.original0' -> 'fc.weight'; any other name as it is."""
    owner, found, rest = name.partition("parametrizations.")
    return f"{owner}{rest.partition('.')[0]}" if found else name


def targets(model: nn.Module) -> dict[str, Target]:
    """Every parameter of the model once, parametrized weights as one, under their stable paths."""
    found: dict[str, Target] = {}
    modules = list(model.named_modules())
    parametrized = {target.path: target for target in _parametrized(modules)}
    normed = {target.path: target for target in _weight_normed(modules)}
    for places in places_of(model):
        path = stable_path(public_path(places.path))
        if not places.is_parameter or path in found:
            continue
        special = parametrized.get(path) or normed.get(path)
        found[path] = special or Target(path, places.tensor, (places.tensor,), places)
    return found


def _parametrized(modules: Modules) -> Iterator[Target]:
    for prefix, module in modules:
        if "parametrizations" not in module._modules or not parametrize.is_parametrized(module):
            continue
        for name, chain in module.parametrizations.items():  # type: ignore[union-attr, operator]
            path = stable_path(f"{prefix}.{name}" if prefix else name)
            yield Target(
                path, _read(chain), tuple(chain.parameters()), None, partial(_read, chain),
                partial(setattr, module, name),
                _why_fixed(chain),
            )  # fmt: skip


@torch.no_grad()
def _read(chain: nn.Module) -> Tensor:
    """The parametrized weight, without the power iterations that spectral norms take in training."""
    modes = [(module, module.training) for module in chain.modules()]
    try:
        return chain.eval()().detach().clone()  # type: ignore[no-any-return]
    finally:
        for module, training in modes:
            module.training = training


def _why_fixed(chain: nn.Module) -> str:
    for one in chain.children():
        kind = type(one).__name__
        if kind in _FIXED or not hasattr(one, "right_inverse"):
            return f"its parametrization {kind.strip('_')} takes no free matrix"
    return ""


def _weight_normed(modules: Modules) -> Iterator[Target]:
    """Weights under torch.nn.utils.weight_norm's hook: written as weight_v, with weight_g to fit."""
    for prefix, module in modules:
        for hook in module._forward_pre_hooks.values():
            name, dim = getattr(hook, "name", None), getattr(hook, "dim", None)
            if type(hook).__name__ != "WeightNorm" or name is None:
                continue
            size, direction = getattr(module, f"{name}_g"), getattr(module, f"{name}_v")

            def put(value: Tensor, v: Tensor = direction, g: Tensor = size, dim: int | None = dim) -> None:
                v.copy_(value)
                g.copy_(torch.norm_except_dim(value, 2, -1 if dim is None else dim))

            path = stable_path(f"{prefix}.{name}_v" if prefix else f"{name}_v")
            get = lambda v=direction, g=size, d=dim: torch._weight_norm(v, g, -1 if d is None else d).detach()  # noqa: E731
            yield Target(path, direction, (direction, size), None, get, put)
