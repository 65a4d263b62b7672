"""What learning rates need of torch: parameters at the moment they are asked for, a base model's shapes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from isogain.graph.entry import PlanError
from isogain.graph.groups import named

__all__ = ["parameters_of", "shapes_of_base"]


def parameters_of(model: nn.Module) -> Callable[[], Mapping[str, nn.Parameter]]:
    """A function that gives the model's parameters by stable path, whatever wrapped or sharded it since."""
    weak = weakref.ref(model)

    def now() -> dict[str, nn.Parameter]:
        alive = weak()
        if alive is None:
            raise PlanError("the model this plan was made for is gone: give param_groups model=")
        return named(alive)

    return now


def shapes_of_base(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, a base model replaced by its parameters' shapes."""
    base = options.get("base")
    if isinstance(base, nn.Module):
        return {**options, "base": {path: tuple(p.shape) for path, p in base.named_parameters()}}
    return dict(options)
