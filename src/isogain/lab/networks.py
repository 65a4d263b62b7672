"""Many networks of one structure as one computation: forward, hand-written backward, update.

Index letters: R runs (arms x seeds of one computation), B examples, o and i a layer's outputs and
inputs.  Signals are kept as R x o x B, weights as R x o x i: the first layer of all runs is then one
large product (R o x i) (i x B), since all runs see the same examples, and nothing is ever copied to
be transposed.  Runs never mix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isogain.lab.nonlinear import (
    LEAKY_SLOPE,
    PRELU_START,
    RRELU_RANGE,
    Nonlinear,
    leaky,
    nonlinear,
    slope_kind,
)
from isogain.lab.spec import Network

__all__ = ["Layer", "Networks", "Normalization"]

RUNNING_SHARE = 0.1
"""Weight of the newest batch in the running mean and variance (a 'momentum' of 0.9 in other words)."""


@dataclass
class Normalization:
    """Batch normalization (Ioffe & Szegedy 2015): y = gamma (z - mean) / sqrt(variance + epsilon) + beta."""

    gamma: Tensor
    beta: Tensor
    running_mean: Tensor
    running_variance: Tensor
    epsilon: float
    normalized: Tensor = field(default_factory=lambda: torch.empty(0))
    inverse_std: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def fresh(cls, runs: int, units: int, epsilon: float, dtype: torch.dtype) -> Normalization:
        """gamma 1, beta 0, nothing seen yet."""
        ones, zeros = torch.ones(runs, units, 1, dtype=dtype), torch.zeros(runs, units, 1, dtype=dtype)
        return cls(ones, zeros, zeros.clone(), ones.clone(), epsilon)

    def forward(self, z: Tensor, training: bool, learn: bool) -> Tensor:
        """Normalised by the batch in training, by the running statistics otherwise."""
        if training:
            mean = z.mean(2, keepdim=True)
            centered = z - mean
            # two vectorised passes; torch.var_mean's single one measures several times slower
            variance = centered.square().mean(2, keepdim=True)
            if learn:
                self._learn(mean, variance, z.shape[2])
        else:
            centered, variance = z - self.running_mean, self.running_variance
        self.inverse_std = torch.rsqrt(variance + self.epsilon)
        self.normalized = centered.mul_(self.inverse_std)
        return (self.normalized * self.gamma).add_(self.beta)

    def _learn(self, mean: Tensor, variance: Tensor, examples: int) -> None:
        """Running statistics as torch.nn.BatchNorm1d keeps them: the variance with n - 1."""
        self.running_mean.lerp_(mean, RUNNING_SHARE)
        self.running_variance.lerp_(variance * (examples / max(examples - 1, 1)), RUNNING_SHARE)

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of z, gamma and beta, in training."""
        d_gamma = (dy * self.normalized).sum(2, keepdim=True)
        d_beta = dy.sum(2, keepdim=True)
        examples = dy.shape[2]
        inner = dy - d_beta / examples - self.normalized * (d_gamma / examples)
        return inner.mul_(self.gamma * self.inverse_std), d_gamma, d_beta


@dataclass
class Layer:
    """One layer of all runs: its parameters, and what the last forward pass left for the backward one."""

    weight: Tensor
    bias: Tensor | None
    norm: Normalization | None
    slope: Tensor | None
    """PReLU's learnt slope, R x 1 x 1."""
    is_hidden: bool
    activation: Nonlinear | None = None
    inputs: Tensor = field(default_factory=lambda: torch.empty(0))
    before: Tensor = field(default_factory=lambda: torch.empty(0))
    """The activation's argument; overwritten by its value where the activation works in place."""
    after: Tensor = field(default_factory=lambda: torch.empty(0))

    def parameters(self) -> Iterator[Tensor]:
        """Weight, bias, gamma and beta, slope: those that there are."""
        candidates = [self.weight, self.bias, self.slope]
        if self.norm:
            candidates += [self.norm.gamma, self.norm.beta]
        yield from (parameter for parameter in candidates if parameter is not None)

    def affine(self, h: Tensor) -> Tensor:
        """W h + b; h is B x i for the first layer, where all runs see the same examples."""
        self.inputs = h
        runs, outputs, width = self.weight.shape
        if h.dim() == 2:
            weight = self.weight.view(runs * outputs, width)
            if self.bias is None:
                return torch.mm(weight, h.T).view(runs, outputs, -1)
            return torch.addmm(self.bias.view(-1, 1), weight, h.T).view(runs, outputs, -1)
        return torch.bmm(self.weight, h) if self.bias is None else torch.baddbmm(self.bias, self.weight, h)

    def weight_gradient(self, dz: Tensor, out: Tensor) -> None:
        """dL/dW = dz h^T, written to `out`."""
        if self.inputs.dim() == 2:
            runs, outputs, width = self.weight.shape
            torch.mm(dz.reshape(runs * outputs, -1), self.inputs, out=out.view(runs * outputs, width))
        else:
            torch.bmm(dz, self.inputs.transpose(1, 2), out=out)


class Networks:
    """R networks of one structure."""

    def __init__(
        self,
        network: Network,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor] | None = None,
        noise: Sequence[torch.Generator] = (),
    ) -> None:
        """Weights are R x o x i a layer, biases R x o (zeros unless given).

        `noise`: one generator a seed, from which RReLU draws; runs are ordered seed by seed.
        """
        self.network = network
        self.noise = tuple(noise)
        self.layers = [self._layer(index, weight, biases) for index, weight in enumerate(weights)]
        self.parameters = [parameter for layer in self.layers for parameter in layer.parameters()]
        self.gradients = [torch.empty_like(parameter) for parameter in self.parameters]
        self._gradient_of = dict(zip(map(id, self.parameters), self.gradients, strict=True))
        kind = slope_kind(network.activation)
        self._plain = None if kind else nonlinear(network.activation)

    def _layer(self, index: int, weight: Tensor, biases: Sequence[Tensor] | None) -> Layer:
        runs, outputs, _ = weight.shape
        hidden = index < self.network.hidden
        bias = (
            biases[index].reshape(runs, outputs, 1).clone() if biases else weight.new_zeros(runs, outputs, 1)
        )
        norm = None
        if hidden and self.network.batch_norm:
            norm = Normalization.fresh(runs, outputs, self.network.batch_norm_epsilon, weight.dtype)
        learnt = hidden and slope_kind(self.network.activation) == "prelu"
        slope = weight.new_full((runs, 1, 1), PRELU_START) if learnt else None
        return Layer(weight.contiguous(), bias if self.network.bias else None, norm, slope, hidden)

    @property
    def runs(self) -> int:
        """R."""
        return int(self.layers[0].weight.shape[0])

    def forward(self, inputs: Tensor, training: bool = True, learn: bool = True) -> Tensor:
        """The last layer's values, R x o x B, of inputs B x i.

        `training` picks batch statistics and random slopes, `learn` whether running statistics move.
        """
        h = inputs
        for layer in self.layers:
            h = layer.affine(h)
            if layer.is_hidden:
                h = self._activate(layer, h, training, learn)
        return h

    def _activate(self, layer: Layer, z: Tensor, training: bool, learn: bool) -> Tensor:
        if layer.norm:
            z = layer.norm.forward(z, training, learn)
        layer.activation = self._plain or leaky(self._slope(layer, z, training))
        layer.before = z
        layer.after = layer.activation.forward(z)
        return layer.after

    def _slope(self, layer: Layer, z: Tensor, training: bool) -> Tensor | float:
        if layer.slope is not None:
            return layer.slope
        if self.network.activation == "leaky_relu":
            return LEAKY_SLOPE
        low, high = RRELU_RANGE
        if not training:
            return (low + high) / 2
        return torch.cat([self._noise(generator, z) for generator in self.noise])

    def _noise(self, generator: torch.Generator, z: Tensor) -> Tensor:
        """One seed's random slopes, shared by its runs: their comparison stays paired."""
        low, high = RRELU_RANGE
        slopes = torch.rand(z.shape[1:], generator=generator, dtype=z.dtype).mul_(high - low).add_(low)
        return slopes.expand(self.runs // len(self.noise), *z.shape[1:])

    def backward(self, d_output: Tensor, watch: list[Tensor] | None = None) -> None:
        """All gradients, from that of the last layer's values; `watch` collects dL/dz, last layer first."""
        d = d_output
        for layer in reversed(self.layers):
            if layer.is_hidden:
                d = self._activation_backward(layer, d)
            if watch is not None:
                watch.append(d)
            if layer.norm:
                d, d_gamma, d_beta = layer.norm.backward(d)
                self.gradient(layer.norm.gamma).copy_(d_gamma)
                self.gradient(layer.norm.beta).copy_(d_beta)
            layer.weight_gradient(d, self.gradient(layer.weight))
            if layer.bias is not None:
                torch.sum(d, 2, keepdim=True, out=self.gradient(layer.bias))
            if layer is not self.layers[0]:
                d = torch.bmm(layer.weight.transpose(1, 2), d)

    def _activation_backward(self, layer: Layer, dh: Tensor) -> Tensor:
        assert layer.activation is not None
        if layer.slope is not None:
            below = layer.before.clamp(max=0).mul_(dh)
            self.gradient(layer.slope).copy_(below.sum((1, 2), keepdim=True))
        return layer.activation.backward(dh, layer.before, layer.after)

    def gradient(self, parameter: Tensor) -> Tensor:
        """Where this parameter's gradient is kept."""
        return self._gradient_of[id(parameter)]
