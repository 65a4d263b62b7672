"""Networks of many kinds, which the corpus starts well and badly."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from corpus.parts import mlp


class Variational(nn.Module):
    """A variational autoencoder; returns a dict with the reconstruction and both terms of the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = (
            nn.Sequential(nn.Linear(64, 128), nn.ReLU()),
            mlp(1, 128, nn.ReLU, inputs=8, outputs=64),
        )
        self.mean, self.log_variance = nn.Linear(128, 8), nn.Linear(128, 8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1).mean()
        y = self.decoder(z)
        return {"reconstruction": y, "divergence": divergence, "loss": F.mse_loss(y, x) + 0.01 * divergence}


def generator(std: float = 0.02) -> nn.Sequential:
    """DCGAN's generator at 32 x 32 (Radford, Metz & Chintala 2016)."""
    layers: list[nn.Module] = []
    sizes = [(64, 64, 4, 1, 0), (64, 32, 4, 2, 1), (32, 16, 4, 2, 1)]
    for a, b, k, s, p in sizes:
        layers += [nn.ConvTranspose2d(a, b, k, s, p, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    model = nn.Sequential(*layers, nn.ConvTranspose2d(16, 3, 4, 2, 1, bias=False), nn.Tanh())
    return _dcgan(model, std)


def discriminator(std: float = 0.02) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 4, 2, 1), nn.LeakyReLU(0.2)]
    for a, b in ((16, 32), (32, 64)):
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
    return _dcgan(nn.Sequential(*layers, nn.Conv2d(64, 1, 4), nn.Flatten()), std)


def _dcgan(model: nn.Sequential, std: float) -> nn.Sequential:
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return model


class Translator(nn.Module):
    """A GRU encoder and decoder with attention (Bahdanau, Cho & Bengio 2015)."""

    def __init__(self, words: int = 60, width: int = 48) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(words, width), nn.Embedding(words, width)
        self.encoder = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.bridge, self.decoder = nn.Linear(2 * width, width), nn.GRUCell(3 * width, width)
        self.query, self.key, self.score = (
            nn.Linear(width, width),
            nn.Linear(2 * width, width),
            nn.Linear(width, 1),
        )
        self.head = nn.Linear(3 * width, words)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, last = self.encoder(self.source(source))
        state, keys = torch.tanh(self.bridge(torch.cat([last[0], last[1]], -1))), self.key(memory)
        steps = []
        for word in self.target(target).unbind(1):
            weight = self.score(torch.tanh(keys + self.query(state)[:, None])).softmax(1)
            seen = (weight * memory).sum(1)
            state = self.decoder(torch.cat([word, seen], -1), state)
            steps.append(self.head(torch.cat([state, seen], -1)))
        return torch.stack(steps, 1)


class Temporal(nn.Module):
    """A temporal convolution network of dilated causal blocks (Bai, Kolter & Koltun 2018)."""

    def __init__(self, depth: int = 5, width: int = 32, wrap: Callable[[nn.Module], nn.Module] | None = None,
                 std: float | None = 0.01) -> None:  # fmt: skip
        super().__init__()
        wrap = wrap or (lambda m: m)
        make = lambda a, k, d: wrap(nn.Conv1d(a, width, k, dilation=d))  # noqa: E731
        self.first = nn.ModuleList(make(4 if i == 0 else width, 3, 2**i) for i in range(depth))
        self.second = nn.ModuleList(make(width, 3, 2**i) for i in range(depth))
        self.skip, self.head = nn.Conv1d(4, width, 1), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for i, (one, two) in enumerate(zip(self.first, self.second, strict=True)):
            pad = (2 * 2**i, 0)
            y = F.relu(two(F.pad(F.relu(one(F.pad(x, pad))), pad)))
            x = F.relu(y + (self.skip(x) if i == 0 else x))
        return self.head(x[..., -1])


class GraphConvolution(nn.Module):
    """H <- act(A H W) with A normalised (Kipf & Welling 2017), weights as raw parameters."""

    def __init__(self, depth: int, width: int = 32, gain: float = 1.0) -> None:
        super().__init__()
        sizes = [16, *[width] * (depth - 1), 5]
        self.weights = nn.ParameterList(
            gain * torch.randn(a, b) * (2 / (a + b)) ** 0.5 for a, b in itertools.pairwise(sizes)
        )
        links = (torch.rand(40, 40) < 0.1).float()
        links = ((links + links.T + torch.eye(40)) > 0).float()
        scale = links.sum(1).rsqrt()
        self.register_buffer("adjacency", scale[:, None] * links * scale)

    def forward(self, x: Tensor) -> Tensor:
        for i, weight in enumerate(self.weights):
            x = self.adjacency @ (x @ weight)
            x = F.relu(x) if i < len(self.weights) - 1 else x
        return x


class Physics(nn.Module):
    """A physics-informed network: the loss is made of derivatives of its output (Raissi et al. 2019)."""

    def __init__(self, depth: int = 4, width: int = 32) -> None:
        super().__init__()
        self.net = mlp(depth, width, nn.Tanh, nn_xavier, inputs=2, outputs=1)

    def forward(self, points: Tensor) -> Tensor:
        points = points.requires_grad_()
        u = self.net(points)
        (first,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        (second,) = torch.autograd.grad(first[:, 1].sum(), points, create_graph=True)
        return (first[:, 0] - 0.1 * second[:, 1]).square().mean() + u[:8].square().mean()


def nn_xavier(m: Any) -> None:
    nn.init.xavier_normal_(m.weight)


class Coupling(nn.Module):
    """RealNVP: affine couplings, the last layer of each starts at zero (Dinh et al. 2017, Kingma & Dhariwal 2018)."""

    def __init__(self, depth: int = 6, zero: bool = True) -> None:
        super().__init__()
        self.nets = nn.ModuleList(mlp(2, 64, nn.ReLU, inputs=4, outputs=8) for _ in range(depth))
        for net in self.nets:
            if zero:
                nn.init.zeros_(net[-1].weight)
                nn.init.zeros_(net[-1].bias)
            else:
                nn.init.normal_(net[-1].weight, std=1.0)

    def forward(self, x: Tensor) -> Tensor:
        total = x.new_zeros(x.shape[0])
        for net in self.nets:
            a, b = x.chunk(2, -1)
            log_scale, shift = net(a).chunk(2, -1)
            x, total = torch.cat([b * log_scale.exp() + shift, a], -1), total + log_scale.sum(-1)
        return 0.5 * x.square().sum(-1) - total


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder transposed."""

    def __init__(self, sizes: tuple[int, ...] = (64, 48, 32), gain: float = 1.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(a) for a in sizes[:-1])
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight, gain)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.tanh(layer(x))
        for layer, bias in zip(reversed(self.layers), reversed(self.biases), strict=True):
            x = F.linear(x, layer.weight.t(), bias)
        return x


class DeepSet(nn.Module):
    """rho(sum phi(x)) (Zaheer et al. 2017)."""

    def __init__(self, pool: str = "mean") -> None:
        super().__init__()
        self.phi, self.rho, self.pool = (
            mlp(2, 64, nn.ReLU, inputs=6, outputs=64),
            mlp(2, 64, nn.ReLU, outputs=3),
            pool,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.rho(getattr(self.phi(x), self.pool)(1))


class Perceiver(nn.Module):
    """Latents that read the input by cross-attention (Jaegle et al. 2021)."""

    def __init__(self, depth: int = 3, width: int = 64) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(16, width) * 0.02)
        self.lift = nn.Linear(12, width)
        self.cross = nn.ModuleList(nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(depth))
        self.own = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norms, self.head = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth)), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        z, x = self.latents.expand(x.shape[0], -1, -1), self.lift(x)
        for cross, own, norm in zip(self.cross, self.own, self.norms, strict=True):
            z = own(z + cross(norm(z), x, x, need_weights=False)[0])
        return self.head(z.mean(1))


class Mixer(nn.Module):
    """MLP-Mixer (Tolstikhin et al. 2021)."""

    def __init__(self, depth: int = 4, width: int = 48, tokens: int = 16, skip: bool = True) -> None:
        super().__init__()
        self.skip, self.lift, self.head = skip, nn.Conv2d(3, width, 8, 8), nn.Linear(width, 10)
        both = lambda n: nn.Sequential(nn.Linear(n, 2 * n), nn.GELU(), nn.Linear(2 * n, n))  # noqa: E731
        self.token, self.channel = (nn.ModuleList(both(n) for _ in range(depth)) for n in (tokens, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * depth + 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.lift(x).flatten(2).transpose(1, 2)
        for i, (token, channel) in enumerate(zip(self.token, self.channel, strict=True)):
            x = self.skip * x + token(self.norms[2 * i](x).transpose(1, 2)).transpose(1, 2)
            x = self.skip * x + channel(self.norms[2 * i + 1](x))
        return self.head(self.norms[-1](x).mean(1))


class Keys(nn.Module):
    """A recurrence of weighted keys and values, as RWKV has it, written with raw parameters."""

    def __init__(self, depth: int = 3, width: int = 48, words: int = 80) -> None:
        super().__init__()
        self.words, self.head, self.depth = (
            nn.Embedding(words, width),
            nn.Linear(width, words, bias=False),
            depth,
        )
        nn.init.uniform_(self.words.weight, -1e-4, 1e-4)
        self.decay = nn.Parameter(torch.linspace(-5, 1, width).repeat(depth, 1))
        self.maps = nn.ModuleList(
            nn.ModuleDict({k: nn.Linear(width, width, bias=False) for k in ("r", "k", "v", "o")})
            for _ in range(depth)
        )
        for one in self.maps:
            nn.init.zeros_(one["o"].weight)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth + 2))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norms[0](self.words(ids))
        for i, maps in enumerate(self.maps):
            y = self.norms[i + 1](x)
            r, k, v = torch.sigmoid(maps["r"](y)), torch.exp(maps["k"](y).clamp(max=20)), maps["v"](y)
            keep, top, bottom, outs = torch.exp(-torch.exp(self.decay[i])), 0.0, 1e-6, []
            for t in range(ids.shape[1]):
                top, bottom = keep * top + k[:, t] * v[:, t], keep * bottom + k[:, t]
                outs.append(top / bottom)
            x = x + maps["o"](r * torch.stack(outs, 1))
        return self.head(self.norms[-1](x))


class Recommender(nn.Module):
    """DLRM: dense features, summed embeddings, pairwise products (Naumov et al. 2019)."""

    def __init__(self, sparse: bool = False, spread: float = 0.05) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.EmbeddingBag(1000, 16, mode="sum", sparse=sparse) for _ in range(5))
        for table in self.tables:
            nn.init.uniform_(table.weight, -spread, spread)
        self.bottom, self.top = (
            mlp(2, 64, nn.ReLU, inputs=13, outputs=16),
            mlp(2, 64, nn.ReLU, inputs=31, outputs=1),
        )

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        x = F.relu(self.bottom(dense))
        rows = torch.stack([x, *(table(ids[:, i]) for i, table in enumerate(self.tables))], 1)
        products = torch.bmm(rows, rows.transpose(1, 2))
        left, right = torch.tril_indices(6, 6, offset=-1)
        return self.top(torch.cat([x, products[:, left, right]], 1))[:, 0]


class Contrast(nn.Module):
    """SimCLR: an encoder, a projection head, normalised outputs (Chen et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.project = (
            mlp(3, 128, nn.ReLU, outputs=128),
            mlp(1, 128, nn.ReLU, inputs=128, outputs=32),
        )

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        one, two = (F.normalize(self.project(self.encoder(x)), dim=-1) for x in (a, b))
        return F.cross_entropy(one @ two.T / 0.5, torch.arange(len(a)))


class Equilibrium(nn.Module):
    """A deep equilibrium model: a fixed point found without gradients, then one step with (Bai et al. 2019)."""

    def __init__(self, width: int = 64, gain: float = 0.7) -> None:
        super().__init__()
        self.inside, self.outside, self.head = (
            nn.Linear(width, width),
            nn.Linear(64, width),
            nn.Linear(width, 10),
        )
        nn.init.orthogonal_(self.inside.weight, gain)

    def forward(self, x: Tensor) -> Tensor:
        drive = self.outside(x)
        with torch.no_grad():
            z = torch.zeros_like(drive)
            for _ in range(20):
                z = torch.tanh(self.inside(z) + drive)
        return self.head(torch.tanh(self.inside(z) + drive))


class Straight(torch.autograd.Function):
    """sign(x) forward, the gradient as it is where |x| < 1 (Hubara et al. 2016)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < 1)


class Binary(nn.Module):
    """Binarised weights and activations by a custom autograd function."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in ((64, 64), (64, 64), (64, 10)))
        self.norms = nn.ModuleList(nn.BatchNorm1d(64) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers[:-1], self.norms, strict=True):
            x = Straight.apply(norm(F.linear(x, Straight.apply(layer.weight), layer.bias)))
        return self.layers[-1](x)


class Complex(nn.Module):
    """Two complex linear layers with an activation on real and imaginary parts (Trabelsi et al. 2018)."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.first = nn.Parameter(gain * torch.randn(64, 32, dtype=torch.cfloat) / 32**0.5)
        self.second = nn.Parameter(gain * torch.randn(10, 64, dtype=torch.cfloat) / 32**0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = x.to(torch.cfloat) @ self.first.T
        h = torch.complex(F.relu(h.real), F.relu(h.imag))
        return (h @ self.second.T).abs()


@dataclasses.dataclass
class Answer:
    """What a network with several heads returns."""

    kind: Tensor
    place: Tensor
    extra: tuple[Tensor, ...] = ()


class Heads(nn.Module):
    """A detector's two heads on one body."""

    def __init__(self, body: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body or nn.Sequential(mlp(2, 64, nn.ReLU, outputs=64), nn.ReLU())
        self.kind, self.place = nn.Linear(64, 5), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Answer:
        h = self.body(x)
        return Answer(self.kind(h), self.place(h), (h.mean(),))


def both_losses(batch: int = 32) -> Callable[[Answer], Tensor]:
    kinds, places = torch.randint(0, 5, (batch,)), torch.rand(batch, 4)
    return lambda out: F.cross_entropy(out.kind, kinds) + F.smooth_l1_loss(out.place, places)


class Gated(nn.Module):
    """A stack of SwiGLU blocks without normalization or skips."""

    def __init__(self, depth: int, width: int = 64, gain: float = 1.0) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(
            nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(3)) for _ in range(depth)
        )
        self.head = nn.Linear(width, 10)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=gain / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        for gate, up, down in self.pairs:
            x = down(F.silu(gate(x)) * up(x))
        return self.head(x)


class Inception(nn.Module):
    """Parallel paths joined by concatenation, several times (Szegedy et al. 2015)."""

    def __init__(self, depth: int, init: Callable[[Any], Any], norm: bool = False) -> None:
        super().__init__()
        width = 24
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.paths = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(width, width // 3, k, padding=k // 2) for k in (1, 3, 5))
            for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) if norm else nn.Identity() for _ in range(depth))
        self.head = nn.Linear(width, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init(module)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for paths, norm in zip(self.paths, self.norms, strict=True):
            x = F.relu(norm(torch.cat([path(x) for path in paths], 1)))
        return self.head(x.mean((2, 3)))


class Unet(nn.Module):
    """A deep U-Net without normalization, skips by concatenation."""

    def __init__(self, init: Callable[[Any], Any], per: int = 3) -> None:
        super().__init__()
        make = lambda a, b: nn.Sequential(  # noqa: E731
            *(m for i in range(per) for m in (nn.Conv2d(a if i == 0 else b, b, 3, padding=1), nn.ReLU()))
        )
        self.down = nn.ModuleList([make(3, 16), make(16, 32), make(32, 32)])
        self.up = nn.ModuleList([make(64, 16), make(32, 16)])
        self.head = nn.Conv2d(16, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init(module)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for i, down in enumerate(self.down):
            x = down(x if i == 0 else F.avg_pool2d(x, 2))
            kept.append(x)
        for up, skip in zip(self.up, kept[-2::-1], strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2), skip], 1))
        return self.head(x)


class Hyper(nn.Module):
    """A small network makes the weights of another (Ha, Dai & Le 2017)."""

    def __init__(self, std: float = 0.1) -> None:
        super().__init__()
        self.code, self.make, self.head = (
            nn.Parameter(torch.randn(4, 16)),
            nn.Linear(16, 32 * 32),
            nn.Linear(32, 10),
        )
        nn.init.normal_(self.make.weight, std=std * (2 / 32) ** 0.5)
        nn.init.zeros_(self.make.bias)
        self.stem = nn.Linear(64, 32)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.stem(x))
        for weight in self.make(self.code).view(4, 32, 32):
            h = F.relu(F.linear(h, weight))
        return self.head(h)


class PointwiseScan(nn.Module):
    """A plain linear recurrence over time with a diagonal of decays, as state spaces have it."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.inputs, self.outputs, self.head = (
            nn.Linear(8, width),
            nn.Linear(width, width),
            nn.Linear(width, 10),
        )
        self.log_decay = nn.Parameter(torch.log(torch.linspace(0.01, 0.3, width)))

    def forward(self, x: Tensor) -> Tensor:
        decay, state = torch.exp(-torch.exp(self.log_decay)), x.new_zeros(x.shape[0], self.log_decay.numel())
        drive = self.inputs(x) * torch.sqrt(1 - decay**2)
        for t in range(x.shape[1]):
            state = decay * state + drive[:, t]
        return self.head(F.gelu(self.outputs(state)))


def positional(length: int, width: int) -> Tensor:
    at = torch.arange(length)[:, None] * torch.exp(-math.log(1e4) * torch.arange(0, width, 2) / width)
    return torch.stack([at.sin(), at.cos()], -1).flatten(1)
