"""Plain stacks, residual stacks and recurrent networks, as everybody writes them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Erf(nn.Module):
    """The error function."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.erf(x)


class Sin(nn.Module):
    """The sine."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "elu": nn.ELU, "selu": nn.SELU, "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU, "leaky_relu": nn.LeakyReLU, "softplus": nn.Softplus, "mish": nn.Mish,
    "hardswish": nn.Hardswish, "relu6": nn.ReLU6, "prelu": nn.PReLU, "erf": Erf, "sin": Sin, "celu": nn.CELU,
}  # fmt: skip


def stack(activation: str, depth: int, width: int, inputs: int = 64, classes: int = 10) -> nn.Sequential:
    """`depth` hidden layers, no normalization, no skips."""
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Linear(inputs if index == 0 else width, width), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(width, classes))


def convolutions(depth: int = 50, channels: int = 32) -> nn.Sequential:
    """A plain stack of 3 x 3 convolutions on 28 x 28 images: three of stride 2, the rest on 4 x 4 maps."""
    layers: list[nn.Module] = []
    for index in range(depth):
        stride = 2 if index in (0, 2, 4) else 1
        layers += [nn.Conv2d(channels if index else 1, channels, 3, stride, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 16, 10))


class Residual(nn.Module):
    """x + branch(x)."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class ResidualStack(nn.Module):
    """Blocks of two layers around a trunk, no normalization."""

    def __init__(self, blocks: int = 100, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.blocks = nn.Sequential(
            *(
                Residual(nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)))
                for _ in range(blocks)
            )
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)))


class ResNet(nn.Module):
    """A small residual network of convolutions with batch normalization."""

    def __init__(self, blocks: int = 3, channels: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())
        self.blocks = nn.Sequential(*(Residual(self._branch(channels)) for _ in range(blocks)))
        self.head = nn.Linear(channels, 10)

    @staticmethod
    def _branch(channels: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).relu().mean((2, 3)))


class Recurrent(nn.Module):
    """A recurrent layer and a head, on the last step or on every one."""

    def __init__(self, cell: type[nn.RNNBase], inputs: int, hidden: int, classes: int, every: bool) -> None:
        super().__init__()
        self.hidden, self.every = hidden, every
        self.cell = cell(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.cell(x)
        return self.head(states if self.every else states[:, -1])


class CharacterLSTM(nn.Module):
    """Two LSTM layers that predict the next letter."""

    hidden = 128

    def __init__(self, letters: int) -> None:
        super().__init__()
        self.letters = nn.Embedding(letters, 64)
        self.cell = nn.LSTM(64, self.hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(self.hidden, letters)

    def forward(self, text: Tensor) -> Tensor:
        states, _ = self.cell(self.letters(text))
        return self.head(states)
