"""What each verb of a Fix does to a torch model, and how a line says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.inspect.fixes import RESCALED_ANSWERS, Change, Dialect, Fix, rescaled_answers
from isogain.torch.call.calling import Loss
from isogain.torch.call.losses import Bound, Named, target_name, wants_targets
from isogain.torch.draw.init import constant_, normal_, orthogonal_
from isogain.torch.start.starting import init_

__all__ = ["TORCH", "carried_out", "worded"]

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
        "restart": "igt.init_(model, inputs{text})",
        "cast": "model.to(torch.{text})",
        "inputs": "inputs = inputs / {text}",
        "targets": RESCALED_ANSWERS,
    },
    modules=True,
)


def worded(dialect: Dialect, inputs: Any, loss: Any) -> Dialect:
    """The dialect with lines about data that fit `inputs` as they were given: a batch, or several parts.

    Targets that only a loss of the output alone knows are standardised by handing it answers on their scale.
    """
    several = type(inputs) in (tuple, list)
    said = dict(dialect.verbs)
    if several and len(inputs):
        rest = ", *inputs[1:]" if len(inputs) > 1 else ","
        said["inputs"] = f"inputs = (inputs[0] / {{text}}{rest})"
    if loss is None or wants_targets(loss):
        del said["targets"]
    if wants_targets(loss) and several:
        said["targets"] = "inputs = (*inputs[:-1], (inputs[-1] - {0}) / {1})"
    elif wants_targets(loss) and isinstance(inputs, Mapping) and (name := target_name(inputs)):
        said["targets"] = f"inputs = {{{{**inputs, {name!r}: (inputs[{name!r}] - {{0}}) / {{1}}}}}}"
    return replace(dialect, verbs=said)


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


def carried_out(
    fix: Fix, model: nn.Module, inputs: Any, loss: Loss | None = None
) -> tuple[Any, Loss | None]:
    """Does what the Fix says to a model, in place; returns the inputs and the loss that go with it."""
    for change in fix.changes:
        if change.verb == "restart":
            init_(model, inputs, loss=loss if change.text else None)
        elif change.verb == "cast":
            inputs = _cast(change, model, inputs)
        elif change.verb == "inputs":
            inputs = _divided(inputs, float(change.text))
        elif change.verb == "targets" and loss is not None:
            loss = _on_their_scale(loss, change.text)
        else:
            _each(change, model)
    return inputs, loss


def _on_their_scale(loss: Loss, scale: str) -> Loss:
    if not isinstance(loss, (Bound, Named)):
        return rescaled_answers(loss, scale)
    mean, deviation = map(float, scale.split())
    return replace(loss, targets=(loss.targets - mean) / deviation)


@torch.no_grad()
def _each(change: Change, model: nn.Module) -> None:
    for name, value in change.values:
        VERBS[change.verb](model.get_parameter(name), float(f"{value:.6g}"), name, change.text)


def _divided(inputs: Any, size: float) -> Any:
    return pytree.tree_map_only(Tensor, lambda t: t / size if t.is_floating_point() else t, inputs)


def _cast(change: Change, model: nn.Module, inputs: Any) -> Any:
    dtype = getattr(torch, change.text)
    model.to(dtype)
    return pytree.tree_map_only(Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, inputs)
