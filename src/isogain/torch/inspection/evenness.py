"""How evenly a start lets a network learn: over examples, over directions of its outputs, over its layers.

To first order training at the largest stable rate takes lambda_1 / lambda_i steps for the i-th eigenvector
of the tangent kernel Theta_ab = grad f_a . grad f_b (Jacot et al. 2018; Xiao et al. 2020): what spreads its
eigenvalues costs steps.  Three things do, each in decades here:

    examples    lambda_1 over the median eigenvalue of Theta between examples: outputs that move alike
    directions  tr (J J^T)^2 tr 1 / (tr J J^T)^2, J the Jacobian of outputs by inputs: 1 for an isometry
    layers      upper over lower quartile of the layers' parts of Theta: gradients that grow with depth
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import torch
from torch import nn

from isogain.torch.call.calling import applied, arguments_of, batch_of, eager
from isogain.torch.call.guard import Untouched
from isogain.torch.call.tensors import tensors_in
from isogain.torch.measure.sampling import spread

__all__ = ["Evenness", "evenness"]

Tensor = torch.Tensor
EXAMPLES, DIRECTIONS = 8, 8
MOST = 16.0
"""Decades that count as all: float64 tells no more apart."""


@dataclass(frozen=True)
class Evenness:
    """Decades by which what is learnt first is ahead of the rest; nan where it cannot be asked."""

    examples: float
    directions: float
    layers: float

    @property
    def decades(self) -> float:
        """All three together; those that cannot be asked count 0."""
        return sum(one for one in (self.examples, self.directions, self.layers) if not math.isnan(one))


def evenness(model: nn.Module, inputs: Any) -> Evenness:
    """The Evenness of a model as it stands, from one forward and sixteen backward passes; all is as before.

    >>> isometry = nn.utils.parametrizations.orthogonal(nn.Linear(8, 8))
    >>> round(evenness(isometry, torch.randn(8, 8)).directions, 6)
    0.0
    """
    with Untouched(model), eager(), torch.enable_grad():
        torch.manual_seed(0)
        positional, named = arguments_of(inputs)
        entries = [t for t in tensors_in((positional, named)) if t.is_floating_point()]
        for entry in entries:
            entry.requires_grad_()
        batch = batch_of(positional, named)
        output = applied(model, positional, named)
        rows = _rows(output, batch)
        if rows is None:
            return Evenness(math.nan, math.nan, math.nan)
        kernel, layers = _kernel(rows, [p for p in model.parameters() if p.requires_grad])
        entries = [entry for entry in entries if entry.dim() > 0 and len(entry) == len(rows)]
        return Evenness(_over_examples(kernel), _over_directions(rows, entries), _over_layers(layers))


def _rows(output: Any, batch: int) -> Tensor | None:
    """The first output that is learnt and counts the examples along its first axis, flat."""
    for tensor in tensors_in(output):
        if tensor.requires_grad and tensor.is_floating_point() and tensor.dim() and len(tensor) == batch > 1:
            return tensor.reshape(batch, -1).float()
    return None


def _kernel(rows: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, list[float]]:
    """Theta between examples for one projection of the outputs, and each weight's part of its trace."""
    signs = _signs(rows.shape[1]).to(rows)
    found = [_sampled(row @ signs, parameters) for row in rows[:EXAMPLES]]
    kernel = torch.zeros(len(found), len(found), dtype=torch.float64)
    layers = []
    for index, parameter in enumerate(parameters):
        parts = torch.stack([one[index] for one in found]).double().cpu()
        share = parts @ parts.T * (parameter.numel() / max(parts.shape[1], 1))
        kernel += share
        if parameter.dim() > 1:
            layers.append(float(share.trace()))
    return kernel, layers


def _signs(count: int) -> Tensor:
    return torch.randint(0, 2, (count,), generator=torch.Generator().manual_seed(0)) * 2.0 - 1


def _sampled(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return [torch.zeros(1) if one is None else spread(one) for one in found]


def _over_examples(kernel: Tensor) -> float:
    if not bool(torch.isfinite(kernel).all()):
        return MOST
    values = torch.linalg.eigvalsh(kernel)
    return _decades(float(values[-1]), float(values[len(values) // 2 - 1]))


def _decades(large: float, small: float) -> float:
    """log10 of the ratio; 0 where there is nothing at all, MOST where the small one is lost."""
    if not large > 0:
        return 0.0
    return min(math.log10(large / small), MOST) if small > 0 else MOST


def _over_directions(rows: Tensor, entries: Sequence[Tensor]) -> float:
    """From the Jacobian of some orthogonal directions of the outputs, examples taken by themselves."""
    if not entries:
        return math.nan
    count = min(rows.shape[1], DIRECTIONS)
    noise = torch.randn(rows.shape[1], count, generator=torch.Generator().manual_seed(1))
    directions = torch.linalg.qr(noise)[0].T.to(rows)
    jacobian = torch.stack([_back(rows, one, entries) for one in directions], 1).double()
    gram = jacobian @ jacobian.mT
    trace = gram.diagonal(dim1=1, dim2=2).sum(-1)
    if not bool(torch.isfinite(gram).all()):
        return MOST
    ratio = count * gram.square().sum((1, 2)) / trace.square()
    ratio = ratio[torch.isfinite(ratio)]
    return math.log10(max(float(ratio.mean()), 1.0)) if len(ratio) else 0.0


def _back(rows: Tensor, direction: Tensor, entries: Sequence[Tensor]) -> Tensor:
    """What one direction of every example's output becomes at its input."""
    found = torch.autograd.grad((rows @ direction).sum(), entries, retain_graph=True, allow_unused=True)
    parts = [torch.zeros_like(e) if g is None else g for g, e in zip(found, entries, strict=True)]
    return torch.cat([part.reshape(len(rows), -1) for part in parts], 1)


def _over_layers(parts: Sequence[float]) -> float:
    if not all(map(math.isfinite, parts)):
        return MOST
    found = [part for part in parts if part > 0]
    if len(found) < 2:
        return 0.0
    low, _, high = quantiles(map(math.log10, found), n=4, method="inclusive")
    return min(high - low, MOST)
