"""Stochastic gradient descent for a batch of networks: every run has its own rate, momentum and limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from isogain.lab.networks import Networks
from isogain.lab.spec import Arm

__all__ = ["Descent"]

_NORM_EPSILON = 1e-6
"""Keeps the division finite at a gradient of zero, as torch.nn.utils.clip_grad_norm_ does."""


class Descent:
    """v <- m v + g, w <- w - rate v; g first scaled to a norm, w then clipped, where an arm asks for it."""

    def __init__(self, networks: Networks, arms: Sequence[Arm]) -> None:
        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=networks.layers[0].weight.dtype).view(-1, 1, 1)

        self.networks = networks
        rates = {arm.learning_rate for arm in arms}
        self.one_rate = rates.pop() if len(rates) == 1 else None
        self.negative_rates = column([-arm.learning_rate for arm in arms])
        self.momenta = column([arm.momentum for arm in arms]) if any(arm.momentum for arm in arms) else None
        moving = networks.gradients if self.momenta is not None else []
        self.velocities = [torch.zeros_like(gradient) for gradient in moving]
        norms = [arm.gradient_norm if arm.gradient_norm is not None else math.inf for arm in arms]
        self.norms = column(norms) if min(norms) < math.inf else None
        limits = [arm.weight_limit if arm.weight_limit is not None else math.inf for arm in arms]
        self.limits = column(limits) if min(limits) < math.inf else None

    def step(self) -> None:
        """One update from the gradients at hand."""
        if self.norms is not None:
            self._clip_gradients(self.norms)
        for parameter, direction in zip(self.networks.parameters, self._directions(), strict=True):
            if self.one_rate is not None:
                parameter.add_(direction, alpha=-self.one_rate)
            else:
                parameter.addcmul_(direction, self.negative_rates)
        if self.limits is not None:
            for layer in self.networks.layers:
                layer.weight.clamp_(-self.limits, self.limits)

    def _directions(self) -> Sequence[Tensor]:
        if self.momenta is None:
            return self.networks.gradients
        for velocity, gradient in zip(self.velocities, self.networks.gradients, strict=True):
            velocity.mul_(self.momenta).add_(gradient)
        return self.velocities

    def _clip_gradients(self, norms: Tensor) -> None:
        """Each run's gradient, over all its parameters together, is shortened to its norm."""
        squares = [torch.linalg.vector_norm(g, dim=(1, 2)).square_() for g in self.networks.gradients]
        total = torch.stack(squares).sum(0).sqrt_().view(-1, 1, 1)
        scale = (norms / (total + _NORM_EPSILON)).clamp_(max=1)
        for gradient in self.networks.gradients:
            gradient.mul_(scale)
