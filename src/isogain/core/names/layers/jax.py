"""flax.linen, flax.nnx and Equinox's layers."""

from __future__ import annotations

from collections.abc import Callable

from isogain.core.initializers import Constant, Initializer, Normal, Ones, Orthogonal, Zeros
from isogain.core.names.dialects.forms import Taps, one_over_root, reading, scaled, taps
from isogain.core.names.rows import table

flax = table("flax", "Flax, layers", "flax", "flax 0.12.8")
equinox = table("equinox", "Equinox, layers", "equinox", "equinox 0.13.8")
LECUN = "w cut at 2σ, Var[w] = 1 / fan_in"


def _lecun(rule: str = "keras") -> Initializer:
    return scaled(1, "fan_in", "truncated_normal", rule)


def _named(linen: str, nnx: str) -> tuple[str, str]:
    return f"linen.{linen}", f"nnx.{nnx}"


def _pair(
    add: Callable[..., None],
    names: tuple[str, str],
    formula: str,
    note: str,
    make: Callable[[], Initializer],
    layout: str,
) -> None:
    add(names[0], formula, note, make, names[1], layout=layout)


_pair(
    flax, _named("Dense.kernel", "Linear.kernel"), LECUN, "Corrected for the cut.", lambda: _lecun(), "in out"
)
_pair(flax, _named("Dense.bias", "Linear.bias"), "b = 0", "Zeros.", lambda: Zeros(), "out")
_pair(flax, _named("Conv.kernel", "Conv.kernel"), LECUN, "Groups are divided.", lambda: _lecun(), "* in out")
_pair(flax, _named("Conv.bias", "Conv.bias"), "b = 0", "Zeros.", lambda: Zeros(), "out")
_pair(
    flax,
    _named("ConvTranspose.kernel", "ConvTranspose.kernel"),
    LECUN,
    "Of a kernel (k..., in, out).",
    lambda: _lecun(),
    "* in out",
)
_pair(
    flax,
    _named("Embed.embedding", "Embed.embedding"),
    "w ~ N(0, 1/features)",
    "torch has N(0, 1).",
    lambda: scaled(1, "fan_out", "normal", "keras"),
    "lookup out",
)
for _part in ("query", "key", "value"):
    _pair(
        flax,
        _named(f"MultiHeadDotProductAttention.{_part}.kernel", f"MultiHeadAttention.{_part}.kernel"),
        "w cut at 2σ, Var[w] = 1 / dim",
        "Heads folded into the outputs: (dim, heads, size).",
        lambda: _lecun("first_in"),
        "in out out",
    )
_pair(
    flax,
    _named("MultiHeadDotProductAttention.out.kernel", "MultiHeadAttention.out.kernel"),
    "w cut at 2σ, Var[w] = 1 / (heads·size)",
    "Heads folded into the inputs.",
    lambda: _lecun("last_out"),
    "in in out",
)
for _gate in "ifgo":
    flax(f"linen.LSTMCell.i{_gate}.kernel", LECUN, "Each gate its own.", lambda: _lecun(), layout="in out")
    flax(
        f"linen.LSTMCell.h{_gate}.kernel",
        "W orthogonal",
        "Each gate its own (h, h).",
        lambda: Orthogonal(1.0, "last"),
        layout="in out",
    )
    flax(f"linen.LSTMCell.h{_gate}.bias", "b = 0", "No forget bias.", lambda: Zeros(), layout="out")
flax(
    "nnx.OptimizedLSTMCell.dense_h.kernel",
    "W orthogonal (h, 4h)",
    "One matrix over all gates: a gate's singular values run from 0 to about .85. LSTMCell draws each apart.",
    lambda: Orthogonal(1.0, "last"),
    layout="in out",
)
flax(
    "nnx.OptimizedLSTMCell.dense_i.kernel",
    LECUN,
    "All gates together; fan_in is the same.",
    lambda: _lecun(),
    layout="in out",
)
for _norm in ("LayerNorm", "BatchNorm", "GroupNorm"):
    _pair(flax, _named(f"{_norm}.scale", f"{_norm}.scale"), "w = 1", "Ones.", lambda: Ones(), "out")
    _pair(flax, _named(f"{_norm}.bias", f"{_norm}.bias"), "b = 0", "Zeros.", lambda: Zeros(), "out")

equinox("nn.Linear.weight", "w ~ U(±1/√in)", "As torch.", lambda: reading("first_out"), layout="out in")
equinox(
    "nn.Linear.bias",
    "b ~ U(±1/√in)",
    "As torch.",
    lambda in_features: one_over_root(in_features),
    layout="out",
    example={"in_features": 512},
)


def _convolutions(axes: int) -> None:
    def bias(in_channels: int, kernel_size: Taps, groups: int = 1) -> Initializer:
        return one_over_root(in_channels / groups, taps(kernel_size, axes))

    equinox(
        f"nn.Conv{axes}d.weight",
        "w ~ U(±1/√(k·in/groups))",
        "As torch.",
        lambda: reading("first_out"),
        layout="out in *",
    )
    equinox(
        f"nn.Conv{axes}d.bias",
        "b ~ U(±1/√(k·in/groups))",
        "As torch.",
        bias,
        layout="out *",
        example={"in_channels": 64, "kernel_size": 3},
    )
    equinox(
        f"nn.ConvTranspose{axes}d.weight",
        "w ~ U(±1/√(k·in/groups))",
        "The inputs, where torch takes the outputs.",
        lambda: reading("first_out"),
        layout="out in *",
    )


for _axes in (1, 2, 3):
    _convolutions(_axes)
equinox("nn.Embedding.weight", "w ~ N(0, 1)", "Whatever its width.", lambda: Normal(1.0), layout="lookup out")
for _cell in ("LSTMCell", "GRUCell"):
    for _part in ("weight_ih", "weight_hh", "bias"):
        equinox(
            f"nn.{_cell}.{_part}",
            "w ~ U(±1/√hidden_size)",
            "As torch.",
            lambda hidden_size: one_over_root(hidden_size),
            layout="out" if _part == "bias" else "out in",
            example={"hidden_size": 256},
        )
equinox(
    "nn.MultiheadAttention.query_proj.weight",
    "w ~ U(±1/√in)",
    "Linear's own start.",
    lambda: reading("first_out"),
    "nn.MultiheadAttention.output_proj.weight",
    layout="out in",
)
equinox("nn.LayerNorm.weight", "w = 1", "Ones.", lambda: Ones(), layout="out *")
equinox("nn.LayerNorm.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out *")
equinox("nn.PReLU.negative_slope", "w = .25", "As torch.", lambda: Constant(0.25), layout="out")
