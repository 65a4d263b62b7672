"""What is known of every tensor a model touches: the node that made it, or the parameters behind it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import nn

from isogain.torch.call.guard import Untouched
from isogain.torch.call.tensors import UNKNOWN, Value, memory_of

__all__ = ["KnownTensors"]

Tensor = torch.Tensor


class KnownTensors:
    """Values of tensors by identity, as long as they live; the model's parameters under all their names."""

    def __init__(self, model: nn.Module, guard: Untouched) -> None:
        self.guard = guard
        self.names: dict[int, list[str]] = {}
        """id of a parameter -> its names, the first of which stands for it."""
        self._values: dict[int, tuple[Any, Value]] = {}
        self.parameters: dict[str, nn.Parameter] = {}
        for name, parameter in model.named_parameters(remove_duplicate=False):
            names = self.names.setdefault(id(parameter), [])
            names.append(name)
            self.parameters.setdefault(names[0], parameter)
        for name, parameter in self.parameters.items():
            self._values[id(parameter)] = (lambda p=parameter: p, Value(parameters=frozenset([name])))

    @cached_property
    def _storages(self) -> dict[int, nn.Parameter]:
        """Address of memory -> the parameter in it, as it is before the first write."""
        places = ((memory_of(parameter), parameter) for parameter in self.parameters.values())
        return {place: parameter for place, parameter in places if place is not None}

    def __getitem__(self, tensor: Tensor) -> Value:
        found = self._values.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else UNKNOWN

    def __setitem__(self, tensor: Tensor, value: Value) -> None:
        if id(tensor) not in self.names:
            self._values[id(tensor)] = (weakref.ref(tensor), value)

    def before_write(self, name: str, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Keeps a parameter's values before an operation writes into it, or into a view of it."""
        target = args[0] if args and isinstance(args[0], Tensor) else None
        if not self._storages or target is None or target.is_meta or name == "requires_grad_":
            return
        if name == "__set__":
            attribute = getattr(getattr(func, "__self__", None), "__name__", "")
            if id(target) in self.names and attribute == "data":
                self.guard.keep(target, rebound=True)  # type: ignore[arg-type]
            return
        place = memory_of(target)
        if place in self._storages:
            self.guard.keep(self._storages[place])
