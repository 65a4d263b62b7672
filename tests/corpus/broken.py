"""Broken starts: mistakes people really make, with where each is from."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from corpus import parts
from corpus.cases import Made, broken
from corpus.parts import each, he, images, labels, lecun, mlp, normal, sentences, squared, vectors, xavier


@broken(
    "vanishing-backward",
    "rank-collapse",
    "constant-output",
    source="pytorch/pytorch#18182: the default gain 1/sqrt(3)",
)
def torch_default_deep_relu() -> Made:
    return mlp(20, 128, nn.ReLU), vectors(), labels()


@broken(
    "vanishing-backward",
    "vanishing-forward",
    source="He et al. 2015, section 2.2: Xavier in front of ReLU, 30 layers",
)
def xavier_deep_relu() -> Made:
    return mlp(40, 128, nn.ReLU, xavier), vectors(), labels()


@broken("vanishing-forward", "vanishing-backward", source="LeCun's gain in front of ReLU (He et al. 2015)")
def lecun_deep_relu_no_bias() -> Made:
    return mlp(40, 128, nn.ReLU, lecun, bias=False), vectors(), labels()


@broken("vanishing-backward", source="Glorot & Bengio 2010, section 3: sigmoid layers")
def sigmoid_stack() -> Made:
    return mlp(8, 128, nn.Sigmoid, xavier), vectors(), labels()


@broken(
    "vanishing-backward",
    "rank-collapse",
    source="Hochreiter 1991; the default start of nn.Linear in front of sigmoid",
)
def sigmoid_default() -> Made:
    return mlp(6, 100, nn.Sigmoid), vectors(), labels()


@broken(
    "vanishing-forward",
    "vanishing-backward",
    "rank-collapse",
    source="CS231n notes: small random numbers, .01, ten layers of tanh",
)
def small_random_tanh() -> Made:
    return mlp(10, 500, nn.Tanh, normal(0.01)), vectors(32, 64), labels()


@broken(
    "vanishing-forward",
    "vanishing-backward",
    source="AlexNet's Gaussian .01 in a deep CNN (Simonyan & Zisserman 2015, section 3.1)",
)
def gaussian_001_vgg() -> Made:
    return parts.convnet(13, 32, normal(0.01)), images(), labels(8)


@broken("saturated-units", source="CS231n notes: standard deviation 1 in front of tanh")
def large_random_tanh() -> Made:
    return mlp(5, 256, nn.Tanh, normal(1.0)), vectors(), labels()


@broken("saturated-units", source="standard deviation 1 in front of sigmoid")
def large_random_sigmoid() -> Made:
    return mlp(3, 256, nn.Sigmoid, normal(1.0)), vectors(), labels()


@broken(
    "exploding-forward",
    "exploding-backward",
    source="torch.randn(n, n) as weights: standard deviation 1 in front of ReLU",
)
def standard_normal_relu() -> Made:
    return mlp(5, 256, nn.ReLU, normal(1.0)), vectors(), labels()


@broken("exploding-forward", "exploding-backward", source="keras RandomUniform(-1, 1) in a CNN")
def uniform_one_cnn() -> Made:
    return parts.convnet(6, 32, lambda m: nn.init.uniform_(m.weight, -1, 1)), images(), labels(8)


@broken("exploding-backward", source="Poole et al. 2016: sigma_w = 3, the chaotic phase")
def chaotic_tanh() -> Made:
    return (
        mlp(30, 128, nn.Tanh, lambda m: nn.init.normal_(m.weight, std=2.5 / m.in_features**0.5)),
        vectors(),
        labels(),
    )


@broken(
    "exploding-backward",
    source="Yang et al. 2019: batch normalization without skips multiplies gradients by 1.21 a layer",
)
def deep_batch_norm_chain() -> Made:
    return mlp(50, 64, nn.ReLU, he, norm=nn.BatchNorm1d), vectors(), labels()


@broken(
    "exploding-forward", source="Zhang, Dauphin & Ma 2019 (Fixup): residual network without normalization"
)
def residual_without_norm() -> Made:
    return parts.resnet(24, 16, norm=False), images(), labels(8)


@broken("exploding-forward", source="a gain of 2 in front of ReLU instead of sqrt(2), 20 layers")
def gain_two() -> Made:
    return (
        mlp(20, 128, nn.ReLU, lambda m: nn.init.normal_(m.weight, std=2 / m.in_features**0.5)),
        vectors(),
        labels(),
    )


@broken(
    "exploding-forward",
    source="a block added after apply(init_weights): left at standard deviation 1, its peers at .02",
)
def forgotten_by_the_loop() -> Made:
    model, ids = parts.Decoder(depth=6), sentences()
    nn.init.normal_(model.blocks[4].mlp[0].weight)
    return model, ids, parts.next_word(ids)


@broken("symmetric-units", source="CS231n notes, pitfall: all zero initialization")
def all_zeros() -> Made:
    return mlp(3, 64, nn.ReLU, lambda m: nn.init.zeros_(m.weight)), vectors(), labels()


@broken("symmetric-units", source="all weights one constant (Goodfellow et al. 2016, section 8.4)")
def all_constant() -> Made:
    return mlp(3, 64, nn.Tanh, lambda m: nn.init.constant_(m.weight, 0.02)), vectors(), labels()


@broken("symmetric-units", source="keras kernel_initializer='ones' on convolutions")
def ones_convolutions() -> Made:
    return parts.convnet(4, 16, lambda m: nn.init.constant_(m.weight, 1 / 27)), images(), labels(8)


@broken("symmetric-units", source="one row drawn and expanded to all units")
def expanded_row() -> Made:
    model = mlp(3, 64, nn.ReLU, he)
    for layer in list(model)[:-1:2]:
        layer.weight.data.copy_(layer.weight.data[:1].expand_as(layer.weight))
    return model, vectors(), labels()


@broken("identical-layers", source="pytorch/pytorch#86274, #72253: nn.TransformerEncoder clones its layer")
def cloned_encoder() -> Made:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.TransformerEncoder(layer, 4), torch.randn(4, 10, 32), None


@broken("identical-layers", source="copy.deepcopy of one block in a loop")
def deepcopied_blocks() -> Made:
    block = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64))
    blocks = [parts.Residual(copy.deepcopy(block)) for _ in range(4)]
    return nn.Sequential(*blocks, nn.Linear(64, 10)), vectors(), labels()


@broken("identical-layers", source="keras-hub#352: one seeded initializer for all layers")
def same_seed_everywhere() -> Made:
    def init(m: Any) -> None:
        nn.init.normal_(m.weight, std=(2 / m.in_features) ** 0.5, generator=torch.Generator().manual_seed(1))

    return mlp(4, 64, nn.ReLU, init), vectors(), labels()


@broken("dead-units", source="Lu et al. 2019, Dying ReLU: biases far below 0")
def negative_biases() -> Made:
    model = mlp(3, 64, nn.ReLU, he)
    for layer in list(model)[:-1:2]:
        nn.init.constant_(layer.bias, -6.0)
    return model, vectors(), labels()


@broken("dead-units", source="inputs all positive and large in front of weights drawn below 0")
def dead_half() -> Made:
    model = mlp(3, 128, nn.ReLU, he)
    for layer in list(model)[:-1:2]:
        layer.bias.data[:100] = -20.0
    return model, vectors(64), labels(64)


@broken(
    "rank-collapse",
    source="Dong, Cordonnier & Loukas 2021: attention without skips loses rank doubly exponentially",
)
def attention_without_skips() -> Made:
    layers = [parts.Attention(64) for _ in range(8)]
    return nn.Sequential(*layers), torch.randn(4, 16, 64), None


@broken(
    "constant-output",
    "rank-collapse",
    source="pytorch forum: 'network predicts the same for all inputs', default start, 25 layers",
)
def same_answer_for_all() -> Made:
    return mlp(25, 64, nn.ReLU), vectors(), squared(32, 10)


@broken(
    "constant-output",
    "rank-collapse",
    source="Schoenholz et al. 2017: the ordered phase, sigma_w = .5, sigma_b = 1",
)
def ordered_phase() -> Made:
    def bias_too(m: Any) -> None:
        nn.init.normal_(m.weight, std=0.5 / m.in_features**0.5)
        nn.init.normal_(m.bias, std=1.0)

    return mlp(20, 128, nn.Tanh, bias_too), vectors(), labels()


@broken("initial-loss", source="Karpathy's recipe: verify the loss at init; head of standard deviation 1")
def loud_head() -> Made:
    model = mlp(2, 256, nn.ReLU, he)
    nn.init.normal_(model[-1].weight, std=1.0)
    return model, vectors(), labels()


@broken("initial-loss", source="pytorch forum: pixel values 0..255 fed unscaled")
def raw_pixels() -> Made:
    return parts.convnet(4, 32, he), torch.randint(0, 256, (8, 3, 32, 32)).float(), labels(8)


@broken("initial-loss", source="nn.Embedding's N(0, 1) tied to the head (pytorch/pytorch#3121)")
def tied_standard_normal_embedding() -> Made:
    model, ids = parts.Decoder(std=None, width=128), sentences()
    return model, ids, parts.next_word(ids)


@broken("initial-loss", source="stack overflow: regression on raw house prices")
def unscaled_targets() -> Made:
    return mlp(2, 64, nn.ReLU, he, outputs=1), vectors(), squared(32, 1, 40_000.0, 200_000.0)


@broken("unused-parameter", source="pytorch DDP: find_unused_parameters; a layer built but not called")
def forgotten_layer() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.three = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.three(F.relu(self.one(x)))

    return Net(), vectors(), labels()


@broken("unused-parameter", source="detach() left in from debugging")
def detached_encoder() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = mlp(2, 64, nn.ReLU, outputs=64), nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.encoder(x).detach())

    return Net(), vectors(), labels()


@broken("unused-parameter", source="argmax in the middle: nothing to differentiate")
def argmax_bottleneck() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.codes, self.head = nn.Linear(64, 16), nn.Embedding(16, 32), nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.codes(self.encoder(x).argmax(-1)))

    return Net(), vectors(), labels()


@broken("unused-parameter", source="loop over layers[:-1]: the last block never runs")
def off_by_one() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64, 64) for _ in range(4))
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers[:-1]:
                x = F.relu(layer(x))
            return self.head(x)

    return Net(), vectors(), labels()


@broken("non-finite", source="pytorch/pytorch#145498: NaN from a truncated normal")
def nan_weight() -> Made:
    model = mlp(2, 64, nn.ReLU, he)
    model[2].weight.data[3, 5] = math.nan
    return model, vectors(), labels()


@broken("non-finite", source="log of a probability that is exactly 0")
def log_of_zero() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(2, 64, nn.ReLU, he)

        def forward(self, x: Tensor) -> Tensor:
            return torch.log(F.relu(self.body(x)))

    return Net(), vectors(), lambda output: output.mean()


@broken("non-finite", source="gradient of the norm at 0: sqrt at an all-zero row")
def norm_at_zero() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(64, 64, bias=False)
            nn.init.normal_(self.body.weight, std=0.1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.sqrt((self.body(x) ** 2).sum(-1))

    x = vectors()
    x[0] = 0
    return Net(), x, lambda output: output.mean()


@broken("uninitialized", source="nn.Parameter(torch.empty(...)) never filled: old memory")
def old_memory() -> Made:
    model = mlp(2, 64, nn.ReLU, he)
    bits = torch.randint(-(2**31), 2**31 - 1, (64, 64), dtype=torch.int64).to(torch.int32).view(torch.float32)
    model[2].weight.data.copy_(torch.nan_to_num(bits, nan=1e-3, posinf=1e-3, neginf=1e-3).clamp(-1e4, 1e4))
    return model, vectors(), labels()


@broken("uninitialized", source="transformers PR #43847: parameters left on the meta device")
def on_meta() -> Made:
    with torch.device("meta"):
        model = mlp(2, 64, nn.ReLU)
    return model, vectors(), None


@broken("dtype-headroom", "non-finite", source="float16 without rescaling: attention logits beyond 65504")
def half_overflow() -> Made:
    model = mlp(3, 256, nn.ReLU, normal(0.5)).half()
    return model, (vectors() * 30).half(), None


@broken("dtype-headroom", source="unit variance weights in float16: close to 65504 at the start")
def half_close() -> Made:
    model = mlp(2, 512, None, normal(1.0), outputs=64).half()
    return model, (vectors(32, 64) * 2).half(), None


@broken(
    "vanishing-forward",
    source="transformers 5.23: EfficientNet from its config draws BatchNorm's weights from N(0, .02)",
    needs="transformers",
)
def efficientnet_from_config() -> Made:
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    config = EfficientNetConfig(
        width_coefficient=1.0, depth_coefficient=1.0, image_size=64, num_labels=10, hidden_dim=1280
    )
    return EfficientNetForImageClassification(config), {"pixel_values": images(2, 3, 64)}, None


@broken(
    "vanishing-forward",
    "vanishing-backward",
    source="BatchNorm weights from N(0, .02), as DCGAN's loop does without its mean of 1",
)
def dcgan_loop_without_mean() -> Made:
    model = parts.convnet(12, 32, normal(0.02), norm=True)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            module.eps = 1e-3
    return model, images(), labels(8)


@broken("saturated-units", source="a plain recurrent cell with standard normal weights (Pascanu et al. 2013)")
def loud_recurrence() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.Linear(128 + 16, 128), nn.Linear(128, 10)
            nn.init.normal_(self.cell.weight)

        def forward(self, x: Tensor) -> Tensor:
            state = x.new_zeros(x.shape[0], 128)
            for step in range(x.shape[1]):
                state = torch.tanh(self.cell(torch.cat([x[:, step], state], dim=-1)))
            return self.head(state)

    return Net(), torch.randn(32, 12, 16), labels()


@broken(
    "exploding-forward",
    "exploding-backward",
    source="linear recurrence with spectral radius 2 over 20 steps (Pascanu et al. 2013)",
)
def exploding_recurrence() -> Made:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inputs, self.state, self.head = (
                nn.Linear(16, 64),
                nn.Linear(64, 64, bias=False),
                nn.Linear(64, 10),
            )
            nn.init.normal_(self.state.weight, std=2 * (2 / 64) ** 0.5)

        def forward(self, x: Tensor) -> Tensor:
            state = self.inputs(x[:, 0])
            for step in range(1, x.shape[1]):
                state = F.relu(self.state(state) + self.inputs(x[:, step]))
            return self.head(state)

    return Net(), torch.randn(32, 20, 16), labels()


@broken(
    "vanishing-forward",
    "vanishing-backward",
    "rank-collapse",
    source="deep autoencoder, small weights (Martens 2010 on why they failed)",
)
def deep_autoencoder() -> Made:
    sizes = [64, 256, 128, 64, 32, 64, 128, 256]
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Sigmoid()]
    model = each(nn.Sequential(*layers, nn.Linear(256, 64)), xavier)
    x = vectors()
    return model, x, lambda output: F.mse_loss(output, x)


@broken(
    "exploding-forward",
    "exploding-backward",
    source="PyTorch's transposed fans (PR #30079): a decoder of wide transposed convolutions, fan 16 times too small: torch reads 16 * 4, each output sums 1024",
)
def transposed_fans() -> Made:
    layers: list[nn.Module] = []
    for _ in range(5):
        layers += [nn.ConvTranspose2d(1024, 16, 2, stride=2), nn.ReLU(), nn.Conv2d(16, 1024, 1), nn.ReLU()]
    model = each(nn.Sequential(*layers), he)
    return model, torch.randn(2, 1024, 1, 1), None
