"""A Tape that reads two numbers off every operation with a weight: the sizes of output and gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.graph.plan import PlanError
from isogain.torch.calling import batch_of, called, check_call, eager, loss_of
from isogain.torch.guard import Untouched
from isogain.torch.shards import is_dtensor
from isogain.torch.tape import Tape
from isogain.torch.tensors import Value, is_wrapped, tensors_in

__all__ = ["Gauge", "Loss", "gauge", "mean_square"]

Tensor = torch.Tensor
Loss = Callable[[Any], Tensor]


class Gauge(Tape):
    """Root mean squares by node; gradients arrive by hooks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sizes: dict[int, Tensor] = {}
        """weight node -> mean square of its output."""
        self.gradients: dict[int, Tensor] = {}
        """weight node -> mean square of the gradient with respect to it."""
        self.firsts: list[Tensor] = []
        """Outputs of the first weights: a gradient that reaches them has passed all others."""
        self.loss = math.nan

    def _content(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Any, units: dict[str, float],
    ) -> None:  # fmt: skip
        before = len(self.nodes)
        super()._content(name, args, kwargs, sources, result, units)
        if len(self.nodes) == before or self.nodes[-1].kind not in ("weight", "recurrent", "embedding"):
            return
        tensor = next((t for t in tensors_in(result, 2) if t.is_floating_point()), None)
        if tensor is None or tensor.is_meta or is_wrapped(tensor) or tensor.layout != torch.strided:
            return
        index = self.nodes[-1].index
        self.sizes[index] = mean_square(tensor)
        if tensor.requires_grad:
            if not any(self.nodes[one].learnt for one in self.nodes[-1].inputs):
                self.firsts.append(tensor)
            hook = partial(self._gradient, index)
            tensor.register_hook(hook)  # type: ignore[no-untyped-call]

    def _gradient(self, index: int, gradient: Tensor) -> None:
        self.gradients[index] = mean_square(gradient)

    def size(self, index: int) -> float:
        """Root mean square of a node's output; nan where it was not measured."""
        found = self.sizes.get(index)
        return math.nan if found is None else math.sqrt(float(found))

    def gradient(self, index: int) -> float:
        """Root mean square of the gradient with respect to a node's output; nan where none came."""
        found = self.gradients.get(index)
        return math.nan if found is None else math.sqrt(float(found))


def mean_square(tensor: Tensor) -> Tensor:
    """E[|x|^2], in float32 or better, of real and complex tensors."""
    flat = torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
    precision = torch.float64 if flat.dtype == torch.float64 else torch.float32
    length: Tensor = torch.linalg.vector_norm(flat, dtype=precision)
    return length.square() / max(tensor.numel(), 1)


def gauge(
    model: nn.Module, positional: Any, named: Any, loss: Loss | None = None, *, back: bool,
    recorder: Callable[..., Gauge] | None = None,
) -> Gauge:  # fmt: skip
    """One forward pass, and if `back` one backward pass, watched; the model is as before afterwards."""
    _check_sharding(model)
    check_call(model, loss, "default")
    if any(parameter.is_meta for parameter in model.parameters()):
        positional, named = pytree.tree_map_only(Tensor, lambda t: t.to("meta"), (positional, named))
        back = False
    positional, named = pytree.tree_map_only(Tensor, _own_copy, (positional, named))
    with Untouched(model) as guard, eager(), torch.enable_grad() if back else torch.no_grad():
        torch.manual_seed(0)  # dropout and its like do the same in every start; the guard puts the state back
        batch = batch_of(positional, named)
        found = recorder(model, guard, batch) if recorder else Gauge(model, guard, batch, measure=False)
        found.mark_inputs((positional, named))
        with found.scopes(), found:
            output = called(lambda: model(*positional, **named), "the model raised in forward")
        indices = (found.value(tensor).node for tensor in tensors_in(output))
        found.returned = tuple(dict.fromkeys(i for i in indices if i is not None))
        if back:
            _backward(found, output, loss)
    return found


def _check_sharding(model: nn.Module) -> None:
    """Refuses a sharded model: its shards are gathered under other names on the way."""
    sharded = [name for name, parameter in model.named_parameters() if is_dtensor(parameter)]
    if sharded:
        raise PlanError(
            f"{sharded[0]} and {len(sharded) - 1} more parameters are sharded; no forward pass shows which "
            "of them it uses; plan before sharding (on the meta device, say), then apply_(model, plan, seed)"
        )


def _own_copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def _backward(found: Gauge, output: Any, loss: Loss | None) -> None:
    value, _ = loss_of(found, output, loss)
    if value is None or not value.requires_grad:
        return
    found.loss = float(value.detach())
    leaves, found.firsts = found.firsts, []
    if leaves:
        called(lambda: torch.autograd.grad(value, leaves, allow_unused=True), "the backward pass raised")
