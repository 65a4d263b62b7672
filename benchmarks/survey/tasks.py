"""What the models are fed: batches that can be learnt, a function of their seed alone.

Images are scikit-learn's digits, text is the language reference that every Python carries; the rest are
functions of random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from survey.models import Batch, Task

Take = Callable[[Any], Tensor]


def generator(seed: int) -> torch.Generator:
    """The only source of randomness of a batch."""
    return torch.Generator().manual_seed(1000 + seed)


def first(output: Any) -> Tensor:
    """The tensor that a model's output begins with, whatever it is wrapped in."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values())) if hasattr(output, "values") else output[0]
    return output


@cache
def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return torch.tensor((images - 4.88) / 6.02, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(labels)


def digits(size: int, batch: int, seed: int, channels: int = 3) -> tuple[Tensor, Tensor]:
    """Images of mean 0 and deviation 1, (batch, channels, size, size), and which digits they show."""
    images, labels = _digits()
    chosen = torch.randint(len(labels), (batch,), generator=generator(seed))
    large = functional.interpolate(images[chosen], size=size, mode="bilinear")
    return large.expand(-1, channels, -1, -1).contiguous(), labels[chosen]


def images(size: int, batch: int = 16, channels: int = 3, take: Take = first) -> Task:
    """Which digit it is: logits of 10 classes, or more."""

    def task(seed: int) -> Batch:
        given, labels = digits(size, batch, seed, channels)
        return given, lambda output: functional.cross_entropy(take(output).float(), labels)

    return task


def masks(size: int, batch: int = 4, classes: int = 5, channels: int = 3, take: Take = first) -> Task:
    """How dark each pixel is, in steps: logits (batch, classes, size, size)."""

    def task(seed: int) -> Batch:
        given, _ = digits(size, batch, seed, channels)
        steps = ((given[:, 0] + 0.8) * classes / 3).long().clamp(0, classes - 1)
        return given, lambda output: functional.cross_entropy(take(output), steps)

    return task


def same(size: int, batch: int = 8, channels: int = 3, take: Take = first) -> Task:
    """The image given back: squared error, the images' variance being 1."""

    def task(seed: int) -> Batch:
        given, _ = digits(size, batch, seed, channels)
        return given, lambda output: functional.mse_loss(take(output), given)

    return task


def vectors(size: int = 64, classes: int = 10, batch: int = 64, take: Take = first) -> Task:
    """The digits as rows of at most 64 numbers."""

    def task(seed: int) -> Batch:
        given, labels = digits(8, batch, seed, 1)
        return given.flatten(1)[:, :size], lambda output: functional.cross_entropy(
            take(output), labels % classes
        )

    return task


@cache
def _codes() -> Tensor:
    from pydoc_data.topics import topics

    whole = "\n".join(topics[name] for name in sorted(topics))
    return torch.tensor([code % 128 for code in whole.encode()])


def text(length: int, batch: int = 16, seed: int = 0) -> Tensor:
    """Excerpts of a manual, (batch, length), as numbers below 128."""
    starts = torch.randint(len(_codes()) - length, (batch,), generator=generator(seed))
    return torch.stack([_codes()[start : start + length] for start in starts.tolist()])


def language(length: int = 32, batch: int = 16, take: Take = first) -> Task:
    """The next letter: logits (batch, length, 128 or more)."""

    def task(seed: int) -> Batch:
        both = text(length + 1, batch, seed)
        target = both[:, 1:].flatten()
        return both[:, :-1].contiguous(), lambda output: functional.cross_entropy(
            take(output).flatten(0, 1), target
        )

    return task


def waves(length: int, channels: int, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy sines, (batch, length, channels), and which of ten frequencies they have."""
    source = generator(seed)
    kinds = torch.randint(10, (batch,), generator=source)
    phases = 6.28 * torch.rand(batch, 1, channels, generator=source)
    times = torch.arange(length).view(1, -1, 1) / length
    clean = torch.sin(6.28 * (1 + kinds.view(-1, 1, 1)) * times + phases) * 2**0.5
    return clean + 0.1 * torch.randn(clean.shape, generator=source), kinds


def series(length: int = 32, channels: int = 8, batch: int = 16, axis: int = 1, take: Take = first) -> Task:
    """Which frequency it is: logits of 10 classes; `axis` is that of time."""

    def task(seed: int) -> Batch:
        given, kinds = waves(length, channels, batch, seed)
        given = given.movedim(1, axis).contiguous()
        return given, lambda output: functional.cross_entropy(take(output), kinds)

    return task


def steps(length: int = 32, channels: int = 8, batch: int = 16, take: Take = first) -> Task:
    """The next step of each wave: squared error of (batch, length, channels)."""

    def task(seed: int) -> Batch:
        both, _ = waves(length + 1, channels, batch, seed)
        return both[:, :-1].contiguous(), lambda output: functional.mse_loss(take(output), both[:, 1:])

    return task


def function(
    dimension: int, outputs: int = 1, batch: int = 128, take: Take = first, span: float = 1.0
) -> Task:
    """A smooth function of points in a cube: squared error."""

    def task(seed: int) -> Batch:
        points = span * (2 * torch.rand(batch, dimension, generator=generator(seed)) - 1)
        values = torch.stack([torch.sin(3.0 * points.sum(1) / span + k) for k in range(outputs)], 1) * 2**0.5
        return points, lambda output: functional.mse_loss(take(output).reshape(values.shape), values)

    return task


def given(make: Callable[[int], Batch]) -> Task:
    """A task of its own; marks functions that are used as one."""
    return make
