"""Small networks that the corpus breaks and mends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Init = Callable[[nn.Module], Any]


def mlp(depth: int, width: int, act: Callable[[], nn.Module] | None, init: Init | None = None, *,
        inputs: int = 64, outputs: int = 10, bias: bool = True, norm: Callable[[int], nn.Module] | None = None,
        ) -> nn.Sequential:  # fmt: skip
    """`depth` hidden layers of `width` units, then a linear head."""
    layers: list[nn.Module] = []
    size = inputs
    for _ in range(depth):
        layers.append(nn.Linear(size, width, bias=bias))
        layers += [norm(width)] if norm else []
        layers += [act()] if act else []
        size = width
    model = nn.Sequential(*layers, nn.Linear(size, outputs, bias=bias))
    return each(model, init) if init else model


def each(model: Any, init: Init) -> Any:
    """`init` on every layer with a matrix or a kernel."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)):
            init(module)
            if module.bias is not None and init.__name__ != "bias_too":
                nn.init.zeros_(module.bias)
    return model


def normal(std: float) -> Init:
    return lambda m: nn.init.normal_(m.weight, std=std)


def he(m: nn.Module) -> None:
    nn.init.kaiming_normal_(m.weight, nonlinearity="relu")


def lecun(m: nn.Module) -> None:
    nn.init.kaiming_normal_(m.weight, nonlinearity="linear")


def xavier(m: nn.Module) -> None:
    nn.init.xavier_normal_(m.weight)


def vectors(batch: int = 32, size: int = 64) -> Tensor:
    return torch.randn(batch, size)


def images(batch: int = 8, channels: int = 3, size: int = 32) -> Tensor:
    return torch.randn(batch, channels, size, size)


def labels(batch: int = 32, classes: int = 10) -> Callable[[Any], Tensor]:
    """Cross-entropy against labels drawn now."""
    target = torch.randint(0, classes, (batch,))
    return lambda output: F.cross_entropy(output, target)


def squared(
    batch: int = 32, size: int = 1, scale: float = 1.0, shift: float = 0.0
) -> Callable[[Any], Tensor]:
    target = torch.randn(batch, size) * scale + shift
    return lambda output: F.mse_loss(output, target)


def convnet(depth: int, width: int, init: Init | None = None, *, norm: bool = False, classes: int = 10,
            act: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:  # fmt: skip
    """`depth` 3x3 convolutions with two poolings, then a mean over positions and a head."""
    layers: list[nn.Module] = []
    channels = 3
    for index in range(depth):
        layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not norm))
        layers += [nn.BatchNorm2d(width)] if norm else []
        layers.append(act())
        if index in (depth // 3, 2 * depth // 3):
            layers.append(nn.MaxPool2d(2))
        channels = width
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
    return each(model, init) if init else model


class Residual(nn.Module):
    """x + f(x), or x + scale f(x)."""

    def __init__(
        self, branch: nn.Module, scale: nn.Parameter | None = None, after: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.branch, self.after = branch, after
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        y = x + (y if self.scale is None else self.scale * y)
        return y if self.after is None else self.after(y)


def residual_mlp(depth: int, width: int, branch: Callable[[int], nn.Module], *, outputs: int = 10,
                 final: nn.Module | None = None) -> nn.Sequential:  # fmt: skip
    blocks = [Residual(branch(width)) for _ in range(depth)]
    return nn.Sequential(
        nn.Linear(64, width), *blocks, *([final] if final else []), nn.Linear(width, outputs)
    )


class BasicBlock(nn.Module):
    """The block of a ResNet, with or without batch normalization."""

    def __init__(self, width: int, norm: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.bn2 = nn.BatchNorm2d(width) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


def resnet(blocks: int, width: int = 32, *, norm: bool = True) -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width) if norm else nn.Identity(), nn.ReLU(),
        *(BasicBlock(width, norm) for _ in range(blocks)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10),
    )  # fmt: skip
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


class Attention(nn.Module):
    """Causal or full self-attention, written out."""

    def __init__(self, width: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal = heads, causal

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, -1).transpose(1, 2) for z in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, causal: bool = False, skip: bool = True) -> None:
        super().__init__()
        self.norm1, self.norm2, self.skip = nn.LayerNorm(width), nn.LayerNorm(width), skip
        self.attn = Attention(width, causal=causal)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        if not self.skip:
            return self.mlp(self.norm2(self.attn(self.norm1(x))))
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Decoder(nn.Module):
    """A small language model; `std` draws every matrix and embedding, None keeps torch's defaults."""

    def __init__(self, depth: int = 4, width: int = 64, words: int = 100, std: float | None = 0.02, tied: bool = True,
                 scaled: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(64, width)
        self.blocks = nn.ModuleList(Block(width, causal=True) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        if std is not None:
            for module in self.modules():
                if isinstance(module, (nn.Linear, nn.Embedding)):
                    nn.init.normal_(module.weight, std=std)
        if tied:
            self.head.weight = self.words.weight
        if scaled:
            for block in self.blocks:
                for layer in (block.attn.out, block.mlp[2]):
                    layer.weight.data /= (2 * depth) ** 0.5

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def sentences(batch: int = 4, length: int = 16, words: int = 100) -> Tensor:
    return torch.randint(0, words, (batch, length))


def next_word(ids: Tensor) -> Callable[[Any], Tensor]:
    return lambda logits: F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
