"""A deep stack and examples of ten classes, and training by hand: for tests of learning rates."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from plan_networks import mlp


def classes(count=256, inputs=32, apart=0.7, seed=0):
    """Gaussian clouds around ten centres, of second moment about 1."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    centres = torch.randn(10, inputs, generator=generator) * apart
    x = centres[labels] + torch.randn(count, inputs, generator=generator) * math.sqrt(1 - apart**2)
    return x, labels


def deep(depth=40, activation=nn.ReLU, seed=0):
    torch.manual_seed(seed)
    return mlp(activation, depth=depth, width=48)


def cross_entropy(labels):
    return lambda output: F.cross_entropy(output, labels)


def trained_loss(model, x, labels, rate, momentum=0.0, steps=60, seed=0):
    """The loss on everything after some steps of SGD on batches of 64, written out; inf where it is none."""
    velocity = [torch.zeros_like(p) for p in model.parameters()]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randint(0, len(x), (64,), generator=generator)
        loss = F.cross_entropy(model(x[chosen]), labels[chosen])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, v, g in zip(model.parameters(), velocity, gradients, strict=True):
                p.sub_(v.mul_(momentum).add_(g), alpha=rate)
    with torch.no_grad():
        value = float(F.cross_entropy(model(x), labels))
    return value if math.isfinite(value) else math.inf
