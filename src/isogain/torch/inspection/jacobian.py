"""The Jacobian of outputs by inputs at this moment: its Frobenius norm by random vectors, its largest gain.

E||J^T v||^2 = ||J||_F^2 for random signs v (Hutchinson 1990); one vector-Jacobian product gives it from every
measured node on.  Products J u come from differentiating J^T w, which is linear in w, by w.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from isogain.inspect.signals import Jacobian
from isogain.torch.call.tensors import tensors_in
from isogain.torch.measure.meter import Meter

__all__ = ["measure_jacobian"]

Tensor = torch.Tensor
VECTORS = 8
STEPS = 50
SETTLED = 1e-4
"""Relative change of the largest singular value from step to step at which the iteration ends."""


def measure_jacobian(meter: Meter, output: Any, skipped: list[str]) -> Jacobian | None:
    """The Jacobian of all floating point outputs by the model's inputs; None where there is no way back."""
    outputs = [t for t in tensors_in(output) if t.requires_grad and t.is_floating_point() and t.numel()]
    entries = [t for t in meter.entries if not t.is_complex()]
    if not outputs or not entries:
        skipped.append("Jacobian: no output can be differentiated by an input")
        return None
    generator = torch.Generator().manual_seed(0)
    squares = _probed(meter, outputs, entries, generator)
    size = sum(t.numel() for t in outputs)
    layers = {index: total / count / size for index, (total, count) in (meter.squares or {}).items()}
    sigma, steps = _largest(outputs, entries, generator, skipped)
    meter.squares = None
    mean = sum(squares) / len(squares)
    variance = sum((one - mean) ** 2 for one in squares) / (len(squares) - 1)
    start = "inputs" if any(t.is_leaf for t in entries) else "embeddings"
    return Jacobian(
        mean / size, math.sqrt(variance / len(squares)) / size, sigma, steps, len(squares), start, layers
    )


def _probed(
    meter: Meter, outputs: Sequence[Tensor], entries: Sequence[Tensor], generator: torch.Generator
) -> list[float]:
    """||J^T v||^2 for several random sign vectors; the meter sums the same at every node."""
    meter.squares, found = {}, []
    for _ in range(VECTORS):
        signs = [_signs(t, generator) for t in outputs]
        back = torch.autograd.grad(outputs, entries, signs, retain_graph=True, allow_unused=True)
        found.append(_square(back))
    return found


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    signs = torch.randint(0, 2, like.shape, generator=generator, dtype=torch.int8) * 2 - 1
    return signs.to(like)


def _square(parts: Sequence[Tensor | None]) -> float:
    return sum(float(part.detach().double().square().sum()) for part in parts if part is not None)


def _largest(
    outputs: Sequence[Tensor], entries: Sequence[Tensor], generator: torch.Generator, skipped: list[str]
) -> tuple[float, int]:
    """The largest singular value by power iteration on J^T J, and the steps taken."""
    try:
        return _iterated(outputs, entries, generator)
    except RuntimeError as error:
        skipped.append(f"largest singular value of the Jacobian: {str(error).splitlines()[0][:120]}")
        return math.nan, 0


def _iterated(
    outputs: Sequence[Tensor], entries: Sequence[Tensor], generator: torch.Generator
) -> tuple[float, int]:
    probes = [torch.zeros_like(t, requires_grad=True) for t in outputs]
    linear = _filled(
        torch.autograd.grad(outputs, entries, probes, create_graph=True, allow_unused=True), entries
    )
    direction = _unit([torch.randn(t.shape, generator=generator).to(t) for t in entries])
    sigma = 0.0
    for step in range(1, STEPS + 1):
        forward = torch.autograd.grad(linear, probes, direction, retain_graph=True, allow_unused=True)
        ahead = _filled(forward, probes)
        before, sigma = sigma, math.sqrt(_square(ahead))
        if sigma == 0 or not math.isfinite(sigma) or abs(sigma - before) < SETTLED * sigma:
            return sigma, step
        turned = torch.autograd.grad(outputs, entries, ahead, retain_graph=True, allow_unused=True)
        direction = _unit(_filled(turned, entries))
    return sigma, STEPS


def _filled(parts: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(b) if a is None else a for a, b in zip(parts, like, strict=True)]


def _unit(parts: Sequence[Tensor]) -> list[Tensor]:
    length = math.sqrt(_square(parts))
    return [part.detach() / length if length > 0 else part for part in parts]
