"""Healthy starts beside those of broken_closer: the right ones, and the deliberate ones that look alike."""

from __future__ import annotations

import math

import torch
from torch import nn

from corpus import closer
from corpus.cases import Made, healthy_as
from corpus.parts import convnet, mlp, residual_mlp

for _spelling, _gain, _scaled in (
    ("written", 1.0, True), ("fused", 1.0, True), ("einsum", 1.0, True), ("module", 1.0, True),
    ("written", 0.3, True), ("fused", 0.1, True), ("written", 0.5, False), ("einsum", 1.3, True),
):  # fmt: skip

    @healthy_as(f"attention_{_spelling}_{_gain:g}{'' if _scaled else '_unscaled'}")
    def _attention(spelling: str = _spelling, gain: float = _gain, scaled: bool = _scaled) -> Made:
        return closer.read(closer.Reader(lambda: closer.Attend(spelling, gain, scaled)))


@healthy_as("attention_steep_distance_bias", "Press, Smith & Lewis 2022")
def _alibi() -> Made:
    return closer.read(closer.Reader(closer.Alibi))


@healthy_as("attention_cosine", "Liu et al. 2022")
def _cosine() -> Made:
    return closer.read(closer.Reader(closer.Cosine))


@healthy_as("attention_queries_zero", "muP: queries at 0 learn, as the keys are not (Yang et al. 2021)")
def _queries() -> Made:
    model = closer.Reader(closer.Attend)
    for attend in model.attends:
        nn.init.zeros_(attend.q.weight)
    return closer.read(model)


@healthy_as("attention_rotary", "Su et al. 2021")
def _rotary() -> Made:
    return closer.read(closer.Reader(closer.Rotary))


for _cell, _layers, _both in (
    ("LSTM", 1, False), ("LSTM", 2, True), ("GRU", 1, False), ("GRU", 2, False), ("RNN", 1, False),
    ("LSTMCell", 1, False), ("GRUCell", 1, False),
):  # fmt: skip

    @healthy_as(f"recurrent_{_cell.lower()}_{_layers}{'_both' if _both else ''}")
    def _recurrent(cell: str = _cell, layers: int = _layers, both: bool = _both) -> Made:
        return closer.sequences(closer.Recurrent(cell, None, layers, both))


for _cell in ("LSTM", "GRU"):

    @healthy_as(f"recurrent_{_cell.lower()}_chrono", "Tallec & Ollivier 2018")
    def _chrono(cell: str = _cell) -> Made:
        model = closer.Recurrent(cell)
        offset = torch.log(torch.rand(32) * 400 + 1)
        bias = model.rnn.bias_ih_l0.data
        bias[32:64] = offset
        if cell == "LSTM":
            bias[:32] = -offset
        return closer.sequences(model)


for _spelling, _top in (("stacked", 1), ("stacked", 2), ("modules", 1), ("modules", 2), ("soft", 1)):

    @healthy_as(f"experts_{_spelling}_{_top}", "Shazeer et al. 2017")
    def _experts(spelling: str = _spelling, top: int = _top) -> Made:
        return closer.vectors(closer.Experts(spelling, 8, top))


@healthy_as("experts_by_hash", "Roller et al. 2021")
def _hash() -> Made:
    model = closer.Experts("stacked", 8)
    model.table = lambda x: (x.sum(-1).abs() * 1e4).long() % 8
    return closer.vectors(model)


@healthy_as("experts_few_tokens", "a batch smaller than the number of experts reaches few of them")
def _few() -> Made:
    return closer.vectors(closer.Experts("stacked", 16), batch=8)


@healthy_as(
    "experts_upcycled", "one network copied to all experts, parted by the router (Komatsuzaki et al. 2023)"
)
def _upcycled() -> Made:
    model = closer.Experts("stacked", 4, 1)
    model.up.data[:], model.down.data[:] = model.up.data[:1].clone(), model.down.data[:1].clone()
    return closer.vectors(model)


@healthy_as("stack_of_layers")
def _stack() -> Made:
    return closer.vectors(closer.Stack())


@healthy_as("stack_of_layers_zero_ends", "every branch starts at 0")
def _ends() -> Made:
    model = closer.Stack()
    nn.init.zeros_(model.down)
    return closer.vectors(model)


for _shape in ((), (1,), (32,)):

    @healthy_as(f"gate_zero_{len(_shape)}_{sum(_shape)}", "Bachlechner et al. 2021")
    def _gate(shape: tuple[int, ...] = _shape) -> Made:
        return closer.vectors(closer.gated(lambda: closer.Gated(32, shape)))


@healthy_as("gate_zero_before_a_norm", "De & Smith 2020")
def _norm() -> Made:
    return closer.vectors(closer.gated(lambda: closer.Gated(32, (), norm=True)))


@healthy_as("norm_scale_zero", "Goyal et al. 2017")
def _gamma() -> Made:
    model = closer.gated(lambda: closer.Gated(32, (), norm=True))
    for block in model[1:-1]:
        nn.init.zeros_(block.norm.weight)
        nn.init.ones_(block.gate)
    return closer.vectors(model)


for _which in ("f", "out"):

    @healthy_as(f"product_zero_{_which}", "one factor at 0 learns, as the other is not")
    def _factor(which: str = _which) -> Made:
        model = closer.gated(closer.Glu)
        for block in model[1:-1]:
            nn.init.zeros_(getattr(block, which).weight)
        return closer.vectors(model)


for _depth in (6, 10):

    @healthy_as(f"peers_mlp_{_depth}")
    def _peers(depth: int = _depth) -> Made:
        return closer.vectors(
            mlp(depth, 64, nn.ReLU, lambda m: nn.init.kaiming_normal_(m.weight, nonlinearity="relu"), inputs=32,
                outputs=5)
        )  # fmt: skip


@healthy_as("peers_scaled_by_depth", "branches scaled by 1 / l (Zhang, Dauphin & Ma 2019)")
def _depths() -> Made:
    make = lambda d: nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))  # noqa: E731
    model = residual_mlp(8, 48, make)
    for l, block in enumerate(model[1:-1], start=1):  # noqa: E741
        block.branch[3].weight.data /= l
    return closer.vectors(model, size=64, classes=10)


@healthy_as("buffers_of_batch_norm")
def _buffers() -> Made:
    return closer.pictures(convnet(5, 24, norm=True), size=32)


class Masked(closer.Attend):
    """A mask as a buffer, of infinities or the most negative number."""

    def __init__(self, low: float) -> None:
        super().__init__()
        self.register_buffer("mask", torch.full((32, 32), low).triu(1))

    def bias(self, t: int) -> torch.Tensor:
        return self.mask[:t, :t]


for _name, _low in (
    ("infinite", -math.inf),
    ("most_negative", torch.finfo(torch.float32).min),
    ("billion", -1e9),
):

    @healthy_as(f"mask_{_name}")
    def _mask(low: float = _low) -> Made:
        return closer.read(closer.Reader(lambda: Masked(low)))


@healthy_as("buffer_of_statistics", "means and deviations of a data set, in float32")
def _statistics() -> Made:
    model = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))
    model.register_buffer("best", torch.tensor(math.inf))
    model.register_buffer("count", torch.zeros((), dtype=torch.float64))
    model.register_buffer("scale", torch.logspace(-6, 6, 40))
    return closer.vectors(model)


for _inputs, _w0 in ((1, 30.0), (2, 30.0), (3, 30.0), (2, 100.0), (2, 10.0)):

    @healthy_as(f"siren_{_inputs}_{_w0:g}", "Sitzmann et al. 2020")
    def _siren(inputs: int = _inputs, w0: float = _w0) -> Made:
        return closer.coordinates(closer.siren(inputs, w0=w0), inputs)


@healthy_as("sine_as_an_activation", "a perceptron of sines without a factor (Parascandolo et al. 2017)")
def _sines() -> Made:
    net = nn.Sequential(*(closer.Sine(i, 64, (3 / i) ** 0.5, 1.0) for i in (2, 64, 64)), nn.Linear(64, 1))
    return closer.coordinates(net)


for _sigma in (1.0, 10.0, 30.0):

    @healthy_as(f"fourier_features_{_sigma:g}", "Tancik et al. 2020")
    def _fourier(sigma: float = _sigma) -> Made:
        return closer.coordinates(closer.Encoded(sigma * torch.randn(2, 24)))


@healthy_as("octaves", "Mildenhall et al. 2020")
def _octaves() -> Made:
    frequencies = math.pi * 2.0 ** torch.arange(10)
    return closer.coordinates(closer.Encoded(frequencies[:, None].repeat(1, 2), octaves=True))


for _scale in (1000.0, 1.0):

    @healthy_as(f"times_to_{_scale:g}", "Ho et al. 2020; Lipman et al. 2023")
    def _times(scale: float = _scale) -> Made:
        return closer.timed(closer.Timed(), scale)


for _length in (16, 64):

    @healthy_as(f"selective_{_length}", "Gu & Dao 2023")
    def _selective(length: int = _length) -> Made:
        return closer.sequences(closer.Pooled(*(closer.Selective() for _ in range(2))), length=length)

    @healthy_as(f"diagonal_{_length}", "Gu et al. 2022")
    def _diagonal(length: int = _length) -> Made:
        return closer.sequences(closer.Pooled(*(closer.Diagonal() for _ in range(2))), length=length)


class Radial(nn.Module):
    """Gaussian bumps of distances, of learnt widths (Schütt et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(0, 6, 20))
        self.width = nn.Parameter(torch.full((20,), 4.0))
        self.net = nn.Sequential(nn.Linear(20, 32), nn.Softplus(), nn.Linear(32, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(torch.exp(-self.width * (x.abs().sum(-1, keepdim=True) / 5 - self.centres) ** 2))


@healthy_as("radial_bumps", "Schütt et al. 2017")
def _radial() -> Made:
    return closer.vectors(Radial())


for _kind in ("behind", "beside"):

    @healthy_as(f"adapter_{_kind}_zero", "Houlsby et al. 2019")
    def _adapter(kind: str = _kind) -> Made:
        return closer.vectors(closer.adapted(lambda: closer.Bottleneck(0.0, kind)))


for _within in (False, True):

    @healthy_as(f"lora_{'within' if _within else 'beside'}", "Hu et al. 2022")
    def _lora(within: bool = _within) -> Made:
        return closer.vectors(closer.adapted(lambda: closer.Lora(32, 32, 0.0, None, within), head=False))


@healthy_as("control_zero", "Zhang, Rao & Agrawala 2023")
def _control() -> Made:
    return closer.pictures(closer.Control(zero=True))


@healthy_as("residual_head_on_a_frozen_backbone")
def _backbone() -> Made:
    body = mlp(
        3,
        48,
        nn.ReLU,
        lambda m: nn.init.kaiming_normal_(m.weight, nonlinearity="relu"),
        inputs=32,
        outputs=48,
    )
    head = residual_mlp(
        2, 48, lambda d: nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
    )
    head[0] = nn.Linear(48, 48)
    return closer.vectors(nn.Sequential(body.requires_grad_(False), head), classes=10)


@healthy_as("trainable_stem_of_a_frozen_body")
def _stem() -> Made:
    stem = residual_mlp(
        2, 32, lambda d: nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
    )
    stem[0] = nn.Linear(32, 32)
    stem[-1] = nn.Linear(32, 32)
    body = mlp(
        3, 48, nn.ReLU, lambda m: nn.init.kaiming_normal_(m.weight, nonlinearity="relu"), inputs=32, outputs=5
    )
    return closer.vectors(nn.Sequential(stem, body.requires_grad_(False)))


def _own_fan(layer: nn.Conv2d) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


for _norm in (True, False):

    @healthy_as(f"depthwise_{'norm' if _norm else 'plain'}")
    def _depthwise(norm: bool = _norm) -> Made:
        return closer.pictures(closer.Separable(_own_fan, norm))


@healthy_as(
    "depthwise_ungrouped_norm", "kaiming fan_out before batch norms, as torchvision's MobileNets start"
)
def _mobile() -> Made:
    law = lambda m: nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")  # noqa: E731
    return closer.pictures(closer.Separable(law, norm=True))


for _sizes in ((32, 32, 32), (32, 16, 8)):

    @healthy_as(f"transposed_default_{_sizes[1]}", "torch's own default")
    def _upward(sizes: tuple[int, ...] = _sizes) -> Made:
        return closer.pictures(closer.Upward(lambda m: None, sizes, norm=True), channels=32, size=8)
