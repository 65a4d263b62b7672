"""Broken starts that only a closer look sees: attention, gates, stacks, buffers, encodings, states, adapters."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from corpus import closer
from corpus.cases import Made, broken_as
from corpus.parts import mlp, residual_mlp

ATTENTION = "queries and keys drawn too loud, by a wrong fan or without 1 / sqrt(d) (reported of small GPTs)"
for _spelling, _gain, _scaled in (
    ("written", 4.0, True), ("written", 2.5, False), ("fused", 5.0, True), ("fused", 2.0, False),
    ("einsum", 4.0, True), ("module", 4.0, True), ("module", 10.0, True),
):  # fmt: skip

    @broken_as(f"loud_{_spelling}_attention_{_gain:g}{'' if _scaled else '_unscaled'}", "attention-collapse",
               "exploding-backward", source=ATTENTION)  # fmt: skip
    def _loud(spelling: str = _spelling, gain: float = _gain, scaled: bool = _scaled) -> Made:
        return closer.read(closer.Reader(lambda: closer.Attend(spelling, gain, scaled)))


@broken_as("two_loud_heads", "attention-collapse", source="a head drawn by another law than its neighbours")
def _heads() -> Made:
    model = closer.Reader(closer.Attend)
    for attend in model.attends:
        attend.q.weight.data[:24] *= 12
    return closer.read(model)


@broken_as(
    "faint_attention", "attention-collapse", source="queries and keys drawn at 1e-4: a mean of all keys"
)
def _faint() -> Made:
    return closer.read(closer.Reader(lambda: closer.Attend("written", 1e-3)))


@broken_as("queries_and_keys_zero", "symmetric-units", source="both factors of a product of signals at 0")
def _zero() -> Made:
    return closer.read(closer.Reader(lambda: closer.Attend("written", 0.0)))


GATES = "recurrent weights drawn N(0, 1), or by the fan of one gate's rows: gates in their flat ends"
for _cell, _gain, _layers, _both in (
    ("LSTM", 6.0, 1, False), ("LSTM", 5.0, 2, False), ("GRU", 6.0, 1, False), ("GRU", 8.0, 1, True),
    ("RNN", 6.0, 1, False), ("LSTMCell", 6.0, 1, False), ("GRUCell", 8.0, 1, False),
):  # fmt: skip

    @broken_as(f"loud_{_cell.lower()}_{_gain:g}_{_layers}{'_both' if _both else ''}", "saturated-units",
               "exploding-backward", "vanishing-backward", source=GATES)  # fmt: skip
    def _flat(cell: str = _cell, gain: float = _gain, layers: int = _layers, both: bool = _both) -> Made:
        return closer.sequences(closer.Recurrent(cell, gain, layers, both))


IDLE = "a router that sends all tokens to the same few experts (Shazeer et al. 2017, section 4)"
for _spelling, _top in (("stacked", 1), ("stacked", 2), ("modules", 1), ("modules", 2)):

    @broken_as(f"zero_router_{_spelling}_{_top}", "idle-slices", source=IDLE)
    def _ties(spelling: str = _spelling, top: int = _top) -> Made:
        model = closer.Experts(spelling, 8, top)
        nn.init.zeros_(model.router.weight)
        nn.init.zeros_(model.router.bias)
        return closer.vectors(model)

    @broken_as(f"biased_router_{_spelling}_{_top}", "idle-slices", source=IDLE)
    def _pulled(spelling: str = _spelling, top: int = _top) -> Made:
        model = closer.Experts(spelling, 8, top)
        model.router.bias.data[:top] = 9.0
        return closer.vectors(model)


@broken_as(
    "one_bucket_hash", "idle-slices", source="a hash of tokens that falls into one bucket (hash layers)"
)
def _bucket() -> Made:
    model = closer.Experts("stacked", 8)
    model.table = lambda x: (x.sum(-1).abs() * 1e-3).long() % 8
    return closer.vectors(model)


COPIES = "one key for all layers of a scan, or one layer stacked (reported of Flax models)"
for _same in ((0, 1, 2, 3, 4, 5), (2, 3)):

    @broken_as(f"stack_of_copies_{len(_same)}", "identical-layers", source=COPIES)
    def _stacked(same: tuple[int, ...] = _same) -> Made:
        model = closer.Stack()
        for one in same[1:]:
            model.up.data[one], model.down.data[one] = model.up.data[same[0]], model.down.data[same[0]]
        return closer.vectors(model)


@broken_as(
    "equal_experts_equal_shares", "identical-layers", source="copies of one expert under a router of zeros"
)
def _shares() -> Made:
    model = closer.Experts("soft", 4)
    nn.init.zeros_(model.router.weight)
    nn.init.zeros_(model.router.bias)
    model.up.data[:], model.down.data[:] = model.up.data[:1].clone(), model.down.data[:1].clone()
    return closer.vectors(model)


SADDLE = "a gate of zeros in front of a last layer of zeros (reported of SkipInit and NFNets)"
for _shape in ((), (1,), (32,)):

    @broken_as(f"gate_and_end_zero_{len(_shape)}_{sum(_shape)}", "symmetric-units", source=SADDLE)
    def _both_zero(shape: tuple[int, ...] = _shape) -> Made:
        model = closer.gated(lambda: closer.Gated(32, shape))
        for block in model[1:-1]:
            nn.init.zeros_(block.down.weight)
            nn.init.zeros_(block.down.bias)
        return closer.vectors(model)


@broken_as("gate_and_norm_scale_zero", "symmetric-units", source=SADDLE)
def _gamma() -> Made:
    model = closer.gated(lambda: closer.Gated(32, (), norm=True))
    for block in model[1:-1]:
        nn.init.zeros_(block.norm.weight)
    return closer.vectors(model)


for _out in (True, False):

    @broken_as(f"both_halves_of_a_product_zero_{'out' if _out else 'bare'}", "symmetric-units", source=SADDLE)
    def _halves(out: bool = _out) -> Made:
        model = closer.gated(lambda: closer.Glu(32, out))
        for block in model[1:-1]:
            nn.init.zeros_(block.f.weight)
            nn.init.zeros_(block.g.weight)
        return closer.vectors(model)


for _within in (False, True):

    @broken_as(f"lora_both_zero_{'within' if _within else 'beside'}", "symmetric-units", "unused-parameter",
               source="LoRA with A and B at 0: neither learns")  # fmt: skip
    def _lora(within: bool = _within) -> Made:
        return closer.vectors(closer.adapted(lambda: closer.Lora(32, 32, 0.0, 0.0, within)))


QUIET = "one layer that the loop over layers missed, left too small (reported of mixing weights never filled)"
for _place, _factor in ((2, 1e-3), (6, 1e-5), (4, 5e-3)):

    @broken_as(f"quiet_layer_{_place}_{_factor:g}", "off-peers", source=QUIET)
    def _quiet(place: int = _place, factor: float = _factor) -> Made:
        model = mlp(8, 64, nn.ReLU, lambda m: nn.init.kaiming_normal_(m.weight, nonlinearity="relu"), inputs=32,
                    outputs=5)  # fmt: skip
        model[place].weight.data *= factor
        return closer.vectors(model)


@broken_as("quiet_branch", "off-peers", source=QUIET)
def _branch() -> Made:
    make = lambda d: nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))  # noqa: E731
    model = residual_mlp(6, 48, make)
    model[3].branch[3].weight.data *= 1e-3
    return closer.vectors(model, size=64, classes=10)


@broken_as("quiet_attention_output", "off-peers", source=QUIET)
def _output() -> Made:
    model = closer.Reader(closer.Attend)
    model.attends[2].o.weight.data *= 1e-3
    return closer.read(model)


for _factor in (1e-3, 300.0, 0.0):

    @broken_as(f"odd_expert_{_factor:g}", "off-peers", source="one slice of a stack that no scheme filled")
    def _expert(factor: float = _factor) -> Made:
        model = closer.Experts("soft", 6)
        model.up.data[3] *= factor
        return closer.vectors(model)


BUFFER = "buffers after to_empty or torch.empty: whatever lay in memory (reported of rotary frequencies)"


def _rotary(fill: Any) -> Made:
    model = closer.Reader(closer.Rotary)
    for attend in model.attends:
        fill(attend.inv_freq)
    return closer.read(model)


def _patterns(buffer: torch.Tensor) -> None:
    bits = torch.randint(-(2**31), 2**31 - 1, buffer.shape, dtype=torch.int64).to(torch.int32)
    values = bits.view(torch.float32)
    buffer.copy_(torch.where(torch.isfinite(values), values, torch.tensor(1e32)))


@broken_as("rotary_bit_patterns", "uninitialized", source=BUFFER)
def _garbled() -> Made:
    return _rotary(_patterns)


@broken_as("rotary_of_1e32", "uninitialized", "time-scale", source=BUFFER)
def _huge() -> Made:
    return _rotary(lambda b: b.copy_(1e32 * torch.rand_like(b)))


@broken_as("rotary_of_zeros", "time-scale", "uninitialized", source=BUFFER)
def _zeros() -> Made:
    return _rotary(lambda b: b.zero_())


@broken_as("rotary_nan", "non-finite", source=BUFFER)
def _nan() -> Made:
    return _rotary(lambda b: b[1:].fill_(math.nan))


@broken_as("encoding_bit_patterns", "uninitialized", source=BUFFER)
def _encoding() -> Made:
    model = closer.Encoded(torch.randn(2, 24))
    _patterns(model.frequencies)
    return closer.coordinates(model)


@broken_as("running_variance_below_zero", "uninitialized", "non-finite", source=BUFFER)
def _variance() -> Made:
    model = nn.Sequential(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 5))
    model[1].running_var.copy_(torch.randn(32))
    return closer.vectors(model)


@broken_as(
    "unread_nan", "non-finite", source="a running mean that a bad batch made NaN; training mode hides it"
)
def _unread() -> Made:
    model = nn.Sequential(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 5))
    model[1].running_mean.fill_(math.nan)
    return closer.vectors(model)


class Shifted(nn.Module):
    def __init__(self, shift: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.a, self.b = nn.Linear(32, 32), nn.Linear(32, 5).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.a(x) - self.shift) @ self.b.weight.T.to(self.shift.dtype)


@broken_as("float64_buffer", "dtype-headroom", source="statistics of a data set as a NumPy array in a buffer")
def _wide() -> Made:
    model = Shifted(torch.zeros(32, dtype=torch.float64))
    model.b.float()
    return closer.vectors(model)


SIREN = "the first sine layer is started like a hidden one (reported of siren-pytorch, DWSNets)"
for _inputs, _w0 in ((1, 30.0), (2, 30.0), (3, 30.0), (2, 100.0)):

    @broken_as(f"siren_first_{_inputs}_{_w0:g}", "time-scale", source=SIREN)
    def _first(inputs: int = _inputs, w0: float = _w0) -> Made:
        return closer.coordinates(closer.siren(inputs, w0=w0, first=math.sqrt(6 / inputs) / w0), inputs)


for _depth in (1, 3):

    @broken_as(f"siren_hidden_{_depth}", "time-scale", "exploding-backward",
               source="hidden sine layers by the library's default, not divided by the factor 30")  # fmt: skip
    def _hidden(depth: int = _depth) -> Made:
        return closer.coordinates(closer.siren(2, depth=depth, hidden=math.sqrt(6 / 64)))


for _sigma in (3e-3, 2e4):

    @broken_as(f"fourier_{_sigma:g}", "time-scale", source="random Fourier features of a wrong bandwidth")
    def _bandwidth(sigma: float = _sigma) -> Made:
        return closer.coordinates(closer.Encoded(sigma * torch.randn(2, 24)))


@broken_as(
    "time_in_units_of_a_million",
    "time-scale",
    source="times from 0 to 1e-3 for frequencies made for 0 to 1000",
)
def _units() -> Made:
    return closer.timed(closer.Timed(), 1e-3)


@broken_as("time_in_bfloat16", "time-scale", source="angles up to 1000 held in bfloat16")
def _coarse() -> Made:
    return closer.timed(closer.Timed(dtype=torch.bfloat16))


STATES = "time steps of a state space layer that were not drawn (reported of Mamba's dt bias)"
for _offset in (4.0, 1.0, -14.0):

    @broken_as(f"selective_steps_{_offset:g}", "time-scale", source=STATES)
    def _steps(offset: float = _offset) -> Made:
        return closer.sequences(
            closer.Pooled(*(closer.Selective(offset=offset) for _ in range(2))), length=32
        )


@broken_as("diagonal_steps", "time-scale", source=STATES)
def _diagonal() -> Made:
    return closer.sequences(
        closer.Pooled(*(closer.Diagonal(low=5.0, high=50.0) for _ in range(2))), length=32
    )


ADAPTER = (
    "an adapter whose last layer is drawn: the pretrained answer is gone (reported of stable-diffusion-webui)"
)
for _kind in ("behind", "beside"):
    for _end in (0.3, 0.05):

        @broken_as(f"adapter_{_kind}_{_end:g}", "adapter-not-neutral", source=ADAPTER)
        def _adapter(kind: str = _kind, end: float = _end) -> Made:
            return closer.vectors(closer.adapted(lambda: closer.Bottleneck(end, kind)))


for _within in (False, True):

    @broken_as(f"lora_drawn_{'within' if _within else 'beside'}", "adapter-not-neutral", source=ADAPTER)
    def _drawn(within: bool = _within) -> Made:
        return closer.vectors(closer.adapted(lambda: closer.Lora(32, 32, 0.5, None, within), head=False))


@broken_as("control_without_zero", "adapter-not-neutral", source=ADAPTER)
def _control() -> Made:
    return closer.pictures(closer.Control(zero=False))


def _ungrouped(layer: nn.Conv2d) -> None:
    """He's law by the fan of all groups, as kaiming_normal_(mode='fan_out') counts it."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


@broken_as(
    "depthwise_ungrouped", "off-peers", source="kaiming fan_out counts all groups of a depthwise kernel"
)
def _depthwise() -> Made:
    return closer.pictures(closer.Separable(_ungrouped, norm=False))


def _swapped(layer: nn.ConvTranspose2d) -> None:
    """He's law by the second axis, which counts the outputs of a transposed kernel."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


for _sizes in ((96, 4, 4), (4, 96)):

    @broken_as(f"transposed_swapped_{_sizes[0]}", "off-peers", "exploding-forward",
               source="kaiming fan_in counts the outputs of a transposed kernel")  # fmt: skip
    def _upward(sizes: tuple[int, ...] = _sizes) -> Made:
        return closer.pictures(closer.Upward(_swapped, sizes), channels=sizes[0], size=8)


FLOORS = "a softmax or a sigmoid in the model and once more in the loss; cosines without a scale"
for _last in (nn.Softmax(1), nn.Sigmoid(), nn.Tanh()):

    @broken_as(f"logits_behind_{type(_last).__name__.lower()}", "loss-floor", source=FLOORS)
    def _floor(last: nn.Module = _last) -> Made:
        inputs, labels = torch.randn(64, 32), torch.randint(0, 10, (64,))
        model = nn.Sequential(*mlp(2, 64, nn.ReLU, inputs=32), last)
        if isinstance(last, nn.Sigmoid):
            yes = nn.functional.one_hot(labels, 10).float()
            return model, inputs, lambda out: nn.functional.binary_cross_entropy_with_logits(out, yes)
        return model, inputs, lambda out: nn.functional.cross_entropy(out, labels)
