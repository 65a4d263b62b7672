"""`deferred`: a model without memory that remembers how it came to be."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, overload

from torch import nn
from torch.nn.modules import module as hooks

from isogain.torch.own.origins import bind
from isogain.torch.own.recorder import Recorder

__all__ = ["Building", "deferred"]


class Building:
    """Records what is built inside; afterwards `modules` are all that were, in order."""

    def __init__(self) -> None:
        self.modules: dict[int, nn.Module] = {}
        self._stack = ExitStack()

    def __enter__(self) -> None:
        self._stack = ExitStack()
        self._recorder = self._stack.enter_context(Recorder())
        for register in (
            hooks.register_module_parameter_registration_hook,
            hooks.register_module_buffer_registration_hook,
            hooks.register_module_module_registration_hook,
        ):
            handle = register(self._saw)
            self._stack.callback(handle.remove)

    def __exit__(self, kind: Any, *error: Any) -> None:
        self._stack.close()
        if kind is None:
            if len(self.roots) > 1:
                self._forget_garbage()
            for module in self.roots:
                self.modules.update({id(one): one for one in module.modules()})
            bind(self._recorder, self.modules.values())

    def _saw(self, module: nn.Module, name: str, held: Any) -> None:
        self.modules[id(module)] = module
        if isinstance(held, nn.Module):
            self.modules[id(held)] = held

    def _forget_garbage(self) -> None:
        """Modules that nobody else holds were steps on the way."""
        found = [weakref.ref(module) for module in self.modules.values()]
        self.modules.clear()
        gc.collect()
        alive = (one() for one in found)
        self.modules = {id(module): module for module in alive if module is not None}

    @property
    def roots(self) -> list[nn.Module]:
        """The modules that no other one holds, the largest first."""
        held = {id(child) for module in self.modules.values() for child in module._modules.values()}
        found = [module for module in self.modules.values() if id(module) not in held]
        if len(found) < 2:
            return found
        return sorted(found, key=lambda one: -sum(1 for _ in one.modules()))


@overload
def deferred(build: Callable[[], nn.Module]) -> nn.Module: ...
@overload
def deferred(build: None = None) -> Building: ...


def deferred(build: Callable[[], nn.Module] | None = None) -> nn.Module | Building:
    """Return the model that `build()` makes, on the meta device, its own start recorded; or a context.

    Whatever the constructor does runs without memory: `torch.nn.init`, factories, in-place writes, views,
    `.data`, arithmetic on buffers.  Values that it asks for (`.item()`, `.tolist()`, a boolean mask) are
    computed from the record.  Inside, tensors say that they are on the CPU, so that no library takes the
    way it has for the meta device.  Modules that have memory already keep it.

    The record stays with the modules through `fully_shard`, `copy.deepcopy` and wrappers;
    `own_plan(model)` reads it, `materialize_(model, seed=0)` gives the model its start.

    >>> model = deferred(lambda: nn.Linear(784, 10))
    >>> model.weight.device
    device(type='meta')
    >>> with deferred():
    ...     other = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    """
    building = Building()
    if build is None:
        return building
    with building:
        return build()
