"""mlx.nn.init and mlx.nn: weights are (out, in) and (out, k..., in)."""

from __future__ import annotations

from isogain.core.initializers import Constant, Identity, Normal, Ones, Orthogonal, Sparse, Uniform, Zeros
from isogain.core.names.dialects.forms import one_over_root, reading, scaled
from isogain.core.names.rows import table

VERSION = "mlx 0.32.4"
row = table("mlx", "MLX", "mlx.nn.init", VERSION)
layer = table("mlx", "MLX, layers", "mlx", VERSION)
HE = "Gain 1, not √2: variance 1 / fan, half of He's law, unless gain=√2 is given to the function it returns."

row(
    "constant",
    "w = value",
    "One value for every weight.",
    lambda value: Constant(value),
    example={"value": 0.1},
)
row(
    "normal",
    "w ~ N(mean, std²)",
    "The standard normal by default.",
    lambda mean=0.0, std=1.0: Normal(std, mean),
)
row("uniform", "w ~ U[low, high)", "Not centred by default.", lambda low=0.0, high=1.0: Uniform(low, high))
row("identity", "W = I", "Square matrices only.", lambda: Identity())
row(
    "glorot_normal",
    "w ~ N(0, gain²·2 / (fan_in + fan_out))",
    "Not cut, unlike Keras' and JAX' of that name.",
    lambda gain=1.0: scaled(gain**2, "fan_avg", "normal", "mlx"),
)
row(
    "glorot_uniform",
    "w ~ U(±gain·√(6 / (fan_in + fan_out)))",
    "Glorot's law.",
    lambda gain=1.0: scaled(gain**2, "fan_avg", "uniform", "mlx"),
)
row(
    "he_normal",
    "w ~ N(0, gain² / fan)",
    HE,
    lambda mode="fan_in", gain=1.0: scaled(gain**2, mode, "normal", "mlx"),
)
row(
    "he_uniform",
    "w ~ U(±gain·√(3 / fan))",
    HE,
    lambda mode="fan_in", gain=1.0: scaled(gain**2, mode, "uniform", "mlx"),
)
row(
    "sparse",
    "⌈sparsity·in⌉ of each output's weights 0, others N(mean, std²)",
    "By rows, where torch zeroes by columns; the standard normal by default, where torch has .01.",
    lambda sparsity, mean=0.0, std=1.0: Sparse(sparsity, std, mean, "outputs", 1),
    example={"sparsity": 0.5},
)
row(
    "orthogonal", "W = gain · (semi-)orthogonal", "Two axes only.", lambda gain=1.0: Orthogonal(gain, "first")
)

layer("nn.Linear.weight", "w ~ U(±1/√in)", "As torch.", lambda: reading("mlx"), layout="out in")
layer(
    "nn.Linear.bias",
    "b ~ U(±1/√in)",
    "As torch.",
    lambda input_dims: one_over_root(input_dims),
    "nn.Linear.b",
    layout="out",
    example={"input_dims": 512},
)
for _axes in (1, 2, 3):
    layer(
        f"nn.Conv{_axes}d.weight",
        "w ~ U(±1/√(k·in/groups))",
        "As torch, (out, k..., in).",
        lambda: reading("mlx"),
        layout="out * in",
    )
    layer(
        f"nn.Conv{_axes}d.bias",
        "b = 0",
        "Zeros, unlike torch and unlike its Linear.",
        lambda: Zeros(),
        layout="out",
    )
    layer(
        f"nn.ConvTranspose{_axes}d.weight",
        "w ~ U(±1/√(k·in))",
        "The inputs, where torch takes the outputs.",
        lambda: reading("mlx"),
        layout="out * in",
    )
    layer(f"nn.ConvTranspose{_axes}d.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer(
    "nn.Embedding.weight",
    "w ~ N(0, 1/d)",
    "torch has N(0, 1).",
    lambda: scaled(1, "fan_out", "normal", "keras"),
    layout="lookup out",
)
for _cell, _parts in (
    ("RNN", ("Wxh", "Whh", "bias")),
    ("GRU", ("Wx", "Wh", "b", "bhn")),
    ("LSTM", ("Wx", "Wh", "bias")),
):
    for _part in _parts:
        layer(
            f"nn.{_cell}.{_part}",
            "w ~ U(±1/√hidden_size)",
            "Weights and biases alike.",
            lambda hidden_size: one_over_root(hidden_size),
            example={"hidden_size": 256},
            layout="out in" if _part.startswith("W") else "out",
        )
layer("nn.LayerNorm.weight", "w = 1", "Ones.", lambda: Ones(), layout="out")
layer("nn.LayerNorm.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer("nn.PReLU.weight", "w = .25", "As torch.", lambda: Constant(0.25), layout="out")
