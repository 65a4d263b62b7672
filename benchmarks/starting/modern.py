"""Transformers, and small versions of the architectures people train; some from transformers' configs."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from starting.plain import Residual

Norm = Literal["pre", "post", "none"]


class Block(nn.Module):
    """Causal attention and a feed-forward network, each around the trunk."""

    def __init__(self, width: int, heads: int, norm: Norm) -> None:
        super().__init__()
        self.heads, self.norm = heads, norm
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        if norm != "none":
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    @property
    def residual_outputs(self) -> tuple[nn.Linear, nn.Linear]:
        return self.out, self.down

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def feed(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(x)))

    def forward(self, x: Tensor) -> Tensor:
        if self.norm == "pre":
            x = x + self.attend(self.norm1(x))
            return x + self.feed(self.norm2(x))
        if self.norm == "post":
            x = self.norm1(x + self.attend(x))
            return self.norm2(x + self.feed(x))
        x = x + self.attend(x)
        return x + self.feed(x)


class CharacterModel(nn.Module):
    """A language model over characters."""

    def __init__(
        self, letters: int, norm: Norm, blocks: int = 24, width: int = 32, heads: int = 4, length: int = 32
    ) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(letters, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, heads, norm) for _ in range(blocks)))
        self.last = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        self.head = nn.Linear(width, letters, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        return self.head(self.last(self.blocks(self.token(x) + self.place(places))))


def autoencoder() -> nn.Sequential:
    """Eight layers, tanh, through a waist of 16."""
    sizes = (64, 56, 48, 32, 16, 32, 48, 56, 64)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def generator() -> nn.Sequential:
    """Transposed convolutions from a code of 16 to an 8 x 8 image."""
    return nn.Sequential(
        nn.Linear(16, 64 * 4), nn.ReLU(), nn.Unflatten(1, (64, 2, 2)),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1),
    )  # fmt: skip


class UNet(nn.Module):
    """Down twice, up twice, with the skips concatenated."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.enter, self.down = self._pair(1, width), self._pair(width, 2 * width)
        self.bottom = self._pair(2 * width, 4 * width)
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.join1 = self._pair(4 * width, 2 * width)
        self.up2 = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.join2, self.leave = self._pair(2 * width, width), nn.Conv2d(width, 1, 1)

    @staticmethod
    def _pair(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        high = self.enter(x)
        middle = self.down(functional.max_pool2d(high, 2))
        low = self.bottom(functional.max_pool2d(middle, 2))
        up = self.join1(torch.cat([self.up1(low), middle], 1))
        return self.leave(self.join2(torch.cat([self.up2(up), high], 1)))


class Mixer(nn.Module):
    """MLP-Mixer on patches of 2 x 2."""

    def __init__(self, width: int = 32, blocks: int = 4, patches: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 2, 2)
        self.tokens = nn.ModuleList(self._mlp(patches, 32) for _ in range(blocks))
        self.channels = nn.ModuleList(self._mlp(width, 64) for _ in range(blocks))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * blocks + 1))
        self.head = nn.Linear(width, 10)

    @staticmethod
    def _mlp(width: int, hidden: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        for index, (tokens, channels) in enumerate(zip(self.tokens, self.channels, strict=True)):
            x = x + tokens(self.norms[2 * index](x).transpose(1, 2)).transpose(1, 2)
            x = x + channels(self.norms[2 * index + 1](x))
        return self.head(self.norms[-1](x).mean(1))


class Experts(nn.Module):
    """A mixture of experts, held as stacked weights, mixed by a softmax router."""

    def __init__(self, width: int = 32, hidden: int = 64, experts: int = 4) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts)
        self.up = nn.Parameter(torch.empty(experts, width, hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, width))
        for weight in (self.up, self.down):
            nn.init.normal_(weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        share = self.router(x).softmax(-1)
        hidden = functional.gelu(torch.einsum("bi,eih->beh", x, self.up))
        return torch.einsum("beh,ehi,be->bi", hidden, self.down, share)


def mixture(width: int = 32, blocks: int = 4) -> nn.Sequential:
    """Residual blocks of normalised mixtures of experts."""
    body = [Residual(nn.Sequential(nn.LayerNorm(width), Experts(width))) for _ in range(blocks)]
    return nn.Sequential(nn.Linear(64, width), *body, nn.LayerNorm(width), nn.Linear(width, 10))


def convnext() -> nn.Module:
    """transformers' ConvNeXt, tiny."""
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return ConvNextForImageClassification(
        ConvNextConfig(num_channels=3, patch_size=2, hidden_sizes=[16, 32], depths=[2, 2], num_stages=2,
                       num_labels=10, image_size=8)
    )  # fmt: skip


def vit() -> nn.Module:
    """transformers' ViT, tiny."""
    from transformers import ViTConfig, ViTForImageClassification

    return ViTForImageClassification(
        ViTConfig(image_size=8, patch_size=2, num_channels=3, hidden_size=32, num_hidden_layers=4,
                  num_attention_heads=4, intermediate_size=64, num_labels=10)
    )  # fmt: skip


def mamba(letters: int) -> nn.Module:
    """transformers' Mamba, tiny."""
    from transformers import MambaConfig, MambaForCausalLM

    return MambaForCausalLM(
        MambaConfig(vocab_size=letters, hidden_size=32, state_size=4, num_hidden_layers=2, use_cache=False)
    )


def efficientnet() -> nn.Module:
    """transformers' EfficientNet, a third as wide and as deep as B0."""
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    return EfficientNetForImageClassification(
        EfficientNetConfig(image_size=32, width_coefficient=0.35, depth_coefficient=0.35, hidden_dim=448,
                           num_labels=10)
    )  # fmt: skip
