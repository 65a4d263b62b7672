"""Healthy starts of many kinds of network: generative, recurrent, geometric, physical, parametrized, low precision."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, rnn

from corpus import kinds, parts
from corpus.cases import Made, healthy
from corpus.parts import he, images, labels, mlp, sentences, squared, vectors


def named(output: Any) -> Tensor:
    return output["loss"]


@healthy("a variational autoencoder; a dict with both terms of the loss (Kingma & Welling 2014)")
def variational() -> Made:
    return kinds.Variational(), vectors(), None


@healthy("DCGAN's generator, everything from N(0, .02)")
def dcgan_generator() -> Made:
    return kinds.generator(), torch.randn(8, 64, 1, 1), None


@healthy("DCGAN's discriminator")
def dcgan_discriminator() -> Made:
    real = torch.ones(8, 1)
    return kinds.discriminator(), images(), lambda out: F.binary_cross_entropy_with_logits(out, real)


@healthy("a Wasserstein critic with a gradient penalty (Gulrajani et al. 2017)")
def critic() -> Made:
    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(3, 64, lambda: nn.LeakyReLU(0.2), outputs=1)

        def forward(self, x: Tensor) -> Tensor:
            x = x.detach().requires_grad_()
            score = self.net(x)
            (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
            return score.mean() + 10 * (slope.norm(dim=-1) - 1).square().mean()

    return Critic(), vectors(), lambda out: out


@healthy("a GRU encoder and decoder with attention")
def translator() -> Made:
    source, target = sentences(8, 10, 60), sentences(8, 7, 60)
    return (
        kinds.Translator(),
        (source, target),
        lambda out: F.cross_entropy(out.flatten(0, 1), target.flatten()),
    )


@healthy("a stacked LSTM with dropout on packed sequences")
def packed() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(16, 32, 2, dropout=0.2, batch_first=True), nn.Linear(32, 5)

        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            sequence = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return self.head(self.lstm(sequence)[1][0][-1])

    return Net(), (torch.randn(8, 12, 16), torch.tensor([12, 3, 7, 5, 12, 9, 2, 4])), labels(8, 5)


@healthy("a temporal convolution network with weight_norm (Bai, Kolter & Koltun 2018)")
def temporal_weight_norm() -> Made:
    return kinds.Temporal(wrap=parametrizations.weight_norm), torch.randn(8, 4, 60), labels(8)


@healthy("spectral normalization in a discriminator (Miyato et al. 2018)")
def spectral_norm() -> Made:
    model = nn.Sequential(
        *(m for a, b in ((3, 16), (16, 32), (32, 64)) for m in
          (parametrizations.spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.1))),
        nn.Flatten(), parametrizations.spectral_norm(nn.Linear(64 * 16, 1)),
    )  # fmt: skip
    return model, images(), None


@healthy("orthogonal parametrization of square layers")
def orthogonal_parametrization() -> Made:
    layers = [nn.Sequential(parametrizations.orthogonal(nn.Linear(64, 64)), nn.Tanh()) for _ in range(6)]
    return nn.Sequential(*layers, nn.Linear(64, 10)), vectors(), labels()


@healthy("graph convolutions by matrix products, two layers")
def graph_convolution() -> Made:
    target = torch.randint(0, 5, (40,))
    return kinds.GraphConvolution(2), torch.randn(40, 16), lambda out: F.cross_entropy(out, target)


@healthy("a physics-informed network of tanh: derivatives by the input in the loss")
def physics() -> Made:
    return kinds.Physics(), torch.rand(64, 2), lambda out: out


@healthy("RealNVP with couplings that start as the identity")
def flow() -> Made:
    return kinds.Coupling(), torch.randn(64, 8), lambda out: out.mean()


@healthy("an autoencoder with tied weights")
def tied_autoencoder() -> Made:
    x = vectors()
    return kinds.Tied(), x, lambda out: F.mse_loss(out, x)


@healthy("a deep set that averages")
def deep_set() -> Made:
    return kinds.DeepSet(), torch.randn(16, 20, 6), labels(16, 3)


@healthy("a Perceiver: latents drawn at .02 that read the input by cross-attention")
def perceiver() -> Made:
    return kinds.Perceiver(), torch.randn(8, 30, 12), labels(8)


@healthy("MLP-Mixer")
def mixer() -> Made:
    return kinds.Mixer(), images(), labels(8)


@healthy("an RWKV-like recurrence: embeddings of 1e-4 in front of a norm, zero ends of branches")
def keys_and_values() -> Made:
    ids = sentences(4, 12, 80)
    return kinds.Keys(), ids, parts.next_word(ids)


@healthy("DLRM with EmbeddingBag")
def recommender() -> Made:
    wanted = torch.randint(0, 2, (32,)).float()
    inputs = (torch.rand(32, 13), torch.randint(0, 1000, (32, 5, 3)))
    return kinds.Recommender(), inputs, lambda out: F.binary_cross_entropy_with_logits(out, wanted)


@healthy("the same with sparse gradients")
def sparse_recommender() -> Made:
    wanted = torch.randint(0, 2, (32,)).float()
    inputs = (torch.rand(32, 13), torch.randint(0, 1000, (32, 5, 3)))
    return kinds.Recommender(sparse=True), inputs, lambda out: F.binary_cross_entropy_with_logits(out, wanted)


@healthy("SimCLR: normalised projections, temperature .5")
def contrast() -> Made:
    x = vectors()
    return kinds.Contrast(), (x + 0.3 * torch.randn_like(x), x + 0.3 * torch.randn_like(x)), lambda out: out


@healthy("CLIP's two towers with a learnt temperature of 1 / .07")
def two_towers() -> Made:
    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = mlp(2, 64, nn.GELU, outputs=32), mlp(2, 64, nn.GELU, inputs=16, outputs=32)
            self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            logits = self.scale.exp() * F.normalize(self.one(a), dim=-1) @ F.normalize(self.two(b), dim=-1).T
            target = torch.arange(len(a))
            return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

    return Towers(), (vectors(), vectors(32, 16)), lambda out: out


@healthy("a deep equilibrium model: a fixed point found without gradients")
def equilibrium() -> Made:
    return kinds.Equilibrium(), vectors(), labels()


@healthy("binarised weights and activations by a custom autograd function")
def binarised() -> Made:
    return kinds.Binary(), vectors(), labels()


@healthy("complex weights")
def complex_weights() -> Made:
    return kinds.Complex(), torch.randn(32, 32), labels()


@healthy("a dataclass of several heads, two losses")
def several_heads() -> Made:
    return kinds.Heads(), vectors(), kinds.both_losses()


@healthy("a shallow stack of SwiGLU blocks with LeCun's gain and a skip around each")
def swiglu() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(5))
            self.gate, self.up, self.down = (
                nn.ModuleList(nn.Linear(64, 64, bias=False) for _ in range(5)) for _ in range(3)
            )
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            for norm, gate, up, down in zip(self.norms, self.gate, self.up, self.down, strict=True):
                y = norm(x)
                x = x + down(F.silu(gate(y)) * up(y))
            return self.head(x)

    return Net(), vectors(), labels()


@healthy("parallel paths joined by concatenation, batch-normalised (Szegedy et al. 2015)")
def inception() -> Made:
    return kinds.Inception(6, he, norm=True), images(), labels(8)


@healthy("a U-Net without normalization, He's gain")
def he_unet() -> Made:
    return kinds.Unet(he), images(4), None


@healthy("a network whose weights another network makes")
def hyper() -> Made:
    return kinds.Hyper(0.25), vectors(), labels()


@healthy("a diagonal linear recurrence, normalised")
def diagonal_recurrence() -> Made:
    return kinds.PointwiseScan(), torch.randn(16, 40, 8), labels(16)


@healthy("torch.nn.Transformer, encoder and decoder, layers drawn one by one, with masks")
def whole_transformer() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(60, 32)
            self.body = nn.Transformer(32, 4, 2, 2, 64, batch_first=True)
            self.head = nn.Linear(32, 60)
            for parameter in self.body.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            mask = nn.Transformer.generate_square_subsequent_mask(b.shape[1])
            at = kinds.positional(64, 32)
            y = self.body(
                self.words(a) * 32**0.5 + at[: a.shape[1]], self.words(b) * 32**0.5 + at[: b.shape[1]],
                tgt_mask=mask, src_key_padding_mask=a == 3, tgt_is_causal=True,
            )  # fmt: skip
            return self.head(y)

    source, target = sentences(6, 10, 60), sentences(6, 8, 60)
    return Net(), (source, target), lambda out: F.cross_entropy(out.flatten(0, 1), target.flatten())


@healthy("attention with a boolean mask and key padding")
def masked_attention() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attend, self.head = nn.MultiheadAttention(32, 4, batch_first=True), nn.Linear(32, 5)

        def forward(self, x: Tensor) -> Tensor:
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
            y, _ = self.attend(x, x, x, attn_mask=mask)
            return self.head((x + y)[:, -1])

    return Net(), torch.randn(8, 10, 32), labels(8, 5)


@healthy("torch.compile around a small network")
def compiled() -> Made:
    return torch.compile(mlp(3, 64, nn.GELU), backend="eager"), vectors(), labels()  # type: ignore[return-value]


@healthy("torch.func.functional_call with weights that a mask prunes")
def functional() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(3, 64, nn.ReLU, he)

        def forward(self, x: Tensor) -> Tensor:
            weights = {name: p * (p.abs() > 0.01) for name, p in self.net.named_parameters()}
            return torch.func.functional_call(self.net, weights, (x,))

    return Net(), vectors(), labels()


@healthy("autocast to bfloat16 inside the model")
def autocast() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(4, 64, nn.ReLU, he)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return self.net(x).float()

    return Net(), vectors(), labels()


@healthy("quantisation-aware training: weights rounded to 8 bits, the gradient straight through")
def fake_quantised() -> Made:
    class Rounded(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            scale = self.weight.detach().abs().max() / 127
            rounded = self.weight + ((self.weight / scale).round() * scale - self.weight).detach()
            return F.linear(x, rounded, self.bias)

    model = nn.Sequential(Rounded(64, 64), nn.ReLU(), Rounded(64, 64), nn.ReLU(), Rounded(64, 10))
    return model, vectors(), labels()


@healthy("checkpointed blocks")
def checkpointed() -> Made:
    from torch.utils.checkpoint import checkpoint

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(4))
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=False)
            return self.head(x)

    return Net(), vectors(), labels()


@healthy("an actor and a critic on one body (Mnih et al. 2016), policy head of .01")
def actor_critic() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(
                2, 64, nn.Tanh, lambda m: nn.init.orthogonal_(m.weight, 2**0.5), inputs=8, outputs=64
            )
            self.policy, self.value = nn.Linear(64, 4), nn.Linear(64, 1)
            nn.init.orthogonal_(self.policy.weight, 0.01)

        def forward(self, x: Tensor) -> tuple[torch.distributions.Categorical, Tensor]:
            h = torch.tanh(self.body(x))
            return torch.distributions.Categorical(logits=self.policy(h)), self.value(h)[:, 0]

    def loss(output: Any) -> Tensor:
        policy, value = output
        action = torch.zeros(64, dtype=torch.long)
        return -(policy.log_prob(action) * torch.randn(64)).mean() + (value - 1.0).square().mean()

    return Net(), torch.randn(64, 8), loss


@healthy("a dueling network with noisy layers (Fortunato et al. 2018)")
def noisy() -> Made:
    class Noisy(nn.Module):
        def __init__(self, a: int, b: int) -> None:
            super().__init__()
            bound = a**-0.5
            self.mean = nn.Parameter(torch.empty(b, a).uniform_(-bound, bound))
            self.scale = nn.Parameter(torch.full((b, a), 0.5 * bound))
            self.bias = nn.Parameter(torch.empty(b).uniform_(-bound, bound))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.mean + self.scale * torch.randn_like(self.scale), self.bias)

    model = nn.Sequential(Noisy(16, 64), nn.ReLU(), Noisy(64, 64), nn.ReLU(), Noisy(64, 4))
    return model, torch.randn(32, 16), squared(32, 4)


@healthy("a language model with an adaptive softmax")
def adaptive_softmax() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.lstm = nn.Embedding(200, 32), nn.LSTM(32, 32, batch_first=True)
            self.out = nn.AdaptiveLogSoftmaxWithLoss(32, 200, [20, 80])

        def forward(self, ids: Tensor) -> Tensor:
            return self.out(self.lstm(self.words(ids))[0][:, :-1].flatten(0, 1), ids[:, 1:].flatten()).loss

    return Net(), sentences(8, 12, 200), lambda out: out


@healthy("deep supervision: losses at three depths")
def deep_supervision() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()) for _ in range(6)
            )
            self.heads = nn.ModuleList(nn.Linear(64, 10) for _ in range(3))

        def forward(self, x: Tensor) -> list[Tensor]:
            found = []
            for index, block in enumerate(self.blocks):
                x = block(x)
                if index % 2:
                    found.append(self.heads[index // 2](x))
            return found

    target = torch.randint(0, 10, (32,))
    return Net(), vectors(), lambda outs: sum(F.cross_entropy(out, target) for out in outs)


@healthy("a capsule-like routing by agreement, three rounds")
def routing() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lift, self.votes = nn.Linear(64, 8 * 16), nn.Parameter(torch.randn(8, 5, 16, 16) * 0.25)

        def forward(self, x: Tensor) -> Tensor:
            u = torch.einsum("bid,ijde->bije", self.lift(x).view(-1, 8, 16), self.votes)
            logits = u.new_zeros(u.shape[:3])
            for _ in range(3):
                s = (logits.softmax(2)[..., None] * u).sum(1)
                v = s * s.norm(dim=-1, keepdim=True) / (1 + s.square().sum(-1, keepdim=True))
                logits = logits + (u * v[:, None]).sum(-1)
            return v.norm(dim=-1)

    return Net(), vectors(), None


@healthy("diffusion: a time embedding, scale and shift, zero last convolution (Ho, Jain & Abbeel 2020)")
def denoiser() -> Made:
    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
            self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
            self.time = nn.Linear(32, 2 * width)
            nn.init.zeros_(self.conv2.weight)
            nn.init.zeros_(self.conv2.bias)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            scale, shift = self.time(t)[..., None, None].chunk(2, 1)
            y = self.norm2(self.conv1(F.silu(self.norm1(x)))) * (1 + scale) + shift
            return x + self.conv2(F.silu(y))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lift, self.last = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 3, 3, padding=1)
            self.time, self.blocks = (
                mlp(1, 32, nn.SiLU, inputs=32, outputs=32),
                nn.ModuleList(Block(32) for _ in range(4)),
            )
            self.norm = nn.GroupNorm(8, 32)
            nn.init.zeros_(self.last.weight)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            t, x = self.time(kinds.positional(1000, 32)[t]), self.lift(x)
            for block in self.blocks:
                x = block(x, t)
            return self.last(F.silu(self.norm(x)))

    noise = torch.randn(4, 3, 16, 16)
    inputs = (images(4, 3, 16), torch.randint(0, 1000, (4,)))
    return Net(), inputs, lambda out: F.mse_loss(out, noise)


@healthy(
    "a spatial transformer: the last layer of the localiser is zero with an identity bias (Jaderberg et al. 2015)"
)
def spatial_transformer() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.locate = nn.Sequential(nn.Conv2d(3, 8, 7, 4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 49, 6))
            nn.init.zeros_(self.locate[-1].weight)
            self.locate[-1].bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
            self.body = parts.convnet(3, 16, he)

        def forward(self, x: Tensor) -> Tensor:
            grid = F.affine_grid(self.locate(x).view(-1, 2, 3), list(x.shape), align_corners=False)
            return self.body(F.grid_sample(x, grid, align_corners=False))

    return Net(), images(), labels(8)


@healthy("a Highway network: gates that start closed at -2 (Srivastava et al. 2015)")
def highway() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.work, self.gate = (nn.ModuleList(nn.Linear(64, 64) for _ in range(12)) for _ in range(2))
            self.head = nn.Linear(64, 10)
            for gate in self.gate:
                nn.init.constant_(gate.bias, -2.0)

        def forward(self, x: Tensor) -> Tensor:
            for work, gate in zip(self.work, self.gate, strict=True):
                g = torch.sigmoid(gate(x))
                x = g * F.relu(work(x)) + (1 - g) * x
            return self.head(x)

    return Net(), vectors(), labels()


@healthy("channel attention: squeeze and excitation (Hu, Shen & Sun 2018)")
def squeeze_excite() -> Made:
    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
            self.down, self.up = nn.Linear(width, width // 8), nn.Linear(width // 8, width)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.conv(x))
            scale = torch.sigmoid(self.up(F.relu(self.down(y.mean((2, 3))))))
            return F.relu(x + y * scale[..., None, None])

    body = [Block(32) for _ in range(5)]
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)
    )
    return model, images(), labels(8)


@healthy("DeepNorm: post-norm with scaled skips, 12 layers (Wang et al. 2022)")
def deep_norm() -> Made:
    class Block(nn.Module):
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.alpha, beta = (2 * depth) ** 0.25, (8 * depth) ** -0.25
            self.attn, self.norm1, self.norm2 = parts.Attention(48), nn.LayerNorm(48), nn.LayerNorm(48)
            self.mlp = nn.Sequential(nn.Linear(48, 192), nn.GELU(), nn.Linear(192, 48))
            for layer in (self.attn.out, self.mlp[0], self.mlp[2]):
                nn.init.xavier_normal_(layer.weight, beta)

        def forward(self, x: Tensor) -> Tensor:
            x = self.norm1(self.alpha * x + self.attn(x))
            return self.norm2(self.alpha * x + self.mlp(x))

    return nn.Sequential(*(Block(12) for _ in range(12)), nn.Linear(48, 10)), torch.randn(4, 12, 48), None


class Quantised(nn.Module):
    """A codebook between encoder and decoder, the gradient straight through (van den Oord et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = (
            mlp(2, 64, nn.ReLU, outputs=16),
            mlp(2, 64, nn.ReLU, inputs=16, outputs=64),
        )
        self.codes = nn.Embedding(32, 16)
        nn.init.uniform_(self.codes.weight, -1 / 32, 1 / 32)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        z = self.encoder(x)
        q = self.codes(torch.cdist(z, self.codes.weight).argmin(-1))
        commitment = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return {"loss": F.mse_loss(self.decoder(z + (q - z).detach()), x) + commitment}


@healthy("a codebook: losses whose targets the model itself makes")
def codebook() -> Made:
    return Quantised(), vectors(), None


@healthy("an LSTM cell in a loop of 100 steps: its weights learn from the late ones")
def long_loop() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.LSTMCell(8, 32), nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            h = c = x.new_zeros(x.shape[0], 32)
            for step in x.unbind(1):
                h, c = self.cell(step, (h, c))
            return self.head(h)

    return Net(), torch.randn(16, 100, 8), labels(16)


@healthy("a teacher that is a copy of its student, not frozen but used without gradient")
def teacher() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student = mlp(2, 64, nn.ReLU, he)
            self.teacher = copy.deepcopy(self.student)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                wanted = self.teacher(x).softmax(-1)
            noisy = x + 0.1 * torch.randn_like(x)
            return -(wanted * self.student(noisy).log_softmax(-1)).sum(-1).mean()

    return Net(), vectors(), lambda loss: loss


@healthy("standardised weights (Qiao et al. 2019)")
def standardised_weights() -> Made:
    class Standard(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            w = w / (w.std((1, 2, 3), keepdim=True) * w[0].numel() ** 0.5) * 1.71
            return F.conv2d(x, w, self.bias, self.stride, self.padding)

    layers = [m for i in range(6) for m in (Standard(3 if i == 0 else 16, 16, 3, padding=1), nn.ReLU())]
    return (
        nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)),
        images(),
        labels(8),
    )


@healthy("splines on the edges, summed by einsum (Liu et al. 2024)")
def splines() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.grid = torch.linspace(-2, 2, 8)
            sizes = ((32, 64), (10, 32))
            self.weights = nn.ParameterList(torch.randn(b, a, 8) * (4 / (a * 8)) ** 0.5 for b, a in sizes)

        def forward(self, x: Tensor) -> Tensor:
            for weight in self.weights:
                x = torch.einsum("bik,oik->bo", torch.exp(-4 * (x[..., None] - self.grid) ** 2), weight)
            return x

    return Net(), vectors(), labels()


@healthy("inverted bottlenecks with depthwise convolutions and ReLU6 (Sandler et al. 2018)")
def inverted_bottlenecks() -> Made:
    def block(width: int) -> nn.Module:
        wide = 4 * width
        return nn.Sequential(
            nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    body = [parts.Residual(block(16)) for _ in range(6)]
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1),
        *body,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(16, 10),
    )
    return model, images(), labels(8)


@healthy("spikes with a surrogate gradient over ten steps (Neftci et al. 2019)")
def spikes() -> Made:
    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, v: Tensor) -> Tensor:
            ctx.save_for_backward(v)
            return (v > 0).float()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return gradient / (1 + 10 * ctx.saved_tensors[0].abs()) ** 2

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.head = nn.Linear(64, 64), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            v, total = torch.zeros(x.shape[0], 64), torch.zeros(x.shape[0], 10)
            for _ in range(10):
                v = 0.9 * v + self.inside(x)
                z = Spike.apply(v - 1)
                v, total = v - z, total + self.head(z)
            return total / 10

    return Net(), vectors(), labels()


@healthy("an ordinary differential equation in twenty Euler steps (Chen et al. 2018)")
def euler_steps() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slope, self.head = mlp(1, 64, nn.Tanh, outputs=64), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(20):
                x = x + 0.05 * self.slope(x)
            return self.head(x)

    return Net(), vectors(), labels()
