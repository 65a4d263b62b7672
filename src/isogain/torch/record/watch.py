"""A function mode that sees every operation that may hand on a signal, by name, with its very tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from isogain.torch.call.guard import Untouched
from isogain.torch.call.operations import BLANK, SKIPPED, writes
from isogain.torch.call.tensors import operation_name, transparent
from isogain.torch.record.known import KnownTensors

__all__ = ["Watch"]


class Watch(TorchFunctionMode):
    """Hands each operation on to `_run`; parameters that the model writes into are kept first."""

    def __init__(self, model: nn.Module, guard: Untouched) -> None:
        super().__init__()
        self.model = model
        self.known = KnownTensors(model, guard)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = operation_name(func)
        if name in SKIPPED or name in BLANK:
            return func(*args, **kwargs)
        if name == "multi_head_attention_forward":
            with self:
                return transparent(func)(*args, **kwargs)
        if writes(name) or name == "__set__":
            self.known.before_write(name, func, args)
        return self._run(name, func, args, kwargs)

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs one operation."""
        return func(*args, **kwargs)
