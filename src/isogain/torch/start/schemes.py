"""A start by whatever names it: "own", "init_", a law of the catalog, a recipe, a plan, a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import nn

from isogain.checking import shown
from isogain.core.geometry.layout import implied
from isogain.core.names.catalog import get
from isogain.core.names.typed import InitializerName
from isogain.core.values.initializer import Initializer
from isogain.errors import InspectError, IsogainError
from isogain.graph.plan import Plan
from isogain.graph.rules.registry import DEFAULT, recipes
from isogain.torch.draw.fill import fill_
from isogain.torch.start.apply import apply_
from isogain.torch.start.starting import init_

__all__ = ["Scheme", "Starter", "scheme_name", "starter"]

Scheme = (
    Literal["current", "own", "default", "init_"]
    | InitializerName
    | str
    | Initializer
    | Plan
    | Callable[[nn.Module, int], Any]
)
Starter = Callable[[nn.Module, int], Any]
LAYOUTS: dict[type[nn.Module], str] = {
    nn.Linear: "out in", nn.Conv1d: "out in *", nn.Conv2d: "out in *", nn.Conv3d: "out in *",
    nn.ConvTranspose1d: "in out *", nn.ConvTranspose2d: "in out *", nn.ConvTranspose3d: "in out *",
}  # fmt: skip


def scheme_name(scheme: Scheme) -> str:
    """How a scheme is called where it has no other name."""
    if isinstance(scheme, Plan):
        return f"plan {scheme.hash[:6]}"
    return scheme if isinstance(scheme, str) else getattr(scheme, "__name__", None) or str(scheme)


def starter(scheme: Scheme, inputs: Any) -> Starter:
    """What starts a model in place from a seed by this scheme; InspectError for one that is unknown.

    "current" and "own" leave it as it stands, "default" calls each module's own reset_parameters, "init_" is
    isogain.torch.init_; a name of the catalog or an Initializer draws every linear and convolution weight
    (biases zero, the rest as is); a recipe's name or a Plan draws what they say.
    """
    if isinstance(scheme, str) and scheme in _NAMED:
        return _NAMED[scheme](inputs)
    if isinstance(scheme, Plan):
        return lambda model, seed: apply_(model, scheme, seed)
    if isinstance(scheme, str) and scheme in recipes() and scheme != DEFAULT:
        return lambda model, seed: init_(model, inputs, seed=seed, recipe=scheme)
    if callable(scheme) and not isinstance(scheme, Initializer):
        return scheme
    try:
        law = get(scheme) if isinstance(scheme, str) else scheme
        if not isinstance(law, Initializer):
            raise InspectError("not a name, an Initializer, a Plan or a function of (model, seed)")
    except IsogainError as error:
        raise InspectError(f"no scheme {shown(scheme)}: {error}") from error
    return lambda model, seed: _drawn(model, law, seed)


def _kept(inputs: Any) -> Starter:
    return lambda model, seed: None


_NAMED: Mapping[str, Callable[[Any], Starter]] = {
    "current": _kept,
    "own": _kept,
    "default": lambda inputs: _reset,
    "init_": lambda inputs: lambda model, seed: init_(model, inputs, seed=seed),
}


def _reset(model: nn.Module, seed: int) -> None:
    """Every module's own reset_parameters, from this seed; the global state is put back by the caller."""
    torch.manual_seed(seed)
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()


def _drawn(model: nn.Module, law: Initializer, seed: int) -> None:
    for name, module in model.named_modules():
        layout = LAYOUTS.get(type(module))
        if layout is not None and isinstance(weight := getattr(module, "weight", None), torch.Tensor):
            groups = int(getattr(module, "groups", 1))
            fill_(weight, law, seed=seed, path=f"{name}.weight", layout=implied(layout), groups=groups)
            if isinstance(bias := getattr(module, "bias", None), torch.Tensor):
                nn.init.zeros_(bias)
