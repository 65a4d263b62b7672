"""Activations of a batch of networks, forward and backward, on arrays of runs x units x examples.

The names are those of the source texts; any other name is taken from torch.nn.functional, its slope
by automatic differentiation of that one function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from isogain.errors import LabError

__all__ = ["LEAKY_SLOPE", "PRELU_START", "RRELU_RANGE", "Nonlinear", "leaky", "nonlinear", "slope_kind"]

LEAKY_SLOPE = 0.01
PRELU_START = 0.25
RRELU_RANGE = (1 / 8, 1 / 3)
"""Slopes are uniform on this range in training (Xu et al. 2015); their mean serves in testing."""

Forward = Callable[[Tensor], Tensor]
Backward = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Nonlinear:
    """h = forward(z), and dz = backward(dh, z, h); forward may overwrite z when `overwrites` says so."""

    forward: Forward
    backward: Backward
    overwrites: bool = False
    """z's place is taken by h: backward reads h only."""


def _relu_backward(dh: Tensor, z: Tensor, h: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward(dh, h, 0)  # type: ignore[no-any-return]


def _sigmoid_backward(dh: Tensor, z: Tensor, h: Tensor) -> Tensor:
    return torch.ops.aten.sigmoid_backward(dh, h)  # type: ignore[no-any-return]


def _tanh_backward(dh: Tensor, z: Tensor, h: Tensor) -> Tensor:
    return torch.ops.aten.tanh_backward(dh, h)  # type: ignore[no-any-return]


def _elu_backward(dh: Tensor, z: Tensor, h: Tensor) -> Tensor:
    return torch.ops.aten.elu_backward(dh, 1.0, 1, 1, True, h)  # type: ignore[no-any-return]


_ROWS: dict[str, Nonlinear] = {
    "relu": Nonlinear(torch.relu_, _relu_backward, overwrites=True),
    "sigmoid": Nonlinear(torch.sigmoid_, _sigmoid_backward, overwrites=True),
    "tanh": Nonlinear(torch.tanh_, _tanh_backward, overwrites=True),
    "elu": Nonlinear(functional.elu_, _elu_backward, overwrites=True),
    "linear": Nonlinear(lambda z: z, lambda dh, z, h: dh, overwrites=True),
}
_ALIASES = {"logistic": "sigmoid", "identity": "linear"}
_SLOPES = ("leaky_relu", "rrelu", "prelu")


def slope_kind(name: str) -> str | None:
    """'leaky_relu', 'rrelu' or 'prelu' for the family max(z, 0) + slope min(z, 0); None for others."""
    return name if name in _SLOPES else None


def leaky(slope: Tensor | float) -> Nonlinear:
    """The family of leaky units at this slope, a number or an array that fits the layer's."""

    def forward(z: Tensor) -> Tensor:
        return torch.where(z > 0, z, z * slope)

    def backward(dh: Tensor, z: Tensor, h: Tensor) -> Tensor:
        return torch.where(z > 0, dh, dh * slope)

    return Nonlinear(forward, backward)


def nonlinear(name: str) -> Nonlinear:
    """The activation of this name.

    Raises LabError for a name that neither this table nor torch.nn.functional knows.
    """
    row = _ROWS.get(_ALIASES.get(name, name))
    return row or _differentiated(name)


def _differentiated(name: str) -> Nonlinear:
    function = getattr(functional, name, None)
    if not callable(function) or name.startswith("_"):
        known = ", ".join(sorted((*_ROWS, *_ALIASES, *_SLOPES)))
        raise LabError(
            f"unknown activation {name!r}: the lab knows {known} and torch.nn.functional's elementwise names"
        )

    def backward(dh: Tensor, z: Tensor, h: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            return torch.autograd.grad(function(leaf), leaf, dh)[0]

    return Nonlinear(function, backward)
