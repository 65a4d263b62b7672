"""Sharded models are looked at whole: parameters gathered for a look.

`fully_shard` gathers a layer's parameters as it runs, under other tensors than the model's own; tensor
parallelism keeps shares.  For a look all are gathered at once, which takes the memory of the unsharded model
on each process, and given back after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from isogain.torch.call.processes import sharding_groups
from isogain.torch.draw.codes import numbers_behind, stands_for_numbers
from isogain.torch.draw.shards import is_dtensor

__all__ = ["gathered", "is_parallel", "resharded", "whole"]

_FLAGS = ("post_forward_mesh_info", "reshard_after_backward", "_training_state", "iter_forward_root")
"""What `fully_shard` keeps about when parameters are given back, and where a pass is, which may raise."""
_ON_THE_WAY: dict[str, Callable[..., Any]] = {
    "_register_post_backward_hook": lambda args, kwargs: (args, kwargs),
    "_register_pre_backward_hook": lambda output: output,
    "_record_post_forward": lambda: None,
}
"""What notices the way back, and takes the gradients of a `backward` to the shards: no look asks for that."""
_STYLES = "torch.distributed.tensor"
"""Whose hooks spread and join the signals of tensor-parallel layers."""


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """The model with plain, whole parameters, and without what spreads its signals over processes.

    What is written to them is lost at the end.  Inside of another, it does nothing.
    """
    with ExitStack() as stack:
        if any(_is_foreign(parameter) for parameter in model.parameters()):
            stack.enter_context(_unsharded(model))
            stack.enter_context(_joined(model))
        yield


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, or all shares of a DTensor: to be asked for by all processes."""
    return tensor.full_tensor() if is_dtensor(tensor) else tensor  # type: ignore[attr-defined]


def resharded(model: nn.Module) -> None:
    """Gives back what `fully_shard` gathered and kept after a pass: what is written to it would be lost."""
    for module in model.modules():
        if sharding_groups(module):
            module.reshard()  # type: ignore[operator]


def is_parallel(model: nn.Module) -> bool:
    """Whether layers are spread over processes by hooks, which a look lays aside."""
    return any(True for module in model.modules() for _ in _spreading(module))


@contextmanager
def _unsharded(model: nn.Module) -> Iterator[None]:
    """Without the shards of `fully_shard`."""
    shards: list[Any] = [module for module in model.modules() if sharding_groups(module)]
    keepers = list(_keepers(shards))
    before = [{name: getattr(one, name) for name in _FLAGS if hasattr(one, name)} for one in keepers]
    try:
        for module in shards:
            module.unshard()
            module.set_reshard_after_forward(False, recurse=False)
            module.set_reshard_after_backward(False, recurse=False)
        for one in keepers:
            vars(one).update({name: does for name, does in _ON_THE_WAY.items() if hasattr(one, name)})
        yield
    finally:
        for one, flags in zip(keepers, before, strict=True):
            for name in _ON_THE_WAY:
                vars(one).pop(name, None)
            for name, value in flags.items():
                setattr(one, name, value)
        for module in shards:
            module.reshard()


def _keepers(shards: list[Any]) -> Iterator[Any]:
    """What `fully_shard` keeps about modules, about their parameters, and about the pass."""
    for module in shards:
        state = module._get_fsdp_state()
        yield from (state, state._state_ctx, *sharding_groups(module))


@contextmanager
def _joined(model: nn.Module) -> Iterator[None]:
    """DTensors replaced by all of them, codes by their numbers; the hooks of parallel layers laid aside."""
    held = [
        (table, name, tensor)
        for module in model.modules()
        for table in (module._parameters, module._buffers)
        for name, tensor in table.items()
        if tensor is not None and _is_foreign(tensor)
    ]
    known: dict[int, torch.Tensor] = {}
    hooks = [found for module in model.modules() for found in _spreading(module)] if held else []
    try:
        for table, name, tensor in held:
            if id(tensor) not in known:
                known[id(tensor)] = _plain(tensor)
            table[name] = known[id(tensor)]  # type: ignore[assignment]
        for hooked, kept in hooks:
            for key in kept:
                del hooked[key]
        yield
    finally:
        for table, name, tensor in held:
            table[name] = tensor  # type: ignore[assignment]
        for hooked, kept in hooks:
            _put_back(hooked, kept)


def _is_foreign(tensor: torch.Tensor) -> bool:
    """Whether a look needs another tensor in its place."""
    if type(tensor) in (torch.Tensor, nn.Parameter) or tensor.is_meta:
        return False
    return is_dtensor(tensor) or stands_for_numbers(tensor)


def _plain(old: torch.Tensor) -> torch.Tensor:
    if stands_for_numbers(old):
        return numbers_behind(old)
    new = whole(old.detach())
    return nn.Parameter(new, requires_grad=old.requires_grad) if isinstance(old, nn.Parameter) else new


def _spreading(module: nn.Module) -> Iterator[tuple[Any, dict[int, Any]]]:
    """(table of hooks, those of them that turn signals into DTensors or back)."""
    for hooked in (module._forward_pre_hooks, module._forward_hooks):
        found = {key: hook for key, hook in hooked.items() if _is_spreading(hook)}
        if found:
            yield hooked, found


def _is_spreading(hook: Any) -> bool:
    return str(getattr(hook, "__module__", "")).startswith(_STYLES)


def _put_back(hooked: Any, kept: dict[int, Any]) -> None:
    """In the order in which they were registered."""
    every = dict(sorted({**hooked, **kept}.items()))
    hooked.clear()
    hooked.update(every)
