"""The starts that are compared, each a function that writes a model's parameters in place."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable
from typing import Any

import lsuv
import torch
from torch import Tensor, nn

import isogain as ig

Start = Callable[[nn.Module, Any, int], object]

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
SLOPES = {nn.LeakyReLU: 0.01, nn.PReLU: 0.25}


def default(model: nn.Module, inputs: Any, seed: int) -> None:
    """The model as its own constructor left it."""


def isogain(model: nn.Module, inputs: Any, seed: int) -> str:
    """What this benchmark is about, as a user calls it; the hash of its plan."""
    import isogain.torch as igt  # the others are measured without it

    return igt.init_(model, inputs, seed=seed).plan_hash


def _everywhere(write: Callable[[Tensor], object]) -> Start:
    """A function of torch.nn.init on every weight matrix and kernel, biases 0."""

    def start(model: nn.Module, inputs: Any, seed: int) -> None:
        torch.manual_seed(seed)
        for module in model.modules():
            if isinstance(module, WEIGHTED):
                write(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    return start


def kaiming(model: nn.Module, inputs: Any, seed: int) -> None:
    """He's normal start, its gain that of leaky units where the model has them."""
    slope = next((SLOPES[type(m)] for m in model.modules() if type(m) in SLOPES), 0.0)
    _everywhere(lambda w: nn.init.kaiming_normal_(w, a=slope))(model, inputs, seed)


def orthogonal(model: nn.Module, inputs: Any, seed: int) -> None:
    """Orthogonal, with torch's gain for the activation; at the kernel's centre in convolutions."""
    gain = max(_gain(module) for module in model.modules())

    def write(weight: Tensor) -> None:
        if weight.dim() == 2:
            nn.init.orthogonal_(weight, gain)
            return
        with torch.no_grad():
            weight.zero_()
            weight[(..., *(size // 2 for size in weight.shape[2:]))] = nn.init.orthogonal_(
                torch.empty(weight.shape[:2]), gain
            )

    _everywhere(write)(model, inputs, seed)


def _gain(module: nn.Module) -> float:
    """torch.nn.init.calculate_gain, with the variance-keeping gain for what it does not know."""
    names = {nn.ReLU: "relu", nn.ReLU6: "relu", nn.Tanh: "tanh", nn.SELU: "selu", nn.Sigmoid: "sigmoid"}
    if type(module) in SLOPES:
        return nn.init.calculate_gain("leaky_relu", SLOPES[type(module)])
    if type(module) in names:
        return nn.init.calculate_gain(names[type(module)])
    known = {nn.GELU: "gelu", nn.SiLU: "silu", nn.Mish: "mish", nn.ELU: "elu", nn.CELU: "celu"}
    if type(module) in known:
        return ig.activation(known[type(module)]).gain()
    return 1.0


def unit_variance(model: nn.Module, inputs: Any, seed: int) -> None:
    """LSUV 0.3.0, the package."""
    torch.manual_seed(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        lsuv.lsuv_with_singlebatch(model, inputs, verbose=False)


@torch.no_grad()
def autoinit(model: nn.Module, inputs: Any, seed: int) -> None:
    """AutoInit's rule (Bingham & Miikkulainen 2023): Var w = 1 / (fan_in (mean^2 + variance)), by layer.

    Means and variances are carried through the layers analytically, as of independent normal numbers.
    """
    torch.manual_seed(seed)
    mean, variance = float(inputs.mean()), float(inputs.var())
    for module in _in_order(model):
        if isinstance(module, WEIGHTED):
            fan_in = module.weight[0].numel()
            nn.init.trunc_normal_(module.weight, 0, 1, -2, 2).mul_(
                1 / (0.8796 * math.sqrt(fan_in * (mean**2 + variance)))
            )
            nn.init.zeros_(module.bias)
            mean, variance = 0.0, 1.0
        elif not isinstance(module, nn.Flatten):
            z = mean + math.sqrt(variance) * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
            after = module(z)
            mean, variance = float(after.mean()), float(after.var())


def _in_order(model: nn.Module) -> list[nn.Module]:
    """The layers of a plain stack."""
    return [module for module in model.modules() if not list(module.children())]


def fixup(model: nn.Module, inputs: Any, seed: int) -> None:
    """Fixup by hand (Zhang et al. 2019): He's, branches of m layers times L^(-1/(2m-2)), last layers 0."""
    kaiming(model, inputs, seed)
    branches = [module for module in model.modules() if hasattr(module, "branch")]
    with torch.no_grad():
        for block in branches:
            layers = [module for module in block.branch.modules() if isinstance(module, WEIGHTED)]
            for layer in layers[:-1]:
                layer.weight.mul_(len(branches) ** (-1 / (2 * len(layers) - 2)))
            layers[-1].weight.zero_()
        model.head.weight.zero_()


def gpt2(model: nn.Module, inputs: Any, seed: int) -> None:
    """GPT-2's: normal of std 0.02, residual outputs over sqrt(2 N), biases 0."""
    torch.manual_seed(seed)
    blocks = sum(hasattr(module, "residual_outputs") for module in model.modules())
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in model.modules():
        for layer in getattr(module, "residual_outputs", ()):
            nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * blocks))


def recurrent_orthogonal(model: nn.Module, inputs: Any, seed: int) -> None:
    """Orthogonal recurrent matrices, gate by gate, Xavier elsewhere, forget bias 1: the usual recipe."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "weight_hh" in name:
            for gate in parameter.data.split(parameter.shape[1]):
                nn.init.orthogonal_(gate)
        elif parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
        if "bias_ih" in name and parameter.shape[0] > 2 * model.hidden:  # type: ignore[operator]
            parameter.data[model.hidden : 2 * model.hidden] = 1.0  # type: ignore[misc, operator]


STARTS: dict[str, Start] = {
    "isogain": isogain,
    "default": default,
    "xavier": _everywhere(nn.init.xavier_normal_),
    "kaiming": kaiming,
    "orthogonal": orthogonal,
    "LSUV": unit_variance,
    "AutoInit": autoinit,
    "Fixup": fixup,
    "GPT-2": gpt2,
    "recurrent orthogonal": recurrent_orthogonal,
}
PLAIN = ("isogain", "default", "xavier", "kaiming", "orthogonal", "LSUV", "AutoInit")
