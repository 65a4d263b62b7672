"""Healthy starts: architectures as they are trained, and everything that only looks like a mistake."""

from __future__ import annotations

import copy
import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from corpus import parts
from corpus.cases import Made, healthy
from corpus.parts import each, he, images, labels, lecun, mlp, sentences, squared, vectors, xavier


@healthy("torch's default start at a usual depth")
def default_mlp() -> Made:
    return mlp(3, 128, nn.ReLU), vectors(), labels()


@healthy("one hidden layer of sigmoid")
def shallow_sigmoid() -> Made:
    return mlp(1, 64, nn.Sigmoid), vectors(), labels()


@healthy("He et al. 2015")
def he_relu_20() -> Made:
    return mlp(20, 256, nn.ReLU, he), vectors(), labels()


@healthy("He's gain, 50 layers: correlations near 1, as theory has it")
def he_relu_50() -> Made:
    return mlp(50, 256, nn.ReLU, he), vectors(), labels()


@healthy("Glorot & Bengio 2010")
def xavier_tanh() -> Made:
    return mlp(10, 128, nn.Tanh, xavier), vectors(), labels()


@healthy("orthogonal tanh at its critical point, 50 layers (Pennington et al. 2017)")
def orthogonal_tanh_50() -> Made:
    return mlp(50, 128, nn.Tanh, lambda m: nn.init.orthogonal_(m.weight)), vectors(), labels()


@healthy("Klambauer et al. 2017: SELU with LeCun's gain")
def selu() -> Made:
    return mlp(16, 128, nn.SELU, lecun), vectors(), labels()


@healthy("GELU with its own gain")
def gelu() -> Made:
    return (
        mlp(8, 128, nn.GELU, lambda m: nn.init.normal_(m.weight, std=(1.98 / m.in_features) ** 0.5)),
        vectors(),
        labels(),
    )


@healthy("leaky ReLU, 30 layers")
def leaky() -> Made:
    act = lambda: nn.LeakyReLU(0.2)  # noqa: E731
    return mlp(30, 128, act, lambda m: nn.init.kaiming_normal_(m.weight, 0.2)), vectors(), labels()


@healthy("VGG with He's gain")
def he_convnet() -> Made:
    return parts.convnet(12, 32, he), images(), labels(8)


@healthy("batch-normalised VGG")
def batch_norm_convnet() -> Made:
    return parts.convnet(12, 32, he, norm=True), images(), labels(8)


@healthy("LeNet with torch's defaults, one channel")
def lenet() -> Made:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    return model, torch.randn(16, 1, 28, 28), labels(16)


@healthy("He et al. 2016")
def resnet() -> Made:
    return parts.resnet(8), images(), labels(8)


@healthy("Goyal et al. 2017: the last scale of each block is zero")
def resnet_zero_gamma() -> Made:
    model = parts.resnet(8)
    for module in model.modules():
        if isinstance(module, parts.BasicBlock):
            nn.init.zeros_(module.bn2.weight)
    return model, images(), labels(8)


@healthy("Zhang, Dauphin & Ma 2019: Fixup, no normalization, last layers of branches and head zero")
def fixup() -> Made:
    model = parts.resnet(12, 16, norm=False)
    for module in model.modules():
        if isinstance(module, parts.BasicBlock):
            module.conv1.weight.data *= 12 ** (-0.5)
            nn.init.zeros_(module.conv2.weight)
    nn.init.zeros_(model[-1].weight)
    return model, images(), labels(8)


@healthy("Bachlechner et al. 2021: ReZero")
def rezero() -> Made:
    blocks = []
    for _ in range(12):
        branch = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        he(branch[0])
        blocks.append(parts.Residual(branch, nn.Parameter(torch.zeros(1))))
    return nn.Sequential(nn.Linear(64, 64), *blocks, nn.Linear(64, 10)), vectors(), labels()


@healthy("Touvron et al. 2021: LayerScale 1e-6")
def layer_scale() -> Made:
    blocks = []
    for _ in range(12):
        branch = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 256), nn.GELU(), nn.Linear(256, 64))
        blocks.append(parts.Residual(branch, nn.Parameter(torch.full((64,), 1e-6))))
    return nn.Sequential(nn.Linear(64, 64), *blocks, nn.LayerNorm(64), nn.Linear(64, 10)), vectors(), labels()


@healthy("zero-initialised residual branches")
def zero_branches() -> Made:
    def branch(width: int) -> nn.Module:
        layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        nn.init.zeros_(layers[2].weight)
        nn.init.zeros_(layers[2].bias)
        return layers

    return parts.residual_mlp(10, 64, branch), vectors(), labels()


@healthy("Yang et al. 2022 (muP): zero head")
def zero_head() -> Made:
    model = mlp(6, 128, nn.ReLU, he)
    nn.init.zeros_(model[-1].weight)
    return model, vectors(), labels()


@healthy("muP readout: variance 1 / fan_in squared")
def small_head() -> Made:
    model = mlp(6, 256, nn.ReLU, he)
    nn.init.normal_(model[-1].weight, std=1 / 256)
    return model, vectors(), labels()


@healthy("a policy head of gain .01 (Andrychowicz et al. 2021)")
def policy_head() -> Made:
    model = mlp(2, 64, nn.Tanh, lambda m: nn.init.orthogonal_(m.weight, 2**0.5), inputs=16, outputs=4)
    nn.init.orthogonal_(model[-1].weight, 0.01)
    return model, vectors(64, 16), labels(64, 4)


@healthy("GPT-2's .02 and its residual scaling")
def small_gpt() -> Made:
    model, ids = parts.Decoder(), sentences()
    return model, ids, parts.next_word(ids)


@healthy("torch's defaults in a pre-norm decoder, head of its own")
def default_decoder() -> Made:
    model, ids = parts.Decoder(std=None, tied=False, scaled=False), sentences()
    return model, ids, parts.next_word(ids)


@healthy("pre-norm decoder, zero head and zero ends of branches")
def zero_everything_decoder() -> Made:
    model, ids = parts.Decoder(tied=False), sentences()
    for block in model.blocks:
        nn.init.zeros_(block.attn.out.weight)
        nn.init.zeros_(block.mlp[2].weight)
    nn.init.zeros_(model.head.weight)
    return model, ids, parts.next_word(ids)


@healthy("encoder of torch's own layers, each drawn for itself")
def drawn_encoder() -> Made:
    layers = [nn.TransformerEncoderLayer(32, 4, 64, batch_first=True) for _ in range(4)]
    return nn.Sequential(*layers, nn.Linear(32, 10)), torch.randn(4, 10, 32), None


class LowRank(nn.Module):
    """A frozen layer and a trainable product B A, B = 0."""

    def __init__(self, layer: nn.Linear, rank: int = 4) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.a = nn.Parameter(torch.empty(rank, layer.in_features))
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + F.linear(F.linear(x, self.a), self.b)


@healthy("Hu et al. 2022: LoRA, B = 0, everything else frozen")
def lora() -> Made:
    model = mlp(4, 64, nn.ReLU, he)
    for index in range(0, len(model) - 1, 2):
        model[index] = LowRank(model[index])
    model[-1].requires_grad_(False)
    return model, vectors(), labels()


@healthy("frozen backbone, trainable head")
def frozen_backbone() -> Made:
    model = parts.resnet(4)
    for layer in list(model)[:-1]:
        layer.requires_grad_(False)
        layer.eval()
    return model, images(), labels(8)


@healthy("a target network: a frozen copy of the online one (Mnih et al. 2015)")
def target_network() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.online = mlp(2, 64, nn.ReLU, he)
            self.target = copy.deepcopy(self.online)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                wanted = self.target(x)
            return F.mse_loss(self.online(x + 0.1 * torch.randn_like(x)), wanted)

    model = Net()
    model.target.requires_grad_(False)
    return model, vectors(), lambda loss: loss


@healthy("Sitzmann et al. 2020: SIREN")
def siren() -> Made:
    class Sine(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sin(30 * x)

    model = mlp(4, 128, Sine, inputs=2, outputs=3)
    for index, layer in enumerate(m for m in model if isinstance(m, nn.Linear)):
        bound = 1 / layer.in_features if index == 0 else math.sqrt(6 / layer.in_features) / 30
        nn.init.uniform_(layer.weight, -bound, bound)
    return model, torch.rand(64, 2) * 2 - 1, squared(64, 3)


@healthy("NeRF's eight layers with torch's defaults and a skip at the fourth (Mildenhall et al. 2020)")
def nerf() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [(60, 128), *[(128, 128)] * 3, (188, 128), *[(128, 128)] * 3]
            self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in sizes)
            self.head = nn.Linear(128, 4)

        def forward(self, x: Tensor) -> Tensor:
            h = x
            for index, layer in enumerate(self.layers):
                h = F.relu(layer(torch.cat([x, h], -1) if index == 4 else h))
            return self.head(h)

    x = torch.rand(128, 3) * 2 - 1
    bands = [f(2.0**k * math.pi * x) for k in range(10) for f in (torch.sin, torch.cos)]
    return Net(), torch.cat(bands, -1), squared(128, 4)


@healthy("bottleneck of two units (an autoencoder for pictures of its code)")
def bottleneck_of_two() -> Made:
    sizes = [64, 128, 32, 2, 32, 128]
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU() if b != 2 else nn.Identity()]
    model = each(nn.Sequential(*layers, nn.Linear(128, 64)), he)
    x = vectors()
    return model, x, lambda output: F.mse_loss(output, x)


@healthy("a mixture of experts, top 1 of 8, small batch: some experts see nothing")
def routed_experts() -> Made:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.router, self.head = nn.Linear(64, 64), nn.Linear(64, 8), nn.Linear(64, 10)
            self.experts = nn.ModuleList(nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(8))

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.stem(x))
            score, choice = self.router(x).softmax(-1).max(-1)
            y = torch.zeros_like(x)
            for index, expert in enumerate(self.experts):
                rows = (choice == index).nonzero()[:, 0]
                if len(rows):
                    y = y.index_add(0, rows, expert(x[rows]) * score[rows, None])
            return self.head(x + y)

    return Experts(), vectors(8), labels(8)


@healthy("embedding rows that this batch does not touch")
def untouched_rows() -> Made:
    model = nn.Sequential(
        nn.Embedding(5000, 32), nn.Flatten(), nn.Linear(32 * 8, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    return model, torch.randint(0, 5000, (16, 8)), labels(16)


@healthy("dropout of one half in the two layers before the head (AlexNet, VGG)")
def dropout() -> Made:
    body = parts.convnet(6, 32, he)[:-1]
    head = [
        nn.Linear(32, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    ]
    return nn.Sequential(*body, *head), images(), labels(8)


@healthy("dropout of a tenth everywhere")
def light_dropout() -> Made:
    act = lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.1))  # noqa: E731
    return mlp(6, 256, act, he), vectors(), labels()


@healthy("Lin et al. 2017 (RetinaNet): output bias at the prior of rare classes")
def focal_prior() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = parts.convnet(4, 32, he, norm=True)[:-3]
            self.head = nn.Conv2d(32, 9, 3, padding=1)
            nn.init.normal_(self.head.weight, std=0.01)
            nn.init.constant_(self.head.bias, -math.log(99))

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(self.head(self.body(x)))

    def loss(output: Tensor) -> Tensor:
        wanted = (torch.rand(output.shape, generator=torch.Generator().manual_seed(0)) < 0.01).float()
        return F.binary_cross_entropy(output, wanted)

    return Net(), images(), loss


@healthy("Tallec & Ollivier 2018: chrono initialization holds the gates open")
def chrono_gates() -> Made:
    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.new, self.head = nn.Linear(80, 64), nn.Linear(80, 64), nn.Linear(64, 10)
            self.gates.bias.data = torch.log(torch.empty(64).uniform_(1, 999))

        def forward(self, x: Tensor) -> Tensor:
            state = x.new_zeros(x.shape[0], 64)
            for step in range(x.shape[1]):
                both = torch.cat([x[:, step], state], -1)
                keep = torch.sigmoid(self.gates(both))
                state = keep * state + (1 - keep) * torch.tanh(self.new(both))
            return self.head(state)

    return Cell(), torch.randn(32, 12, 16), labels()


@healthy("torch's LSTM with its defaults")
def lstm() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.lstm, self.head = (
                nn.Embedding(100, 32),
                nn.LSTM(32, 64, 2, batch_first=True),
                nn.Linear(64, 10),
            )

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(self.lstm(self.words(ids))[0][:, -1])

    return Net(), sentences(16, 12), labels(16)


@healthy("a U-Net with skips by concatenation")
def unet() -> Made:
    def block(a: int, b: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1),
                             nn.BatchNorm2d(b), nn.ReLU())  # fmt: skip

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(3, 16), block(16, 32), block(32, 64)])
            self.up = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
            self.join = nn.ModuleList([block(64, 32), block(32, 16)])
            self.head = nn.Conv2d(16, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            kept = []
            for index, down in enumerate(self.down):
                x = down(x if index == 0 else F.max_pool2d(x, 2))
                kept.append(x)
            for up, join, skip in zip(self.up, self.join, kept[-2::-1], strict=True):
                x = join(torch.cat([up(x), skip], 1))
            return self.head(x)

    return Net(), images(4), None


@healthy("a dense block: every layer reads all before it (Huang et al. 2017)")
def densenet() -> Made:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, padding=1)
            self.layers = nn.ModuleList(
                nn.Sequential(nn.BatchNorm2d(16 + 8 * i), nn.ReLU(), nn.Conv2d(16 + 8 * i, 8, 3, padding=1))
                for i in range(10)
            )
            self.head = nn.Linear(96, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for layer in self.layers:
                x = torch.cat([x, layer(x)], 1)
            return self.head(x.mean((2, 3)))

    return Dense(), images(), labels(8)


@healthy("squeeze and excitation with depthwise convolutions (MobileNetV3)")
def mobile() -> Made:
    class Squeeze(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.down, self.up = nn.Conv2d(width, 8, 1), nn.Conv2d(8, width, 1)

        def forward(self, x: Tensor) -> Tensor:
            return x * F.hardsigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))

    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.Hardswish()]
    for _ in range(5):
        branch = nn.Sequential(
            nn.Conv2d(32, 64, 1, bias=False), nn.BatchNorm2d(64), nn.Hardswish(),
            nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.BatchNorm2d(64), nn.Hardswish(), Squeeze(64),
            nn.Conv2d(64, 32, 1, bias=False), nn.BatchNorm2d(32),
        )  # fmt: skip
        layers.append(parts.Residual(branch))
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    return model, images(), labels(8)


@healthy("weight-normalised layers")
def weight_norm() -> Made:
    model = mlp(6, 128, nn.ReLU, he)
    for layer in list(model)[::2]:
        nn.utils.parametrizations.weight_norm(layer)
    return model, vectors(), labels()


@healthy("a regression with standardised targets and one output")
def regression() -> Made:
    return mlp(3, 64, nn.ReLU, he, outputs=1), vectors(), squared(32, 1)


@healthy("DCGAN's generator: N(0, .02), batch normalization at N(1, .02)")
def dcgan() -> Made:
    layers: list[nn.Module] = []
    sizes = [64, 128, 64, 32]
    for index, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.ConvTranspose2d(a, b, 4, 1 if index == 0 else 2, 0 if index == 0 else 1, bias=False)]
        layers += [nn.BatchNorm2d(b), nn.ReLU(True)]
    model = nn.Sequential(*layers, nn.ConvTranspose2d(32, 3, 4, 2, 1, bias=False), nn.Tanh())
    for module in model.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return model, torch.randn(8, 64, 1, 1), None


@healthy("in-place ReLU, images all positive")
def positive_images() -> Made:
    return parts.resnet(4), torch.rand(8, 3, 32, 32), labels(8)


@healthy("bfloat16 weights")
def bfloat16() -> Made:
    return mlp(4, 128, nn.ReLU, he).bfloat16(), vectors().bfloat16(), None


@healthy("a batch of one")
def batch_of_one() -> Made:
    return mlp(4, 64, nn.ReLU, he), vectors(1), labels(1)


@healthy("a ControlNet's zero convolutions (Zhang et al. 2023)")
def zero_convolutions() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base, self.copy, self.zero = (
                parts.convnet(4, 32, he)[:4],
                parts.convnet(4, 32, he)[:4],
                nn.Conv2d(32, 32, 1),
            )
            self.base.requires_grad_(False)
            nn.init.zeros_(self.zero.weight)
            nn.init.zeros_(self.zero.bias)
            self.head = nn.Conv2d(32, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.base(x) + self.zero(self.copy(x)))

    return Net(), images(4), None


@healthy("identity recurrence (Le, Jaitly & Hinton 2015)")
def identity_recurrence() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inputs, self.state, self.head = nn.Linear(8, 64), nn.Linear(64, 64), nn.Linear(64, 10)
            nn.init.normal_(self.inputs.weight, std=0.1)
            nn.init.eye_(self.state.weight)
            nn.init.zeros_(self.state.bias)

        def forward(self, x: Tensor) -> Tensor:
            state = x.new_zeros(x.shape[0], 64)
            for step in range(x.shape[1]):
                state = F.relu(self.state(state) + self.inputs(x[:, step]))
            return self.head(state)

    return Net(), torch.randn(32, 20, 8), labels()


@healthy("a siamese pair that shares its weights")
def siamese() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tower = mlp(3, 64, nn.ReLU, he, outputs=32)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return F.cosine_similarity(self.tower(a), self.tower(b))

    return Net(), (vectors(), vectors()), None


# ---- transformers, from their tiny configurations -----------------------------------------------


def _register(name: str) -> None:
    def make() -> Made:
        from corpus.architectures import ARCHITECTURES

        model, inputs = ARCHITECTURES[name]()
        return model, inputs, None

    make.__name__ = f"hf_{name.replace('-', '_')}"
    healthy("transformers, from a tiny configuration", needs="transformers")(make)


for _name in (
    "gpt2",
    "bert",
    "llama",
    "vit",
    "mamba",
    "convnext",
    "t5",
    "whisper",
    "mistral",
    "qwen2",
    "roberta",
    "resnet",
):
    _register(_name)
