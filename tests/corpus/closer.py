"""Networks for the closer looks: attention, gates, stacks, encodings, states, adapters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from corpus.cases import Made

WORDS, WIDTH = 60, 48


class Attend(nn.Module):
    """Self-attention in one of several spellings."""

    def __init__(
        self, spelling: str = "written", gain: float = 1.0, scaled: bool = True, heads: int = 4
    ) -> None:
        super().__init__()
        self.spelling, self.heads, self.scaled = spelling, heads, scaled
        if spelling == "module":
            self.mha = nn.MultiheadAttention(WIDTH, heads, batch_first=True)
            self.mha.in_proj_weight.data.normal_(0, gain * WIDTH**-0.5)
            return
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        for layer in (self.q, self.k):
            nn.init.normal_(layer.weight, 0, gain * WIDTH**-0.5)

    def bias(self, t: int) -> Any:
        return 0.0

    def forward(self, x: Tensor) -> Tensor:
        if self.spelling == "module":
            return self.mha(x, x, x, need_weights=False)[0]
        q, k, v = (m(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for m in (self.q, self.k, self.v))
        scale = q.shape[-1] ** -0.5 if self.scaled else 1.0
        if self.spelling == "fused":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        elif self.spelling == "einsum":
            y = torch.einsum(
                "bhqk,bhkd->bhqd", (torch.einsum("bhqd,bhkd->bhqk", q, k) * scale).softmax(-1), v
            )
        else:
            y = ((q @ k.transpose(-1, -2)) * scale + self.bias(x.shape[1])).softmax(-1) @ v
        return self.o(y.transpose(1, 2).flatten(2))


class Alibi(Attend):
    """With a bias that falls off with distance, steeply in the first head."""

    def bias(self, t: int) -> Any:
        apart = (torch.arange(t)[:, None] - torch.arange(t)).abs()
        return -apart * torch.tensor([4.0, 1.0, 0.25, 0.06]).view(4, 1, 1)


class Cosine(Attend):
    """Cosines times a learnt temperature of 10 (Liu et al. 2022)."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (m(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for m in (self.q, self.k, self.v))
        y = (10 * F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-1, -2)).softmax(-1) @ v
        return self.o(y.transpose(1, 2).flatten(2))


class Reader(nn.Module):
    """A small pre-norm language model around any attention."""

    def __init__(self, attend: Callable[[], nn.Module], depth: int = 4) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(32, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2 * depth))
        self.attends = nn.ModuleList(attend() for _ in range(depth))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
            for _ in range(depth)
        )
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)
        nn.init.normal_(self.head.weight, 0, 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for i, (attend, mlp) in enumerate(zip(self.attends, self.mlps, strict=True)):
            x = x + attend(self.norms[2 * i](x))
            x = x + mlp(self.norms[2 * i + 1](x))
        return self.head(self.norm(x))


def read(model: nn.Module) -> Made:
    ids = torch.randint(0, WORDS, (8, 24))
    return model, ids, lambda out: F.cross_entropy(out[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


class Recurrent(nn.Module):
    """A fused recurrent layer, or a loop over a cell, then a head."""

    def __init__(self, cell: str, gain: float | None = None, layers: int = 1, both: bool = False) -> None:
        super().__init__()
        self.loop = cell.endswith("Cell")
        make = getattr(nn, cell)
        self.rnn = make(16, 32) if self.loop else make(16, 32, layers, batch_first=True, bidirectional=both)
        self.head = nn.Linear(64 if both else 32, 5)
        for p in self.rnn.parameters():
            if gain is not None and p.dim() > 1:
                nn.init.normal_(p, 0, gain * p.shape[1] ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        if not self.loop:
            return self.head(self.rnn(x)[0][:, -1])
        state: Any = None
        for step in x.unbind(1):
            state = self.rnn(step, state)
        return self.head(state[0] if isinstance(state, tuple) else state)


def sequences(model: nn.Module, size: int = 16, length: int = 20, classes: int = 5) -> Made:
    target = torch.randint(0, classes, (16,))
    return model, torch.randn(16, length, size), lambda out: F.cross_entropy(out, target)


class Experts(nn.Module):
    """x + experts(x): stacked or modules, routed by scores or by a hash of the first number."""

    def __init__(self, spelling: str = "stacked", count: int = 8, top: int = 1, width: int = 32) -> None:
        super().__init__()
        self.spelling, self.count, self.top = spelling, count, top
        self.stem, self.router = nn.Linear(width, width), nn.Linear(width, count)
        self.table: Callable[[Tensor], Tensor] | None = None
        if spelling == "modules":
            self.experts = nn.ModuleList(
                nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
                for _ in range(count)
            )
        else:
            self.up = nn.Parameter(torch.randn(count, width, 2 * width) * width**-0.5)
            self.down = nn.Parameter(torch.randn(count, 2 * width, width) * (2 * width) ** -0.5)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        scores = self.router(x).softmax(-1)
        if self.spelling == "soft":
            y = torch.einsum("ne,nd,edf->nef", torch.ones_like(scores), x, self.up).relu()
            y = torch.einsum("nef,efd->ned", y, self.down)
            return self.head(x + (scores[..., None] * y).sum(1))
        chosen = self.table(x)[:, None] if self.table else scores.topk(self.top, -1).indices
        y = torch.zeros_like(x)
        for e in range(self.count):
            rows = (chosen == e).any(-1).nonzero()[:, 0]
            if not len(rows):
                continue
            part = x[rows]
            done = (
                self.experts[e](part)
                if self.spelling == "modules"
                else (part @ self.up[e]).relu() @ self.down[e]
            )
            y = y.index_add(0, rows, scores[rows, e, None] * done)
        return self.head(x + y)


def vectors(model: nn.Module, batch: int = 128, size: int = 32, classes: int = 5) -> Made:
    target = torch.randint(0, classes, (batch,))
    return model, torch.randn(batch, size), lambda out: F.cross_entropy(out, target)


class Stack(nn.Module):
    """Layers held in one tensor (layers, in, out), applied in turn around skips."""

    def __init__(self, layers: int = 6, width: int = 32) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.randn(layers, width, 2 * width) * width**-0.5)
        self.down = nn.Parameter(torch.randn(layers, 2 * width, width) * (2 * width) ** -0.5)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        for up, down in zip(self.up, self.down, strict=True):
            x = x + F.gelu(F.layer_norm(x, x.shape[-1:]) @ up) @ down
        return self.head(F.layer_norm(x, x.shape[-1:]))


class Gated(nn.Module):
    """x + gate * branch(x)."""

    def __init__(self, width: int = 32, shape: tuple[int, ...] = (), norm: bool = False) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width) if norm else nn.Identity()
        self.gate = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gate * self.norm(self.down(self.up(x).relu()))


class Glu(nn.Module):
    """x + out(f(x) * g(x)), or the product of two maps itself where there is no `out`."""

    def __init__(self, width: int = 32, out: bool = True) -> None:
        super().__init__()
        self.f, self.g = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width) if out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(self.f(x) * self.g(x))


def gated(blocks: Callable[[], nn.Module], count: int = 5) -> nn.Sequential:
    return nn.Sequential(nn.Linear(32, 32), *(blocks() for _ in range(count)), nn.Linear(32, 5))


class Lora(nn.Module):
    """A frozen linear layer and a low-rank change beside it, or within its weight."""

    def __init__(
        self, size: int, out: int, b: float = 0.0, a: float | None = None, within: bool = False
    ) -> None:
        super().__init__()
        self.base = nn.Linear(size, out).requires_grad_(False)
        self.a, self.b = (
            nn.Parameter(torch.randn(4, size) * size**-0.5),
            nn.Parameter(b * torch.randn(out, 4)),
        )
        if a is not None:
            nn.init.constant_(self.a, a)
        self.within = within

    def forward(self, x: Tensor) -> Tensor:
        if self.within:
            return F.linear(x, self.base.weight + self.b @ self.a, self.base.bias)
        return self.base(x) + 2.0 * F.linear(F.linear(x, self.a), self.b)


class Bottleneck(nn.Module):
    """A frozen block with an adapter behind it (Houlsby et al. 2019), beside it, or around it."""

    def __init__(self, end: float, kind: str = "behind", width: int = 32) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )
        self.block.requires_grad_(False)
        self.down, self.up = nn.Linear(width, 8), nn.Linear(8, width)
        nn.init.normal_(self.up.weight, 0, end)
        nn.init.zeros_(self.up.bias)
        self.kind = kind

    def adapter(self, x: Tensor) -> Tensor:
        return self.up(F.gelu(self.down(x)))

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "beside":
            return x + self.block(x) + self.adapter(x)
        y = self.block(x)
        return x + y + self.adapter(y)


def adapted(blocks: Callable[[], nn.Module], head: bool = True) -> nn.Sequential:
    ends = [nn.Linear(32, 32).requires_grad_(False), nn.Linear(32, 5).requires_grad_(head)]
    return nn.Sequential(ends[0], *(blocks() for _ in range(4)), ends[1])


class Control(nn.Module):
    """A frozen convolution net, with a trainable copy of its first half that is added in (Zhang et al. 2023)."""

    def __init__(self, zero: bool, width: int = 16) -> None:
        super().__init__()
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1)  # noqa: E731
        self.first, self.second, self.last = conv(3, width), conv(width, width), conv(width, 3)
        self.requires_grad_(False)
        self.copy, self.joint = conv(3, width), nn.Conv2d(width, width, 1)
        if zero:
            nn.init.zeros_(self.joint.weight)
            nn.init.zeros_(self.joint.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = F.silu(self.first(x))
        return self.last(F.silu(self.second(h) + self.joint(F.silu(self.copy(x)))))


def pictures(model: nn.Module, channels: int = 3, size: int = 16, batch: int = 4) -> Made:
    return model, torch.randn(batch, channels, size, size), None


class Sine(nn.Module):
    def __init__(self, i: int, o: int, bound: float, w0: float) -> None:
        super().__init__()
        self.linear, self.w0 = nn.Linear(i, o), w0
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.w0 * self.linear(x))


def siren(inputs: int = 2, width: int = 64, depth: int = 3, w0: float = 30.0, first: float | None = None,
          hidden: float | None = None) -> nn.Sequential:  # fmt: skip
    bound = math.sqrt(6 / width) / w0 if hidden is None else hidden
    start = 1 / inputs if first is None else first
    net = nn.Sequential(
        Sine(inputs, width, start, w0),
        *(Sine(width, width, bound, w0) for _ in range(depth)),
        nn.Linear(width, 1),
    )
    nn.init.uniform_(net[-1].weight, -math.sqrt(6 / width) / w0, math.sqrt(6 / width) / w0)
    return net


def coordinates(model: nn.Module, inputs: int = 2, points: int = 900) -> Made:
    x = torch.rand(points, inputs) * 2 - 1
    y = torch.sin(17 * x[:, :1]) * (torch.cos(13 * x[:, 1:2]) if inputs > 1 else 1.0)
    return model, x, lambda out: F.mse_loss(out, y)


class Encoded(nn.Module):
    """Sines and cosines of fixed frequencies, then a perceptron (Tancik et al. 2020; Mildenhall et al. 2020)."""

    def __init__(self, frequencies: Tensor, depth: int = 3, octaves: bool = False) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)
        self.octaves = octaves
        size = 2 * frequencies.shape[-1] * (frequencies.shape[0] if octaves else 1)
        self.net = nn.Sequential(
            nn.Linear(size, 64), nn.ReLU(), *(m for _ in range(depth) for m in (nn.Linear(64, 64), nn.ReLU())),
            nn.Linear(64, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        if self.octaves:
            parts = [f(x * row) for row in self.frequencies for f in (torch.sin, torch.cos)]
        else:
            parts = [f(x @ self.frequencies) for f in (torch.sin, torch.cos)]
        return self.net(torch.cat(parts, -1))


class Timed(nn.Module):
    """A denoiser of vectors that is told the time by sinusoids (Ho et al. 2020)."""

    def __init__(self, width: int = 32, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.register_buffer("rates", torch.exp(-math.log(10000) * torch.arange(16) / 16))
        self.time, self.into, self.out = nn.Linear(32, width), nn.Linear(32, width), nn.Linear(width, 32)
        self.dtype = dtype

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angles = (t[:, None] * self.rates).to(self.dtype)
        told = torch.cat([angles.sin(), angles.cos()], -1).to(x.dtype)
        return self.out(F.silu(self.into(x) + self.time(told)))


def timed(model: nn.Module, scale: float = 1000.0) -> Made:
    noise = torch.randn(64, 32)
    return model, (torch.randn(64, 32), torch.rand(64) * scale), lambda out: F.mse_loss(out, noise)


class Rotary(Attend):
    """Rotates queries and keys by their place (Su et al. 2021)."""

    def __init__(self, spelling: str = "written") -> None:
        super().__init__(spelling)
        size = WIDTH // self.heads
        self.register_buffer("inv_freq", 10000 ** (-torch.arange(0, size, 2) / size), persistent=False)

    def turned(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[-2])[:, None] * self.inv_freq
        a, b = x.chunk(2, -1)
        return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (m(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for m in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(self.turned(q), self.turned(k), v)
        return self.o(y.transpose(1, 2).flatten(2))


class Selective(nn.Module):
    """A selective state space layer in its plain form (Gu & Dao 2023), around a skip."""

    def __init__(self, width: int = 16, states: int = 8, low: float = 1e-3, high: float = 0.1,
                 offset: float | None = None) -> None:  # fmt: skip
        super().__init__()
        self.a_log = nn.Parameter(torch.log(torch.arange(1, states + 1.0)).repeat(width, 1))
        self.norm, self.dt = nn.LayerNorm(width), nn.Linear(width, width)
        self.b, self.c = nn.Linear(width, states), nn.Linear(width, states)
        nn.init.uniform_(self.dt.weight, -0.1, 0.1)
        steps = torch.exp(torch.rand(width) * math.log(high / low) + math.log(low))
        with torch.no_grad():
            self.dt.bias.copy_(
                torch.log(torch.expm1(steps)) if offset is None else torch.full((width,), offset)
            )

    def forward(self, x: Tensor) -> Tensor:
        u = self.norm(x)
        dt = F.softplus(self.dt(u))
        keep = torch.exp(dt[..., None] * -torch.exp(self.a_log))
        write = dt[..., None] * self.b(u)[:, :, None] * u[..., None]
        h, out = torch.zeros_like(write[:, 0]), []
        for t in range(x.shape[1]):
            h = keep[:, t] * h + write[:, t]
            out.append((h * self.c(u[:, t])[:, None]).sum(-1))
        return x + torch.stack(out, 1) + u


class Diagonal(nn.Module):
    """S4D: a kernel of decaying waves, applied by FFT (Gu et al. 2022)."""

    def __init__(self, width: int = 16, states: int = 8, low: float = 1e-3, high: float = 0.1) -> None:
        super().__init__()
        self.log_dt = nn.Parameter(torch.rand(width) * math.log(high / low) + math.log(low))
        self.c = nn.Parameter(torch.randn(width, states, dtype=torch.cfloat) * states**-0.5)
        self.real = nn.Parameter(torch.log(0.5 * torch.ones(width, states)))
        self.imag = nn.Parameter(math.pi * torch.arange(states).repeat(width, 1).float())
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        u, n = self.norm(x), x.shape[1]
        a = torch.complex(-torch.exp(self.real), self.imag)
        rate = a * torch.exp(self.log_dt)[:, None]
        kernel = (
            2
            * torch.einsum(
                "hn,hnl->hl", self.c * (torch.exp(rate) - 1) / a, torch.exp(rate[..., None] * torch.arange(n))
            ).real
        )
        y = torch.fft.irfft(torch.fft.rfft(u.transpose(1, 2), 2 * n) * torch.fft.rfft(kernel, 2 * n), 2 * n)[
            ..., :n
        ]
        return x + self.out(F.gelu(y.transpose(1, 2) + u))


class Pooled(nn.Module):
    """Layers over a sequence, a mean over positions and a head."""

    def __init__(self, *layers: nn.Module, size: int = 16) -> None:
        super().__init__()
        self.layers, self.norm, self.head = nn.Sequential(*layers), nn.LayerNorm(size), nn.Linear(size, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(x)).mean(1))


class Separable(nn.Module):
    """Depthwise and pointwise convolutions around skips, with or without norms."""

    def __init__(self, law: Callable[[nn.Conv2d], Any], norm: bool, width: int = 48, depth: int = 3) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, width, 3, padding=1), nn.Linear(width, 5)
        self.deep = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, groups=width) for _ in range(depth))
        self.wide = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) if norm else nn.Identity() for _ in range(depth))
        for layer in (*self.deep, *self.wide):
            law(layer)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for deep, wide, norm in zip(self.deep, self.wide, self.norms, strict=True):
            x = x + wide(F.relu(norm(deep(x))))
        return self.head(x.mean((2, 3)))


class Upward(nn.Module):
    """Transposed convolutions from few channels to many pixels."""

    def __init__(
        self, law: Callable[[nn.ConvTranspose2d], Any], sizes: tuple[int, ...], norm: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layer = nn.ConvTranspose2d(a, b, 4, 2, 1)
            law(layer)
            nn.init.zeros_(layer.bias)
            layers += [layer, nn.BatchNorm2d(b) if norm else nn.Identity(), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
