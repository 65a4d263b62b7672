"""keras.layers (3.15): Glorot's uniform law by the axes that a layer names."""

from __future__ import annotations

from isogain.core.initializers import GateBias, Initializer, Ones, Orthogonal, Uniform, Zeros
from isogain.core.names.dialects.forms import scaled
from isogain.core.names.rows import table

layer = table("keras", "Keras 3, layers", "keras", "keras 3.15.1")
GLOROT = "w ~ U(±√(6 / (fan_in + fan_out)))"


def _glorot(rule: str = "keras") -> Initializer:
    return scaled(1, "fan_avg", "uniform", rule)


layer("layers.Dense.kernel", GLOROT, "Glorot's law.", lambda: _glorot(), layout="in out")
layer("layers.Dense.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
for _axes in (1, 2, 3):
    layer(
        f"layers.Conv{_axes}D.kernel",
        GLOROT,
        "Groups: fan_in k·in/groups, fan_out k·out of all groups.",
        lambda: _glorot(),
        layout="* in out",
    )
    layer(f"layers.Conv{_axes}D.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
    layer(
        f"layers.Conv{_axes}DTranspose.kernel",
        GLOROT,
        "Symmetric, so (k..., out, in) does no harm.",
        lambda: _glorot(),
        layout="* out in",
    )
    layer(f"layers.Conv{_axes}DTranspose.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
for _axes in (1, 2):
    layer(
        f"layers.DepthwiseConv{_axes}D.kernel",
        GLOROT,
        "fan_in counts all channels: k·in, where an output sees k.",
        lambda: _glorot(),
        layout="* group out",
    )
layer(
    "layers.Embedding.embeddings",
    "w ~ U(±.05)",
    "Whatever its width.",
    lambda: Uniform(-0.05, 0.05),
    layout="lookup out",
)
for _part in ("query", "key", "value"):
    layer(
        f"layers.MultiHeadAttention.{_part}_dense.kernel",
        "w ~ U(±√(6 / (dim + heads·size)))",
        "Since 3.15 by the equation's axes; the bare shape would give a sixth at 512 = 8·64.",
        lambda: _glorot("first_in"),
        layout="in out out",
    )
    layer(
        f"layers.MultiHeadAttention.{_part}_dense.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out out"
    )
layer(
    "layers.MultiHeadAttention.output_dense.kernel",
    "w ~ U(±√(6 / (heads·size + dim)))",
    "By the equation's axes.",
    lambda: _glorot("last_out"),
    layout="in in out",
)
layer("layers.MultiHeadAttention.output_dense.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
for _cell in ("LSTM", "GRU", "SimpleRNN"):
    layer(f"layers.{_cell}.kernel", GLOROT, "fan_out counts all gates.", lambda: _glorot(), layout="in out")
    layer(
        f"layers.{_cell}.recurrent_kernel",
        "W orthogonal",
        "One matrix over all gates, whose columns are not orthogonal.",
        lambda: Orthogonal(1.0, "last"),
        layout="in out",
    )
layer(
    "layers.LSTM.bias",
    "b = (0, 1, 0, 0) by gate",
    "unit_forget_bias.",
    lambda: GateBias((0.0, 1.0, 0.0, 0.0)),
    layout="out",
)
layer("layers.GRU.bias", "b = 0", "Zeros.", lambda: Zeros(), "layers.SimpleRNN.bias", layout="out")
for _norm in ("LayerNormalization", "BatchNormalization", "GroupNormalization"):
    layer(f"layers.{_norm}.gamma", "w = 1", "Ones.", lambda: Ones(), layout="out")
    layer(f"layers.{_norm}.beta", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer(
    "layers.PReLU.alpha", "w = 0", "A plain ReLU at the start; torch has .25.", lambda: Zeros(), layout="out"
)
