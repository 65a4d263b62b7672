"""Targets: what a plan's path stands for in a model, and how it is written and scaled.

A plain parameter is written in place.  A parametrized weight ('fc.weight' of torch.nn.utils.parametrize)
is set through the right inverse of its parametrization; of the older weight_norm hook, direction and size
are set together.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from isogain.graph.paths import stable_path
from isogain.torch.draw.codes import codes_of
from isogain.torch.draw.materialize import Places, places_of
from isogain.torch.draw.shards import give_, is_dtensor, whole

__all__ = ["Target", "public_path", "targets"]

Tensor = torch.Tensor
ROUNDS = 15
"""Power iterations after a weight is written, as many as torch takes when it registers a spectral norm."""
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
    through: Callable[[Tensor], Tensor] | None = None
    """What the module would read if a parametrized weight were set to this; None: just this."""
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
        return self.through is None or self._as_read(2.0)

    def may_be_zero(self) -> bool:
        """Whether a weight of zeros can be written: 0 / |0| is none."""
        return self.through is None or self._as_read(0.0)

    @torch.no_grad()
    def _as_read(self, factor: float) -> bool:
        """Whether the module would read so many times its weight if that were written; nothing is."""
        assert self.through is not None
        assert self.get is not None
        own = self.get()
        return torch.allclose(self.through(factor * own), factor * own, rtol=1e-2, atol=0)


def public_path(name: str) -> str:
    """'fc.parametrizations.weight.original0' -> 'fc.weight'; any other name as it is."""
    owner, found, rest = name.partition("parametrizations.")
    return f"{owner}{rest.partition('.')[0]}" if found else name


def targets(model: nn.Module) -> dict[str, Target]:
    """Every parameter of the model once, parametrized weights as one, under their stable paths."""
    found: dict[str, Target] = {}
    modules = list(model.named_modules())
    parametrized = {target.path: target for target in _parametrized(modules)}
    hooked = {target.path: target for target in _hooked(modules)}
    for places in places_of(model):
        path = stable_path(public_path(places.path))
        if not places.is_parameter or path in found:
            continue
        special = parametrized.get(path) or hooked.get(path)
        found[path] = special or Target(
            path, places.tensor, (places.tensor,), places, fixed=_why_unwritable(places.tensor)
        )
    return found


def _why_unwritable(tensor: Tensor) -> str:
    """Numbers of eight bits and fewer are codes that a scale elsewhere gives their meaning."""
    codes = codes_of(tensor)
    if codes:
        return f"it holds codes ({codes}): quantised weights are left alone"
    full = tensor.is_floating_point() or tensor.is_complex()
    return "" if full else f"its numbers are {str(tensor.dtype).removeprefix('torch.')}, which no law draws"


def _parametrized(modules: Modules) -> Iterator[Target]:
    for prefix, module in modules:
        if "parametrizations" not in module._modules or not parametrize.is_parametrized(module):
            continue
        for name, chain in module.parametrizations.items():  # type: ignore[union-attr, operator]
            path = stable_path(f"{prefix}.{name}" if prefix else name)
            yield _normed(path, chain) if _is_weight_norm(chain) else _set(path, chain)


def _normed(path: str, chain: nn.Module) -> Target:
    """Under torch's weight norm: direction and size."""
    size, direction = chain.original0, chain.original1
    assert isinstance(size, Tensor)
    assert isinstance(direction, Tensor)
    get, put = partial(_in_mode, chain, False), partial(_put_normed, direction, size, chain[0].dim)  # type: ignore[index]
    return Target(path, get(), (size, direction), None, get, put)


def _set(path: str, chain: nn.Module) -> Target:
    """Through the right inverses of all that lies on it."""
    return Target(
        path, _read(chain), (*chain.parameters(), *chain.buffers()), None, partial(_read, chain),
        partial(_put, chain), partial(_through, chain), _why_fixed(chain),
    )  # fmt: skip


def _is_weight_norm(chain: nn.Module) -> bool:
    kinds = [type(one).__name__ for one in chain.children()]
    return kinds == ["_WeightNorm"] and hasattr(chain, "original1")


def _put(chain: nn.Module, value: Tensor) -> None:
    """Sets a parametrized weight; what its parametrization remembers of it (power iterations) follows."""
    used = _unshared(chain)
    used.right_inverse(value)  # type: ignore[operator]
    if any(buffer.is_floating_point() for buffer in used.buffers()):
        for _ in range(ROUNDS):
            _in_mode(used, True)
    if used is not chain:
        pairs = zip(
            (*chain.parameters(), *chain.buffers()), (*used.parameters(), *used.buffers()), strict=True
        )
        for held, made in pairs:
            give_(held, made)


def _unshared(chain: nn.Module) -> nn.Module:
    """The chain itself, or a copy with whole tensors where several processes hold shares of them."""
    shares = [one for one in chain.parameters() if is_dtensor(one)]
    if not shares:
        return chain
    return copy.deepcopy(chain, {id(one): nn.Parameter(whole(one.detach())) for one in shares})


def _through(chain: nn.Module, value: Tensor) -> Tensor:
    """What a module reads of a weight that it was set to, worked out beside it."""
    found, chain = value, _unshared(chain)
    steps = list(chain.children())
    for step in reversed(steps):
        found = step.right_inverse(found)  # type: ignore[operator]
    with _mode(chain, False):
        for step in steps:
            found = step(*found) if isinstance(found, tuple | list) else step(found)
    return found


def _put_normed(direction: Tensor, size: Tensor, dim: int | None, value: Tensor) -> None:
    """Direction and size of a weight-normed weight; of a zero one the direction stays, as 0 / |0| is none."""
    length = torch.norm_except_dim(value, 2, -1 if dim is None else dim)
    direction.copy_(torch.where(length > 0, value, direction))
    size.copy_(length)


def _read(chain: nn.Module) -> Tensor:
    """The parametrized weight, without the power iterations that spectral norms take in training."""
    return _in_mode(_unshared(chain), False)


@torch.no_grad()
def _in_mode(chain: nn.Module, training: bool) -> Tensor:
    with _mode(chain, training):
        return chain().detach().clone()  # type: ignore[no-any-return]


@contextmanager
def _mode(chain: nn.Module, training: bool) -> Iterator[None]:
    modes = [(module, module.training) for module in chain.modules()]
    chain.train(training)
    try:
        yield
    finally:
        for module, before in modes:
            module.training = before


def _why_fixed(chain: nn.Module) -> str:
    for one in chain.children():
        kind = type(one).__name__
        if kind in _FIXED or not hasattr(one, "right_inverse"):
            return f"its parametrization {kind.strip('_')} takes no free matrix"
    return ""


def _hooked(modules: Modules) -> Iterator[Target]:
    """Weights under the hooks of torch.nn.utils.weight_norm and spectral_norm."""
    for prefix, module in modules:
        for hook in module._forward_pre_hooks.values():
            name = getattr(hook, "name", None)
            make = {"WeightNorm": _weight_normed, "SpectralNorm": _spectral_normed}.get(type(hook).__name__)
            if make is not None and name is not None:
                yield make(f"{prefix}.{name}" if prefix else name, module, hook)


def _weight_normed(path: str, module: nn.Module, hook: Any) -> Target:
    """Written as weight_v, with weight_g to fit."""
    size, direction = (getattr(module, f"{hook.name}_{part}") for part in "gv")
    dim = -1 if hook.dim is None else hook.dim

    def get() -> Tensor:
        return torch._weight_norm(direction, size, dim).detach()

    put = partial(_put_normed, direction, size, hook.dim)
    return Target(stable_path(f"{path}_v"), direction, (direction, size), None, get, put)


def _spectral_normed(path: str, module: nn.Module, hook: Any) -> Target:
    """Written as weight_orig; the vectors that its largest singular value is worked out with follow."""
    weight, *vectors = (getattr(module, f"{hook.name}_{part}") for part in ("orig", "u", "v"))
    holder = nn.Module()
    for part, vector in zip("uv", vectors, strict=True):
        holder.register_buffer(f"{hook.name}_{part}", vector)

    def through(value: Tensor) -> Tensor:
        largest: Tensor = torch.linalg.matrix_norm(hook.reshape_weight_to_matrix(value), 2)
        return value / largest

    def put(value: Tensor) -> None:
        give_(weight, value)
        setattr(holder, f"{hook.name}_orig", whole(weight.detach()))
        for _ in range(ROUNDS):
            hook.compute_weight(holder, do_power_iteration=True)

    def get() -> Tensor:
        return whole(weight.detach()).clone()

    tensors = (weight, *vectors)
    return Target(stable_path(f"{path}_orig"), weight, tensors, None, get, put, through)
