"""Sharded models are looked at whole: parameters gathered for a look.

`fully_shard` gathers a layer's parameters as it runs, under other tensors than the model's own; tensor
parallelism keeps shares.  For a look all are gathered at once, which takes the memory of the unsharded model
on each process, and given back after it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from isogain.torch.call.inputs import plain_module
from isogain.torch.call.processes import belongs_to, processes_of, sharding_groups, sharding_state
from isogain.torch.draw.codes import numbers_behind, stands_for_numbers
from isogain.torch.draw.shards import is_dtensor, whole

__all__ = ["computed_by", "copied", "gathered", "is_parallel", "resharded", "unrounded"]

_FLAGS = ("post_forward_mesh_info", "reshard_after_backward", "_training_state", "iter_forward_root")
"""What `fully_shard` keeps about when parameters are given back, and where a pass is, which may raise."""
_ON_THE_WAY: dict[str, Callable[..., Any]] = {
    "_register_post_backward_hook": lambda args, kwargs: (args, kwargs),
    "_register_pre_backward_hook": lambda output: output,
    "_record_post_forward": lambda: None,
}
"""What notices the way back, and takes the gradients of a `backward` to the shards: no look asks for that."""
_STYLES, _SHARDS = "torch.distributed.tensor", "torch.distributed.fsdp"
"""Whose hooks spread and join the signals of tensor-parallel layers, and whose gather and cast."""
_NOTES = "__composable_api"
"""What the names begin with under which torch notes on a module what was done to it."""


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


def shards_behind(model: nn.Module) -> dict[int, torch.Tensor]:
    """id -> its shards, of gathered parameters that a pass has in a coarser type than they are kept in."""
    groups = (group for module in model.modules() for group in sharding_groups(module) if group.is_unsharded)
    pairs = [(one.unsharded_param, one.sharded_param) for group in groups for one in group.fsdp_params]
    return {id(one): held for one, held in pairs if one.dtype != held.dtype}


def unrounded(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Their names and numbers, as they are kept; all processes ask for all."""
    behind = shards_behind(model)
    for name, parameter in model.named_parameters() if behind else ():
        if id(parameter) in behind:
            yield name, whole(behind[id(parameter)].detach())


def copied(model: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """A deep copy: whole, plain and in its own types where several processes hold the model, and theirs."""
    processes, model, memo = processes_of(model), plain_module(model), memo or {}
    with gathered(model), _unmarked(model):
        memo = {id(one): one.detach().clone() for one in computed_by(model)} | memo
        for name, value in unrounded(model):
            parameter = model.get_parameter(name)
            memo.setdefault(id(parameter), nn.Parameter(value, parameter.requires_grad))
        found = copy.deepcopy(model, memo)
    belongs_to(found, processes)
    return found


def computed_by(model: nn.Module) -> Iterator[torch.Tensor]:
    """What a hook or a method computed and left on a module, which no deep copy takes."""
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, torch.Tensor) and value.grad_fn is not None:
                yield value


def resharded(model: nn.Module) -> None:
    """Gives back what `fully_shard` gathered and kept after a pass: what is written to it would be lost."""
    for module in model.modules():
        if sharding_groups(module):
            module.reshard()  # type: ignore[operator]


def is_parallel(model: nn.Module) -> bool:
    """Whether layers are spread over processes by hooks, which a look lays aside."""
    return bool(_hooks_of(model, _STYLES))


@contextmanager
def _unsharded(model: nn.Module) -> Iterator[None]:
    """Without the shards of `fully_shard`."""
    shards: list[Any] = [module for module in model.modules() if sharding_state(module) is not None]
    keepers = list(_keepers(shards))
    before = [{name: getattr(one, name) for name in _FLAGS if hasattr(one, name)} for one in keepers]
    kinds = [type(module) for module in shards]
    try:
        for module in shards:
            module.unshard()
            module.set_reshard_after_forward(False, recurse=False)
            module.set_reshard_after_backward(False, recurse=False)
        for one in keepers:
            vars(one).update({name: does for name, does in _ON_THE_WAY.items() if hasattr(one, name)})
        for module, kind in zip(shards, kinds, strict=True):
            module.__class__ = kind.__bases__[1]  # what it was before: its name tells what it is
        yield
    finally:
        for module, kind in zip(shards, kinds, strict=True):
            module.__class__ = kind
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
        state = sharding_state(module)
        yield from (state, state._state_ctx, *sharding_groups(module))


@contextmanager
def _unmarked(model: nn.Module) -> Iterator[None]:
    """Without what `fully_shard` leaves on modules: its hooks and its notes."""
    shards = [module for module in model.modules() if sharding_state(module) is not None]
    notes = [(vars(m), {k: one for k, one in vars(m).items() if k.startswith(_NOTES)}) for m in shards]
    with _without(_hooks_of(model, _SHARDS) if shards else []):
        for table, kept in notes:
            for name in kept:
                del table[name]
        try:
            yield
        finally:
            for table, kept in notes:
                table.update(kept)


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
    try:
        for table, name, tensor in held:
            if id(tensor) not in known:
                known[id(tensor)] = _plain(tensor)
            table[name] = known[id(tensor)]  # type: ignore[assignment]
        with _without(_hooks_of(model, _STYLES) if held else []):
            yield
    finally:
        for table, name, tensor in held:
            table[name] = tensor  # type: ignore[assignment]


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


def _hooks_of(model: nn.Module, home: str) -> list[tuple[dict[int, Any], list[int]]]:
    """(table of hooks, the keys of those that a part of torch.distributed has put there)."""
    tables = (t for module in model.modules() for t in (module._forward_pre_hooks, module._forward_hooks))
    found = ((t, [k for k, hook in t.items() if _home(hook).startswith(home)]) for t in tables)
    return [(table, keys) for table, keys in found if keys]


def _home(hook: Any) -> str:
    return str(getattr(hook, "__module__", ""))


@contextmanager
def _without(hooks: list[tuple[dict[int, Any], list[int]]]) -> Iterator[None]:
    """Hooks laid aside; afterwards they run in the order in which they ran before."""
    before = [(table, dict(table)) for table, _ in hooks]
    for table, keys in hooks:
        for key in keys:
            del table[key]
    try:
        yield
    finally:
        for table, kept in before:
            table.clear()
            table.update(kept)
