"""A plain stack, and what its layers hand on: for tests of plans."""

from __future__ import annotations

import math

import torch
from torch import nn


def mlp(activation, depth=30, width=64, inputs=32, outputs=10):
    layers, size = [], inputs
    for _ in range(depth - 1):
        layers += [nn.Linear(size, width), activation()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, outputs))


def sizes(model, inputs, kinds=(nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
    """Root mean squares of what every layer hands on and of the gradients that come back, by plain hooks."""
    forward, backward, handles = [], [], []

    def watch(module, given, output):
        place = len(forward)
        forward.append(float(output.detach().square().mean().sqrt()))
        backward.append(math.nan)
        output.register_hook(lambda g: backward.__setitem__(place, float(g.square().sum().sqrt())))

    for module in model.modules():
        if isinstance(module, kinds):
            handles.append(module.register_forward_hook(watch))
    output = model(inputs)
    (output * torch.randn(output.shape)).sum().backward()
    for handle in handles:
        handle.remove()
    return forward, backward
