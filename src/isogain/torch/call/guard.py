"""Nothing changes: whatever a forward pass may touch is put back, also when the model raises."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import nn

__all__ = ["Untouched", "random_states", "same_random", "seeded", "set_random_states"]

_CONTAINERS = frozenset([dict, list, set, OrderedDict, deque])
_TABLES = frozenset(
    ["_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "_forward_hooks",
     "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_forward_hooks_with_kwargs",
     "_forward_hooks_always_called", "_forward_pre_hooks_with_kwargs"]
)  # fmt: skip


class Untouched:
    """A context that leaves a model, its buffers, gradients, flags, hooks and all random states as found.

    Parameters are not copied: `keep` is called before the first write to one, and only then makes a copy.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.kept: dict[int, tuple[nn.Parameter, torch.Tensor, torch.Tensor | None]] = {}

    def __enter__(self) -> Untouched:
        modules = list(self.model.modules())
        self.modules = [(module, _attributes(module)) for module in modules]
        self.buffers = [
            (buffer, buffer.requires_grad, _copied(buffer)) for buffer in _held(modules, "_buffers")
        ]
        self.parameters = [
            (p, p.requires_grad, p.grad, _copied(p.grad)) for p in _held(modules, "_parameters")
        ]
        self.random = random_states()
        return self

    def keep(self, parameter: nn.Parameter, *, rebound: bool = False) -> None:
        """Remembers a parameter that is about to be written (or, if `rebound`, given other storage)."""
        if id(parameter) not in self.kept:
            values = None if rebound else parameter.detach().clone()
            self.kept[id(parameter)] = (parameter, parameter.data, values)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for parameter, data, values in self.kept.values():
            parameter.data = data
            if values is not None:
                data.copy_(values)
        for module, found in self.modules:
            _put_back(module, found)
        for buffer, trainable, value in self.buffers:
            if value is not None:
                buffer.data.copy_(value)
            if buffer.requires_grad != trainable and buffer.is_leaf:
                buffer.requires_grad_(trainable)
        for parameter, trainable, gradient, value in self.parameters:
            if parameter.requires_grad != trainable:
                parameter.requires_grad_(trainable)
            if parameter.grad is not gradient:
                parameter.grad = gradient
            if gradient is not None and value is not None and not torch.equal(gradient, value):
                gradient.data.copy_(value)
        set_random_states(self.random)


def _held(modules: list[nn.Module], table: str) -> list[Any]:
    """Every tensor in one of the modules' tables, once."""
    held = (tensor for module in modules for tensor in getattr(module, table).values() if tensor is not None)
    return list({id(tensor): tensor for tensor in held}.values())


def _copied(tensor: torch.Tensor | None) -> torch.Tensor | None:
    if tensor is None or tensor.is_meta or tensor.layout != torch.strided:
        return None
    return tensor.detach().clone()


class _Content(NamedTuple):
    """A container and what was in it."""

    held: Any
    content: Any


def _attributes(module: nn.Module) -> dict[str, Any]:
    """What a module holds; of its tables and plain containers (a spiking neuron has one) the content."""
    found = dict(module.__dict__)
    for name, value in module.__dict__.items():
        # a scripted module's tables are views that cannot be written
        if type(value) in _CONTAINERS or (name in _TABLES and hasattr(value, "copy")):
            found[name] = _Content(value, value.copy() if value else ())  # nearly all of them are empty
    return found


def _put_back(module: nn.Module, found: dict[str, Any]) -> None:
    now = module.__dict__
    for name in now.keys() - found.keys():
        del now[name]
    for name, value in found.items():
        if type(value) is _Content:
            if (value.held or value.content) and (name in _TABLES or _holds_tensors(value.held)):
                _refill(value.held, value.content)
            value = value.held
        if now.get(name, _put_back) is not value:
            now[name] = value


def _holds_tensors(held: Any) -> bool:
    """Whether signals may lie in a container; what a model counts or logs there is its own."""
    return any(isinstance(one, torch.Tensor) for one in (held.values() if isinstance(held, dict) else held))


def _refill(table: Any, content: Any) -> None:
    if isinstance(table, dict) and len(table) == len(content):
        same = all(a is b and table[a] is content[b] for a, b in zip(table, content, strict=True))
    elif isinstance(table, (list, deque)):
        same = len(table) == len(content) and all(a is b for a, b in zip(table, content, strict=True))
    else:
        same = not isinstance(table, dict) and table == content
    if not same:
        table.clear()
        (table.extend if isinstance(table, (list, deque)) else table.update)(content)


@contextmanager
def same_random() -> Iterator[None]:
    """Every random state is as before afterwards, whatever draws inside."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)


def random_states() -> dict[str, Any]:
    """The global states of Python's, NumPy's and torch's random numbers."""
    states: dict[str, Any] = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states["cuda"] = torch.cuda.get_rng_state_all()
    if (numpy := sys.modules.get("numpy")) is not None:
        states["numpy"] = numpy.random.get_state()
    return states


def seeded(seed: int) -> None:
    """Seed torch's random numbers, on processors and on GPUs where there are some.

    torch.manual_seed writes down the whole call stack each time, for a GPU that may come to be used: that
    takes longer than an update of a small model.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


def set_random_states(states: dict[str, Any]) -> None:
    """Puts such states back."""
    random.setstate(states["python"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
    if "numpy" in states:
        sys.modules["numpy"].random.set_state(states["numpy"])
