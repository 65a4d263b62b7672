"""Modules that start in every way constructors know, for the tests of own starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["Everything", "Gpt", "Rotary", "Shortly", "Titan"]


class Rotary(nn.Module):
    """Frequencies and a table computed by its constructor, one of them not persistent."""

    def __init__(self, size: int = 16, length: int = 12) -> None:
        super().__init__()
        frequencies = 1.0 / (10000 ** (torch.arange(0, size, 2).float() / size))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("table", torch.outer(torch.arange(length).float(), frequencies).cos())
        self.register_buffer("sines", torch.from_numpy(np.sin(np.arange(length * 2.0)).reshape(length, 2)))
        self.plain = self.frequencies * 2  # neither a parameter nor a buffer


class Everything(nn.Module):
    """Laws by name, by steps, by slices; values that Python asks for; ties and copies."""

    def __init__(self) -> None:
        super().__init__()
        self.rotary = Rotary()
        self.table = nn.Embedding(50, 24, padding_idx=3)
        self.packed = nn.Linear(24, 72)
        for start, std in ((0, 0.1), (24, 0.2), (48, 0.4)):
            nn.init.normal_(self.packed.weight[start : start + 24], std=std)
        self.square = nn.Linear(24, 24, bias=False)
        nn.init.orthogonal_(self.square.weight, gain=2.0)
        self.cut = nn.Linear(24, 40)
        nn.init.trunc_normal_(self.cut.weight, std=0.02, a=-0.04, b=0.04)
        with torch.no_grad():
            self.cut.bias.uniform_(math.erf(-2 / math.sqrt(2)), math.erf(2 / math.sqrt(2)))
            self.cut.bias.erfinv_().mul_(0.3 * math.sqrt(2)).add_(1.0).clamp_(0.4, 1.6)
        self.cell = nn.LSTM(24, 8)
        with torch.no_grad():
            self.cell.bias_hh_l0[8:16].fill_(1.0)
        steps = torch.exp(torch.rand(400) * (math.log(0.1) - math.log(0.001)) + math.log(0.001)).clamp(
            min=1e-4
        )
        self.steps = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        self.decay = nn.Parameter(torch.log(torch.arange(1, 17, dtype=torch.float32)).repeat(4, 1))
        self.kernel = nn.utils.parametrizations.weight_norm(nn.Conv1d(8, 8, 3))
        self.order = nn.Parameter(torch.randperm(30).float())
        self.half = nn.Linear(24, 24).to(torch.bfloat16)
        self.head = nn.Linear(24, 50, bias=False)
        self.head.weight = self.table.weight
        self.rates = [rate.item() for rate in torch.linspace(0, 0.3, 4)]
        self.places = torch.arange(10)[torch.arange(10) % 3 == 0].tolist()
        layer = nn.TransformerEncoderLayer(16, 2, 32)
        self.copies = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class Gpt(nn.Module):
    """The usual recipe: `apply` of `_init_weights` in the constructor, ends of branches smaller."""

    def __init__(self, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleDict({"up": nn.Linear(32, 64), "end": nn.Linear(64, 32)}) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(32)
        self.apply(self._init_weights)
        for layer in self.layers:
            nn.init.normal_(layer["end"].weight, std=0.02 / math.sqrt(2 * layers))

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)


class Titan(nn.Module):
    """Memory without values until `init_weights` is called, buffers included."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(32, 48))
        self.register_buffer("frequencies", torch.empty(8), persistent=False)

    def init_weights(self, buffer_device: Any = None) -> None:
        nn.init.trunc_normal_(self.weight, std=0.02)
        with torch.device(buffer_device or "cpu"):
            self.frequencies = torch.arange(8).float() ** 0.5


class Shortly(nn.Module):
    """Every way to call what makes memory of a size and what fills it by number."""

    def __init__(self) -> None:
        super().__init__()
        for number, made in enumerate((
            torch.zeros(3, 4), torch.ones((2, 5)), torch.zeros(torch.Size([4]), dtype=torch.int64),
            torch.randn(40, 30), torch.rand([50], dtype=torch.float64), torch.ones(()), torch.empty(0),
            torch.tensor(3), torch.tensor(0.25), torch.tensor(True), torch.tensor(2, dtype=torch.bfloat16),
            torch.empty(30, 20).normal_(0.5), torch.empty(30, 20).normal_(std=0.1),
            torch.empty(30, 20).normal_(0.1, std=2), torch.empty(30, 20).uniform_(), torch.empty(9).fill_(2),
            torch.empty(30, 20).uniform_(-1, 3), torch.empty(5, dtype=torch.int32).zero_(),
            torch.zeros(4, device="cpu"), torch.ones(3, requires_grad=True).detach(),
        )):  # fmt: skip
            self.register_buffer(f"made{number}", made)
        self.part = nn.Parameter(torch.zeros(6, 4))
        with torch.no_grad():
            self.part[2:4].fill_(0.5)
            self.part[:, 3].normal_(std=0.3)
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        self.register_buffer("wide", torch.zeros(3))
        torch.set_default_dtype(default)
