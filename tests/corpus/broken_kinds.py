"""Broken starts of many kinds of network."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from corpus import kinds, parts
from corpus.cases import Made, broken
from corpus.parts import he, images, labels, mlp, normal, sentences, vectors


@broken("saturated-units", source="a generator's tanh driven by standard normal weights")
def loud_generator() -> Made:
    model = kinds.generator()
    nn.init.normal_(model[-2].weight)
    return model, torch.randn(8, 64, 1, 1), None


@broken(
    "vanishing-backward",
    "rank-collapse",
    "vanishing-forward",
    source="over-smoothing: 24 graph convolutions (Li, Han & Wu 2018)",
)
def oversmoothed() -> Made:
    return kinds.GraphConvolution(24), torch.randn(40, 16), None


@broken(
    "exploding-forward",
    "exploding-backward",
    source="graph convolutions with unscaled standard normal weights",
)
def loud_graph() -> Made:
    model = kinds.GraphConvolution(8)
    for weight in model.weights:
        nn.init.normal_(weight)
    return model, torch.randn(40, 16), None


@broken(
    "exploding-forward",
    "non-finite",
    source="normalising flow: couplings drawn at standard deviation 1, scales are exponentials",
)
def loud_flow() -> Made:
    return kinds.Coupling(8, zero=False), torch.randn(64, 8), lambda out: out.mean()


@broken("vanishing-forward", "rank-collapse", "vanishing-backward", source="a deep tied autoencoder at .01")
def small_tied() -> Made:
    model = kinds.Tied((64, 64, 64, 64, 64, 64, 64))
    for layer in model.layers:
        nn.init.normal_(layer.weight, std=0.01)
    x = vectors()
    return model, x, lambda out: F.mse_loss(out, x)


@broken(
    "vanishing-forward",
    "vanishing-backward",
    source="SwiGLU blocks in a row at .02: a product of two small numbers in each",
)
def small_gates() -> Made:
    return kinds.Gated(8, gain=0.3), vectors(), labels()


@broken(
    "exploding-forward",
    "exploding-backward",
    source="the same at three times LeCun's gain: products double the growth",
)
def loud_gates() -> Made:
    return kinds.Gated(6, gain=3.0), vectors(), labels()


@broken("vanishing-forward", "vanishing-backward", source="parallel paths without normalization at .01")
def small_inception() -> Made:
    return kinds.Inception(8, normal(0.01)), images(), labels(8)


@broken("exploding-forward", "exploding-backward", source="parallel paths drawn by N(0, .5)")
def loud_inception() -> Made:
    return kinds.Inception(6, normal(0.5)), images(), labels(8)


@broken(
    "vanishing-forward",
    "vanishing-backward",
    source="a U-Net without normalization at .01: the deep path is silent",
)
def small_unet() -> Made:
    return kinds.Unet(normal(0.01)), images(4), None


@broken("exploding-forward", "exploding-backward", source="a U-Net without normalization at .3")
def loud_unet() -> Made:
    return kinds.Unet(normal(0.5)), images(4), None


@broken(
    "exploding-forward",
    "exploding-backward",
    "saturated-units",
    source="hypernetwork whose output layer keeps the usual gain: weights of standard deviation 1 (Chang, Flokas & Lipson 2020)",
)
def loud_hyper() -> Made:
    return kinds.Hyper(3.0), vectors(), labels()


@broken("vanishing-forward", "vanishing-backward", source="hypernetwork drawn at a hundredth")
def small_hyper() -> Made:
    return kinds.Hyper(0.01), vectors(), labels()


@broken("dead-units", "vanishing-backward", source="batch normalization's shift far below 0 in front of ReLU")
def shifted_norms() -> Made:
    model = parts.convnet(6, 32, he, norm=True)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, -5.0)
    return model, images(), labels(8)


@broken("symmetric-units", source="LSTM weights all .1 in a cell written by hand")
def constant_cell() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.head = nn.Linear(16 + 32, 4 * 32), nn.Linear(32, 5)
            nn.init.constant_(self.gates.weight, 0.1)
            nn.init.zeros_(self.gates.bias)

        def forward(self, x: Tensor) -> Tensor:
            h = c = x.new_zeros(x.shape[0], 32)
            for t in range(x.shape[1]):
                i, f, o, g = self.gates(torch.cat([x[:, t], h], -1)).chunk(4, -1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            return self.head(h)

    return Net(), torch.randn(16, 10, 16), labels(16, 5)


@broken("symmetric-units", source="attention whose projections are all zeros, trained nowhere else")
def zero_queries() -> Made:
    model, ids = parts.Decoder(), sentences()
    for block in model.blocks:
        nn.init.constant_(block.mlp[0].weight, 0.02)
    return model, ids, parts.next_word(ids)


@broken("identical-layers", source="experts made by copy.deepcopy of the first")
def copied_experts() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.router, self.head = nn.Linear(64, 4), nn.Linear(64, 10)
            first = nn.Linear(64, 64)
            self.experts = nn.ModuleList(nn.Linear(64, 64) for _ in range(4))
            for expert in self.experts:
                expert.load_state_dict(first.state_dict())

        def forward(self, x: Tensor) -> Tensor:
            weight = self.router(x).softmax(-1)
            y = torch.stack([F.relu(expert(x)) for expert in self.experts], -1)
            return self.head((y * weight[:, None]).sum(-1))

    return Net(), vectors(), labels()


@broken(
    "unused-parameter", source="the second of two results is dropped: the branch that made it never learns"
)
def dropped_branch() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = (
                mlp(2, 64, nn.ReLU, outputs=64),
                mlp(2, 64, nn.ReLU, outputs=64),
                nn.Linear(64, 10),
            )

        def forward(self, x: Tensor) -> Tensor:
            a, _b = self.one(x), self.two(x)
            return self.head(F.relu(a))

    return Net(), vectors(), labels()


@broken("unused-parameter", source="features through NumPy: .detach().numpy() in the middle of the model")
def through_numpy() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = mlp(2, 64, nn.ReLU, outputs=64), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.from_numpy(self.encoder(x).detach().numpy()))

    return Net(), vectors(), labels()


@broken("unused-parameter", source="no_grad left around the encoder")
def no_grad_left() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.gru, self.head = (
                nn.Embedding(100, 32),
                nn.GRU(32, 32, batch_first=True),
                nn.Linear(32, 5),
            )

        def forward(self, ids: Tensor) -> Tensor:
            with torch.no_grad():
                h = self.gru(self.words(ids))[0][:, -1]
            return self.head(h)

    return Net(), sentences(16, 10), labels(16, 5)


@broken("initial-loss", source="contrastive logits with a temperature of .001")
def cold_contrast() -> Made:
    class Cold(kinds.Contrast):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            one, two = (F.normalize(self.project(self.encoder(x)), dim=-1) for x in (a, b))
            return F.cross_entropy(one @ two.T / 0.001, torch.arange(len(a)))

    return Cold(), (vectors(), vectors()), lambda out: out


@broken(
    "exploding-forward",
    "saturated-units",
    "non-finite",
    "exploding-backward",
    source="an implicit layer that does not contract: 20 steps of ReLU at gain 3",
)
def runaway_equilibrium() -> Made:
    class Net(kinds.Equilibrium):
        def forward(self, x: Tensor) -> Tensor:
            drive = self.outside(x)
            z = torch.zeros_like(drive)
            for _ in range(20):
                z = F.relu(self.inside(z) + drive)
            return self.head(z)

    return Net(gain=3.0), vectors(), labels()


@broken(
    "exploding-forward",
    "exploding-backward",
    source="complex weights whose real and imaginary parts each have variance 1",
)
def loud_complex() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ParameterList(torch.randn(64, 64, dtype=torch.cfloat) * 2**0.5 for _ in range(5))

        def forward(self, x: Tensor) -> Tensor:
            h = x.to(torch.cfloat)
            for weight in self.layers:
                h = h @ weight.T
                h = torch.complex(F.relu(h.real), F.relu(h.imag))
            return h.abs()

    return Net(), vectors(), None


@broken(
    "uninitialized", source="experts stacked in one torch.empty parameter that the init loop does not know"
)
def empty_experts() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts, self.head = nn.Parameter(torch.empty(4, 64, 64)), nn.Linear(64, 10)
            bits = (
                torch.randint(-(2**31), 2**31 - 1, (4, 64, 64), dtype=torch.int64)
                .to(torch.int32)
                .view(torch.float32)
            )
            self.experts.data.copy_(
                torch.nan_to_num(bits, nan=1e-3, posinf=1e-3, neginf=1e-3).clamp(-1e3, 1e3)
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.einsum("bd,nde->bne", x, self.experts).mean(1))

    return Net(), vectors(), labels()


@broken("dtype-headroom", "non-finite", source="attention logits in float16 without 1/sqrt(d)")
def half_attention() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(256, 256) for _ in range(3))
            for layer in (self.q, self.k):
                nn.init.normal_(layer.weight, std=0.6)

        def forward(self, x: Tensor) -> Tensor:
            return (self.q(x) @ self.k(x).transpose(1, 2)).softmax(-1) @ self.v(x)

    return Net().half(), torch.randn(4, 16, 256).half() * 3, None


@broken("vanishing-backward", "rank-collapse", source="weight_norm with its magnitudes at a tenth")
def small_weight_norm() -> Made:
    model = mlp(8, 64, nn.ReLU)
    for layer in list(model)[::2]:
        parametrizations.weight_norm(layer)
        layer.parametrizations.weight.original0.data.mul_(0.3)
    return model, vectors(), labels()


@broken(
    "exploding-backward",
    "saturated-units",
    source="SIREN's 30 in front of torch's default start: sines of hundreds (Sitzmann et al. 2020)",
)
def siren_default() -> Made:
    class Sine(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sin(30 * x)

    model = mlp(5, 128, Sine, inputs=2, outputs=3)
    for layer in list(model)[2:-1:2]:
        nn.init.normal_(layer.weight, std=1 / math.sqrt(128))
    return model, torch.rand(64, 2) * 2 - 1, None


@broken(
    "vanishing-backward",
    source="a recurrence by hand over 60 steps at half the critical gain (Hochreiter 1991)",
)
def forgetful_recurrence() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inputs, self.state, self.head = (
                nn.Linear(8, 64),
                nn.Linear(64, 64, bias=False),
                nn.Linear(64, 10),
            )
            nn.init.orthogonal_(self.state.weight, 0.5)

        def forward(self, x: Tensor) -> Tensor:
            h = self.inputs(x[:, 0])
            for _t in range(1, 60):
                h = torch.tanh(self.state(h))
            return self.head(h)

    return Net(), torch.randn(32, 60, 8), labels()


@broken(
    "vanishing-backward",
    "vanishing-forward",
    "rank-collapse",
    source="an activation of one's own, in front of weights of .05",
)
def custom_activation_chain() -> Made:
    class Act(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(1.7 * x)

    return mlp(24, 64, Act, normal(0.05)), vectors(), labels()


@broken(
    "exploding-forward", "exploding-backward", source="an activation of one's own, the gain twice too large"
)
def custom_activation_loud() -> Made:
    class Act(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x > 0, x, 0.1 * x)

    def init(m: Any) -> None:
        nn.init.normal_(m.weight, std=2.5 / m.in_features**0.5)

    return mlp(16, 64, Act, init), vectors(), labels()
