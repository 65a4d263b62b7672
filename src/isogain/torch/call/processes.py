"""The processes that hold one model and a batch each: what they know, put together."""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from isogain.errors import InspectError

__all__ = ["ALONE", "Processes", "belongs_to", "processes_of", "sharding_groups", "sharding_state"]

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Groups of processes with batches of their own, one for each axis along which data are spread.

    Each of its methods is to be called by all of them.
    """

    groups: tuple[Any, ...] = ()

    def all(self, value: T) -> list[T]:
        """What each of them has, in one order everywhere."""
        import torch.distributed as dist

        found = [value]
        for group in self.groups:
            everyone: list[Any] = [None] * dist.get_world_size(group)
            dist.all_gather_object(everyone, found, group=group)
            found = [one for part in everyone for one in part]
        return found

    def first(self, value: T) -> T:
        """What the first of them has: one decision for all."""
        return self.all(value)[0] if self.groups else value

    def agreed(self, run: Callable[[], T]) -> T:
        """What `run` gives; where it raises for one of them, for all: nobody waits for who is gone."""
        if not self.groups:
            return run()
        try:
            found, error = run(), None
        except Exception as raised:
            error = raised
        said = self.all("" if error is None else f"{type(error).__name__}: {error}")
        if error is not None:
            raise error
        if any(said):
            raise InspectError(f"another process stopped, so all do. It said {next(filter(None, said))}")
        return found

    @property
    def count(self) -> int:
        """How many they are."""
        return math.prod(group.size() for group in self.groups)

    @property
    def place(self) -> int:
        """Which of them this one is, in the order of `all`."""
        found = 0
        for group in reversed(self.groups):
            found = found * group.size() + group.rank()
        return found

    def part(self, judged: bool) -> float:
        """What one's loss counts in the mean of all; of projections by random signs, in their sum."""
        return 1 / self.count if judged else 1 / math.sqrt(self.count)

    @torch.no_grad()
    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all of them, in place."""
        import torch.distributed as dist

        for group in self.groups:
            dist.all_reduce(tensor, group=group)
        return tensor

    @torch.no_grad()
    def average_(self, tensor: torch.Tensor) -> torch.Tensor:
        """The mean over all of them, in place."""
        return self.sum_(tensor).div_(self.count) if self.groups else tensor


ALONE = Processes()
_KNOWN: weakref.WeakKeyDictionary[nn.Module, Processes] = weakref.WeakKeyDictionary()


def processes_of(model: nn.Module) -> Processes:
    """Those over which `fully_shard` or DistributedDataParallel spread the batches of a model."""
    if model in _KNOWN:
        return _KNOWN[model]
    for module in model.modules():
        groups = tuple(_data_groups(module))
        if groups:
            return Processes(groups)
    return ALONE


def _data_groups(module: Any) -> Iterator[Any]:
    """The groups of one module that was wrapped."""
    if isinstance(module, nn.parallel.DistributedDataParallel):
        if module.process_group.size() > 1:
            yield module.process_group
        return
    for group in sharding_groups(module):
        mesh = group.mesh_info.mesh
        yield from (mesh.get_group(axis) for axis in range(mesh.ndim) if mesh.size(axis) > 1)
        return


def sharding_state(module: Any) -> Any:
    """What `fully_shard` keeps about a module; None where it was not called on it."""
    known = sys.modules.get("torch.distributed._composable_state")
    state = None if known is None else known._get_module_state(module)
    return state if hasattr(state, "_fsdp_param_group") else None


def sharding_groups(module: Any) -> list[Any]:
    """The same about its parameters."""
    state = sharding_state(module)
    if state is None:
        return []
    found = getattr(state, "_fsdp_param_groups", None) or [state._fsdp_param_group]
    return [group for group in found if group is not None]


def belongs_to(model: nn.Module, processes: Processes) -> None:
    """Takes note that these processes have a model each, and batches of their own."""
    if processes.groups:
        _KNOWN[model] = processes
