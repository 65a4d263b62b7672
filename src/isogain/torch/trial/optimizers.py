"""Optimizers by name, class or function, and the rates that are tried unless others are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from isogain.checking import Checks, shown
from isogain.errors import TrialError
from isogain.torch.trial.signatures import asks

__all__ = ["Make", "elementwise", "made_by", "optimizer_rates", "optimizers_of"]

CHECKS = Checks(TrialError)
Make = Callable[..., torch.optim.Optimizer]
"""Of (parameters or groups, lr=rate)."""


@dataclass(frozen=True)
class _Fused:
    """One kernel for all parameters: for small models the calls take longer than the arithmetic."""

    kind: Callable[..., torch.optim.Optimizer]

    def __call__(self, parameters: Any, lr: float) -> torch.optim.Optimizer:
        try:
            return self.kind(parameters, lr=lr, fused=True)
        except RuntimeError:  # complex parameters, or a device without such a kernel
            return self.kind(parameters, lr=lr)


NAMED: Mapping[str, Make] = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "adam": _Fused(torch.optim.Adam),
    "adamw": _Fused(torch.optim.AdamW),
    "rmsprop": torch.optim.RMSprop,
}
ELEMENTWISE = (
    torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad,
    torch.optim.Adamax, torch.optim.NAdam, torch.optim.RAdam,
)  # fmt: skip
RATES: Mapping[str, tuple[float, ...]] = {"sgd": (0.01, 0.03, 0.1, 0.3), "momentum": (0.003, 0.01, 0.03, 0.1)}
SIGNED = (3e-4, 1e-3, 3e-3, 1e-2)
"""Of optimizers whose steps are of one size a weight."""


def optimizers_of(given: Any) -> tuple[tuple[str, Make], ...]:
    """(name, maker) of each; TrialError for what is none."""
    several = given if isinstance(given, (list, tuple)) else (given,)
    if not several:
        raise TrialError("optimizers: at least one is needed, such as 'adam'")
    made = tuple(_one(one) for one in several)
    names = [name for name, _ in made]
    if len(set(names)) < len(names):
        raise TrialError(f"optimizers must have names of their own, got {', '.join(names)}")
    return made


def _one(given: Any) -> tuple[str, Make]:
    if isinstance(given, str) and given.lower() in NAMED:
        return given.lower(), NAMED[given.lower()]
    if isinstance(given, str) or not callable(given):
        raise TrialError(
            f"optimizers: one of {', '.join(NAMED)}, or a function of (parameters, lr=rate) that gives a "
            f"torch.optim.Optimizer, got {shown(given)}"
        )
    inner = given.func if isinstance(given, partial) else given
    return str(getattr(inner, "__name__", type(inner).__name__)).lower(), given


def made_by(name: str, make: Make, parameters: Any, rate: float) -> torch.optim.Optimizer:
    """The optimizer over these parameters or groups; TrialError says why there is none that can be used."""
    try:
        made = make(parameters, lr=rate)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise TrialError(f"optimizers: {name}(parameters, lr={rate:g}) raised {told}") from error
    if not isinstance(made, torch.optim.Optimizer):
        raise TrialError(f"optimizers: {name} must give a torch.optim.Optimizer, got {shown(made)}")
    if asks(made.step):
        raise TrialError(
            f"optimizers: the steps of {name} ask for a closure that calls the model again, and a trial has "
            "none to give"
        )
    return made


def elementwise(make: Any) -> bool:
    """Whether this optimizer treats every number by itself, whatever tensor it is in."""
    inner = make.func if isinstance(make, partial) else make
    return (inner.kind if isinstance(inner, _Fused) else inner) in ELEMENTWISE


def optimizer_rates(given: Any, names: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """The rates of each optimizer, ascending: those given for all or by name, or the usual grid."""
    if given is None:
        return {name: RATES.get(name, SIGNED) for name in names}
    if isinstance(given, Mapping):
        lost = [name for name in names if name not in given]
        if lost:
            raise TrialError(f"rates: none are given for {', '.join(lost)}")
        return {name: _rates(given[name]) for name in names}
    found = _rates(given)
    return dict.fromkeys(names, found)


def _rates(given: Any) -> tuple[float, ...]:
    one = given is None or isinstance(given, (str, bytes, int, float)) or getattr(given, "ndim", 1) == 0
    several = (given,) if one else CHECKS.series("rates", given, "finite numbers above 0, or one of them")
    if not several:
        raise TrialError(f"rates must be finite numbers above 0, got {shown(given)}")
    return tuple(sorted({CHECKS.number("rates", one, above=0) for one in several}))
