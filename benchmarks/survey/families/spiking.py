"""Spiking networks: snntorch and spikingjelly; ten classes of digits, a few steps of time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from survey.models import add
from survey.tasks import images, vectors

Build = Callable[[], nn.Module]


class Leaky(nn.Module):
    """Linear layers and leaky neurons over ten steps; the last membrane speaks, averaged over time."""

    def __init__(self, kind: str, widths: tuple[int, ...] = (64, 64, 64, 10), **options: Any) -> None:
        super().__init__()
        make = getattr(import_module("snntorch"), kind)
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(widths)])
        self.neurons = nn.ModuleList([make(**options) for _ in self.layers])

    def forward(self, x: Tensor) -> Tensor:
        states = [_several(neuron.reset_mem()) for neuron in self.neurons]
        total = torch.zeros(len(x), 10)
        for _ in range(10):
            now = x
            for k, (layer, neuron) in enumerate(zip(self.layers, self.neurons, strict=True)):
                now, *states[k] = neuron(layer(now), *states[k])
            total = total + states[-1][-1]
        return total / 10


def _several(state: Any) -> list[Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


def leaky(kind: str, **options: Any) -> Build:
    return lambda: Leaky(kind, **options)


add("snntorch", {"Leaky": leaky("Leaky", beta=0.9), "Synaptic": leaky("Synaptic", alpha=0.8, beta=0.9),
                 "Lapicque": leaky("Lapicque", beta=0.9), "Leaky-deep": leaky("Leaky", beta=0.9, widths=(64,) * 7 + (10,))},
    vectors())  # fmt: skip


class Stepped(nn.Module):
    """A spiking network run for four steps from rest; its outputs' mean."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        import_module("spikingjelly.activation_based.functional").reset_net(self.net)
        return torch.stack([self.net(x) for _ in range(4)]).mean(0)


def jelly(module: str, name: str, **options: Any) -> Build:
    """A network of spikingjelly with integrate-and-fire or leaky neurons."""

    def build() -> nn.Module:
        base = "spikingjelly.activation_based"
        model = getattr(import_module(f"{base}.model.{module}"), name)
        options.setdefault("neuron", "IFNode")
        neuron = getattr(import_module(f"{base}.neuron"), options["neuron"])
        return Stepped(model(spiking_neuron=neuron, surrogate_function=import_module(f"{base}.surrogate").ATan(),
                             detach_reset=True, num_classes=10, **{k: v for k, v in options.items() if k != "neuron"}))  # fmt: skip

    return build


add("spikingjelly", {
    "spiking_resnet18": jelly("spiking_resnet", "spiking_resnet18"), "sew_resnet18": jelly("sew_resnet", "sew_resnet18", cnf="ADD"),
    "spiking_vgg11": jelly("spiking_vgg", "spiking_vgg11", neuron="LIFNode"), "spiking_vgg11_bn": jelly("spiking_vgg", "spiking_vgg11_bn"),
}, images(32, 8))  # fmt: skip
