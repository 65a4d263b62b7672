"""What each verb of a Fix does to a torch model, and how a line says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.inspect.fixes import FLAT_ANSWERS, RESCALED_ANSWERS, Change, Dialect, Fix
from isogain.torch.call.losses import Bound, Loss, Named
from isogain.torch.draw.init import constant_, normal_, orthogonal_
from isogain.torch.mending.data import DATA_VERBS, changed_data
from isogain.torch.start.starting import init_

__all__ = ["TORCH", "carried_out"]

Tensor = torch.Tensor

TORCH = Dialect(
    "model.get_parameter({name})",
    {
        "fill": "torch.nn.init.constant_({p}, {value})",
        "entry": "{p}.data[{text}].fill_({value})",
        "norm": "{p}.data.mul_({value} / {p}.data.norm())",
        "normal": "igt.normal_({p}, std={value}, seed=0, path={name})",
        "orthogonal": "igt.orthogonal_({p}, gain={value}, seed=0, path={name})",
        "patch": "{p}.data.copy_({p}.data.where({p}.isfinite(), "
        "igt.normal_({p}.data.clone(), std={value}, seed=0, path={name})))",
        "drop": "{p}.data.masked_fill_({p}.data.abs() >= {value}, 0)",
        "freeze": "{p}.requires_grad_(False)",
        "restart": "igt.init_(model, inputs)",
        "cast": "model.to(torch.{text})",
        "inputs": "inputs = inputs / {text}",
        "standardise": "inputs = (inputs - {0}) / {1}",
        "targets": RESCALED_ANSWERS,
        "align": FLAT_ANSWERS,
    },
    modules=True,
)


def _scaled(parameter: Tensor, length: float, *_: str) -> None:
    parameter.data.mul_(length / parameter.data.norm())


def _patched(parameter: Tensor, std: float, path: str, _: str) -> None:
    fresh = normal_(parameter.data.clone(), std=std, seed=0, path=path)
    parameter.data.copy_(parameter.data.where(parameter.isfinite(), fresh))


VERBS: Mapping[str, Callable[[Tensor, float, str, str], Any]] = {
    "fill": lambda parameter, value, *_: constant_(parameter, value),
    "entry": lambda parameter, value, _, place: parameter[int(place)].fill_(value),
    "norm": _scaled,
    "normal": lambda parameter, std, path, _: normal_(parameter, std=std, seed=0, path=path),
    "orthogonal": lambda parameter, gain, path, _: orthogonal_(parameter, gain=gain, seed=0, path=path),
    "patch": _patched,
    "drop": lambda parameter, size, *_: parameter.data.masked_fill_(parameter.data.abs() >= size, 0),
    "freeze": lambda parameter, *_: parameter.requires_grad_(False),
}


def carried_out(fix: Fix, model: nn.Module, inputs: Any, loss: Loss | None = None) -> tuple[Any, Loss | None]:
    """Does what the Fix says to a model, in place; returns the inputs and the loss that go with it."""
    for change in fix.changes:
        if change.verb in DATA_VERBS:
            inputs, loss = changed_data(change, inputs, loss)
        elif change.verb == "restart":
            init_(model, inputs, loss=loss if isinstance(loss, (Bound, Named)) else None)
        elif change.verb == "cast":
            inputs = _cast(change, model, inputs)
        else:
            _each(change, model)
    return inputs, loss


@torch.no_grad()
def _each(change: Change, model: nn.Module) -> None:
    for name, value in change.values:
        VERBS[change.verb](model.get_parameter(name), float(f"{value:.6g}"), name, change.text)


def _cast(change: Change, model: nn.Module, inputs: Any) -> Any:
    dtype = getattr(torch, change.text)
    model.to(dtype)
    return pytree.tree_map_only(Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, inputs)
