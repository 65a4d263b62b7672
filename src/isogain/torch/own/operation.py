"""What the schema of an operation says, read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

__all__ = ["Operation", "leaves_of", "mapped", "operation_of", "tensors_in"]

Tensor = torch.Tensor

_SIZES = ("size", "stride", "numel", "dim", "sym_size", "sym_stride", "sym_numel", "sym_storage_offset")
_VOID = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")
_ONLY_WRITE = (
    "normal_", "uniform_", "fill_", "zero_", "copy_", "random_", "exponential_", "log_normal_", "cauchy_",
    "geometric_", "bernoulli_",
)  # fmt: skip
_LIFTS = ("lift_fresh", "lift_fresh_copy", "lift")
_FILLS: dict[str, Callable[..., bool]] = {
    "normal_": lambda mean=0.0, std=1.0: std >= 0,
    "uniform_": lambda low=0.0, high=1.0: low <= high,
    "fill_": lambda value: True,
    "zero_": lambda: True,
}
"""What writes every element, and whether its numbers are any that it takes."""
_RUNNING = ("running_mean", "running_var")
_UNDECLARED = {"native_batch_norm": _RUNNING, "cudnn_batch_norm": _RUNNING, "miopen_batch_norm": _RUNNING}
"""What operations write without their schema saying so."""


class Operation:
    """One operation of the dispatcher: what it makes, writes and asks for."""

    def __init__(self, func: Any) -> None:
        schema = func._schema
        names = [one.name for one in schema.arguments]
        self.name: str = schema.name.partition("::")[2]
        self.is_random = torch.Tag.nondeterministic_seeded in func.tags
        self.is_lift = self.name in _LIFTS
        """Whether it takes up a tensor that was made of Python's or NumPy's data."""
        self.is_void = self.name in _VOID
        """Whether it makes memory without values."""
        self.reads_what_it_writes = self.name not in _ONLY_WRITE
        self.asks = torch.Tag.data_dependent_output in func.tags or self._gives_no_tensor(schema)
        """Whether Python wants to know a value."""
        self.makes = "device" in names
        self.has_dtype = self.makes and "dtype" in names
        self.on_meta: dict[str, Any] = {"device": torch.device("meta")} if self.makes else {}
        if "pin_memory" in names:
            self.on_meta["pin_memory"] = False
        tags = func.tags
        self._in_place = torch.Tag.pointwise in tags and torch.Tag.inplace in tags
        self._written = [
            (place, one.name)
            for place, one in enumerate(schema.arguments)
            if (one.alias_info is not None and one.alias_info.is_write)
            or one.name in _UNDECLARED.get(self.name, ())
        ]

    def _gives_no_tensor(self, schema: Any) -> bool:
        kinds = [str(one.type) for one in schema.returns]
        return bool(kinds) and not any("Tensor" in one for one in kinds) and self.name not in _SIZES

    def changes_only_values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether, of a tensor without memory, nothing changes by this call, which then need not run."""
        given = [one for name, one in kwargs.items() if name != "generator"]
        numbers = (*args[1:], *given)
        if not all(one is None or isinstance(one, _NUMBERS) for one in numbers):
            return False
        takes = _FILLS.get(self.name)
        if takes is not None:
            return not given and takes(*numbers)
        return self._in_place and isinstance(args[0], Tensor) and args[0].is_floating_point()

    def written(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
        """The arguments it writes to."""
        found = [args[place] if place < len(args) else kwargs.get(name) for place, name in self._written]
        return tensors_in(found) if found else []


@lru_cache(maxsize=2048)
def operation_of(func: Any) -> Operation:
    """The Operation of an overload of the dispatcher."""
    return Operation(func)


def tensors_in(tree: Any) -> list[Tensor]:
    """Every tensor in nested arguments or results."""
    return [one for one in leaves_of(tree) if isinstance(one, Tensor)]


def leaves_of(tree: Any) -> list[Any]:
    """What stands in nested lists, tuples and dictionaries, in order."""
    found: list[Any] = []
    _gather(tree, found)
    return found


def _gather(tree: Any, found: list[Any]) -> None:
    if isinstance(tree, _NESTS):
        for one in tree.values() if isinstance(tree, dict) else tree:
            _gather(one, found)
    else:
        found.append(tree)


_NUMBERS, _NESTS = (int, float), (list, tuple, dict)


def mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same nesting with every leaf changed."""
    if isinstance(tree, dict):
        return {name: mapped(change, one) for name, one in tree.items()}
    if isinstance(tree, tuple):
        return tuple(mapped(change, one) for one in tree)
    return [mapped(change, one) for one in tree] if isinstance(tree, list) else change(tree)
