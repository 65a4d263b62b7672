"""Networks that were really trained, for `identify.py trained`: every tensor beside its own start.

MNIST (a folder with the four files), batches of 64; perceptrons, convolutional, recurrent and attention
networks, a small language model; several starts, optimizers, rates and lengths, chosen by the model's number.
Every third network is partly frozen.  Numbers of one parity are for tuning, those of the other are reported.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

__all__ = ["Setting", "Tensor", "settings", "trained"]

CLASSES, SIDE, BATCH, LETTERS, CONTEXT = 10, 28, 64, 96, 32
OPTIMIZERS = (
    ("SGD", {"lr": 0.1, "momentum": 0.9}), ("SGD", {"lr": 0.02, "momentum": 0.9}), ("SGD", {"lr": 0.1}),
    ("Adam", {"lr": 1e-3}), ("Adam", {"lr": 1e-4}), ("AdamW", {"lr": 2e-3}),
    ("AdamW", {"lr": 3e-4, "weight_decay": 0.1}), ("RMSprop", {"lr": 1e-3}),
)  # fmt: skip
LENGTHS = (50, 150, 400)
Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Setting:
    """One run."""

    number: int
    kind: str
    width: int
    depth: int
    start: str
    optimizer: str
    options: dict[str, float]
    steps: int
    frozen: str
    """'', 'first' (the first matrix) or 'rows' (the first half of every matrix' rows)."""


@dataclass(frozen=True)
class Tensor:
    """A parameter after training and before."""

    path: str
    before: np.ndarray
    after: np.ndarray
    frozen: bool

    @property
    def moved(self) -> float:
        """How far, relative to its start's size."""
        return float(np.linalg.norm(self.after - self.before) / max(np.linalg.norm(self.before), 1e-30))


def settings(count: int) -> Iterator[Setting]:
    """The first `count` runs; each is chosen by its own number alone."""
    for number in range(count):
        rng = random.Random(number)
        kind = rng.choice(sorted(BUILD))
        optimizer, options = rng.choice(OPTIMIZERS)
        frozen = rng.choice(("first", "rows")) if number % 6 in (4, 5) else ""
        yield Setting(
            number, kind, rng.choice((48, 64, 96)), rng.choice((2, 3, 4)), rng.choice(sorted(START)),
            optimizer, options, rng.choice(LENGTHS), frozen,
        )  # fmt: skip


def trained(one: Setting, data: Path) -> tuple[list[Tensor], float]:
    """The parameters, and the last loss."""
    torch.manual_seed(one.number)
    net = BUILD[one.kind](one.width, one.depth)
    net.apply(START[one.start])
    before = {path: tensor.detach().clone() for path, tensor in net.named_parameters()}
    still = _frozen(net, one.frozen)
    batches = language(one.number) if one.kind == "gpt" else images(data, one.number)
    optimizer = getattr(torch.optim, one.optimizer)(net.parameters(), **one.options)
    loss = torch.zeros(())
    for _ in range(one.steps):
        inputs, labels = next(batches)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(inputs).flatten(0, -2), labels.flatten())
        loss.backward()
        optimizer.step()
        _put_back(net, before, still)
    return [
        Tensor(path, before[path].numpy(), tensor.detach().numpy(), still.get(path) == len(tensor))
        for path, tensor in net.named_parameters()
    ], loss.item()


def _frozen(net: nn.Module, which: str) -> dict[str, int]:
    """Path -> how many of its leading rows stand still."""
    matrices = {path: len(tensor) for path, tensor in net.named_parameters() if tensor.ndim > 1}
    if which == "rows":
        return {path: rows // 2 for path, rows in matrices.items()}
    return dict(list(matrices.items())[:1]) if which else {}


def _put_back(net: nn.Module, before: dict[str, torch.Tensor], still: dict[str, int]) -> None:
    with torch.no_grad():
        for path, tensor in net.named_parameters():
            tensor[: still.get(path, 0)] = before[path][: still.get(path, 0)]


def images(data: Path, seed: int) -> Iterator[Pair]:
    """Batches of MNIST, each pixel by the mean and deviation of all."""
    pixels = _read(data / "train-images-idx3-ubyte.gz", 16).reshape(-1, SIDE * SIDE)
    labels = _read(data / "train-labels-idx1-ubyte.gz", 8)
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(len(labels), size=BATCH)
        inputs = (pixels[chosen].astype(np.float32) / 255 - 0.1307) / 0.3081
        yield torch.from_numpy(inputs), torch.from_numpy(labels[chosen].astype(np.int64))


@cache
def _read(file: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8)[header:]


def language(seed: int) -> Iterator[Pair]:
    """A text of a seldom-branching chain over letters, whose frequencies fall as 1/rank."""
    rng = np.random.default_rng(seed)
    usual = 1 / np.arange(1, LETTERS + 1)
    follow = np.stack([rng.permutation(LETTERS) for _ in range(LETTERS)])
    ranks = rng.choice(LETTERS, size=200_000, p=usual / usual.sum())
    text = np.zeros(len(ranks), np.int64)
    for place in range(1, len(text)):
        text[place] = follow[text[place - 1], ranks[place]]
    while True:
        starts = rng.integers(len(text) - CONTEXT - 1, size=BATCH // 2)
        windows = torch.from_numpy(text[starts[:, None] + np.arange(CONTEXT + 1)])
        yield windows[:, :-1], windows[:, 1:]


class _Last(nn.Module):
    def forward(self, told: tuple[torch.Tensor, object]) -> torch.Tensor:
        return told[0][:, -1]


class _Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


class _Language(nn.Module):
    """Tokens and places, causal blocks, a head of its own."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(LETTERS, width), nn.Embedding(CONTEXT, width)
        self.blocks = _blocks(width, depth)
        self.head = nn.Linear(width, LETTERS, bias=False)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(text.shape[1])
        hidden = self.tokens(text) + self.places.weight[: text.shape[1]]
        return self.head(self.blocks(hidden, mask=mask, is_causal=True))


def _blocks(width: int, depth: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)


def _perceptron(act: type[nn.Module]) -> Callable[[int, int], nn.Module]:
    def build(width: int, depth: int) -> nn.Module:
        sizes = [SIDE * SIDE, *[2 * width] * depth]
        hidden = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), act())]
        return nn.Sequential(*hidden, nn.Linear(2 * width, CLASSES))

    return build


def _convolutional(norm: bool) -> Callable[[int, int], nn.Module]:
    def build(width: int, depth: int) -> nn.Module:
        sizes = [1, *[width // 2] * (depth + 1)]
        parts: list[nn.Module] = [nn.Unflatten(1, (1, SIDE, SIDE)), nn.AvgPool2d(4)]
        for a, b in pairwise(sizes):
            parts += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b) if norm else nn.Identity(), nn.ReLU()]
        parts += [nn.Flatten(), nn.Linear(49 * (width // 2), width), nn.ReLU()]
        return nn.Sequential(*parts, nn.Linear(width, CLASSES))

    return build


def _recurrent(layer: type[nn.RNNBase]) -> Callable[[int, int], nn.Module]:
    def build(width: int, depth: int) -> nn.Module:
        recurrent = layer(SIDE, width, min(depth, 2), batch_first=True)
        return nn.Sequential(nn.Unflatten(1, (SIDE, SIDE)), recurrent, _Last(), nn.Linear(width, CLASSES))

    return build


def _attention(width: int, depth: int) -> nn.Module:
    parts = (nn.Unflatten(1, (16, 49)), nn.Linear(49, width), _blocks(width, depth), _Mean())
    return nn.Sequential(*parts, nn.Linear(width, CLASSES))


BUILD: dict[str, Callable[[int, int], nn.Module]] = {
    "relu": _perceptron(nn.ReLU), "tanh": _perceptron(nn.Tanh), "gelu": _perceptron(nn.GELU),
    "cnn": _convolutional(False), "cnn-norm": _convolutional(True),
    "lstm": _recurrent(nn.LSTM), "gru": _recurrent(nn.GRU),
    "vit": _attention, "gpt": _Language,
}  # fmt: skip


def _each(fill: Callable[[torch.Tensor], object]) -> Callable[[nn.Module], None]:
    def start(module: nn.Module) -> None:
        for tensor in module.parameters(recurse=False):
            if tensor.ndim > 1:
                fill(tensor)

    return start


START: dict[str, Callable[[nn.Module], None]] = {
    "own": lambda module: None,
    "he": _each(nn.init.kaiming_normal_),
    "xavier": _each(nn.init.xavier_uniform_),
    "orthogonal": _each(nn.init.orthogonal_),
    "bert": _each(lambda tensor: nn.init.trunc_normal_(tensor, std=0.02, a=-0.04, b=0.04)),
}
