"""Layer-sequential unit variance: a start that a batch of real data decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from isogain.errors import InitializerError, InspectError
from isogain.graph.paths import stable_path
from isogain.torch.call.calling import applied, arguments_of, eager
from isogain.torch.call.guard import Untouched
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.draw.fill import fill_

__all__ = ["lsuv_"]

Tensor = torch.Tensor
LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


def lsuv_(
    model: nn.Module,
    inputs: Any,
    *,
    seed: int,
    tolerance: float = 0.02,
    iterations: int = 10,
    exclude: Sequence[str] = (),
) -> nn.Module:
    """Return the model, every linear and convolutional layer orthogonal and of unit output variance.

        W = Q, b = 0;  then, layer by layer as they run:  W <- W / Std[W x]  until |Var[W x] - 1| < tolerance

    `inputs` (a tensor, a tuple or a mapping) should be a batch of real data; the pass runs in evaluation
    mode, and buffers, gradients, hooks and random states are put back.  A layer that runs twice is scaled
    the first time; `exclude` names layers (paths) that keep their weights.  Other parameters keep theirs.

    InspectError names a layer whose outputs are all equal, or what the model raised; InitializerError where
    there is no such layer.  Nothing was written then.

    >>> net = lsuv_(nn.Sequential(nn.Linear(20, 50), nn.ReLU()), torch.randn(256, 20), seed=0)
    >>> bool(abs(net[0](torch.randn(999, 20)).var() - 1) < 0.2)
    True

    Source: Mishkin & Matas 2016, arXiv 1511.06422, algorithm 1.
    """
    model = plain_module(model)
    layers = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, LAYERS) and stable_path(path) not in exclude
    }
    if not layers:
        raise InitializerError("lsuv_: the model has no linear or convolutional layer to scale")
    inputs, _ = understood(model, inputs)
    found = _scaled(model, layers, inputs, seed, tolerance, iterations)
    with torch.no_grad():
        for parameter, values in found:
            parameter.copy_(values)
    return model


def _scaled(
    model: nn.Module, layers: dict[str, Any], inputs: Any, seed: int, tolerance: float, iterations: int
) -> list[tuple[nn.Parameter, Tensor]]:
    """The weights that the pass arrives at; the model itself is put back."""
    positional, named = arguments_of(inputs)
    with Untouched(model) as guard, eager(), torch.no_grad():
        model.eval()
        for path, layer in layers.items():
            for parameter in _parameters(layer):
                guard.keep(parameter)
            _draw(layer, path, seed)
            layer.register_forward_hook(_Scaler(path, tolerance, iterations), with_kwargs=True)
        applied(model, positional, named)
        return [(p, p.detach().clone()) for layer in layers.values() for p in _parameters(layer)]


def _parameters(layer: Any) -> list[nn.Parameter]:
    return [layer.weight] + ([] if layer.bias is None else [layer.bias])


def _draw(layer: Any, path: str, seed: int) -> None:
    transposed = getattr(layer, "transposed", False)
    fill_(
        layer.weight, "orthogonal", seed=seed, path=f"{stable_path(path)}.weight",
        layout="in out *" if transposed else "out in *", groups=getattr(layer, "groups", 1),
        stride=layer.stride if transposed else 1, transposed=transposed,
    )  # fmt: skip
    if layer.bias is not None:
        layer.bias.zero_()


class _Scaler:
    """A forward hook that scales its layer's weight, once, and returns what the layer then gives."""

    def __init__(self, path: str, tolerance: float, iterations: int) -> None:
        self.path, self.tolerance, self.iterations, self.done = path, tolerance, iterations, False

    def __call__(self, layer: Any, arguments: Any, named: Any, output: Tensor) -> Tensor:
        for _ in range(0 if self.done else self.iterations):
            variance = float(output.double().var(correction=0))
            if not (math.isfinite(variance) and variance > 0):
                raise InspectError(
                    f"lsuv_: the layer {stable_path(self.path)!r} gives outputs of variance {variance:g} on "
                    "these inputs, which no scale makes 1; nothing was written"
                )
            if abs(variance - 1) < self.tolerance:
                break
            layer.weight.mul_(1 / math.sqrt(variance))
            output = layer.forward(*arguments, **named)
        self.done = True
        return output
