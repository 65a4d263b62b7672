"""What learning rates need of torch: parameters as they are now, a base's shapes, rates of a receipt."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from isogain.errors import IsogainError
from isogain.graph.entry import PlanError
from isogain.graph.groups import named
from isogain.graph.receipt import Receipt
from isogain.torch.start.ramp import ranges_of
from isogain.torch.start.walking import Loss

__all__ = ["parameters_of", "rated", "shapes_of_base"]


class _Parameters:
    """A function that gives a model's parameters, as long as there is one: none in another process."""

    def __init__(self, model: nn.Module | None = None) -> None:
        self.model = (lambda: None) if model is None else weakref.ref(model)

    def __call__(self) -> Mapping[str, nn.Parameter]:
        alive = self.model()
        if alive is None:
            raise PlanError("the model this plan was made for is gone: give param_groups model=")
        found: Mapping[str, nn.Parameter] = named(alive)
        return found

    def __reduce__(self) -> tuple[type[_Parameters], tuple[()]]:
        return _Parameters, ()

    def __deepcopy__(self, memo: Any) -> _Parameters:
        return self


def parameters_of(model: nn.Module) -> Callable[[], Mapping[str, nn.Parameter]]:
    """A function that gives the model's parameters by stable path, whatever wrapped or sharded it since."""
    return _Parameters(model)


def shapes_of_base(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, a base model replaced by its parameters' shapes."""
    base = options.get("base")
    if isinstance(base, nn.Module):
        return {**options, "base": {path: tuple(p.shape) for path, p in base.named_parameters()}}
    return dict(options)


def rated(receipt: Receipt, model: nn.Module, inputs: Any, loss: Loss | None) -> Receipt:
    """The receipt with the rates measured on this batch, which its plan knows too; why not, in its notes.

    Theory knows neither data nor loss, so what is measured takes its place.
    """
    made = receipt.plan
    try:
        made.rates = ranges_of(model, inputs, loss)
    except (IsogainError, RuntimeError) as error:  # the start stands, whatever its rates are
        made.rates, made.notes = (), (*made.notes, f"learning rates were not measured: {error}")
    return receipt
