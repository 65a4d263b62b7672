"""torch.nn's layers (2.13)."""

from __future__ import annotations

from isogain.core.initializers import Constant, Initializer, Normal, Ones, Zeros
from isogain.core.names.dialects.forms import Taps, one_over_root, reading, scaled, taps
from isogain.core.names.rows import table

layer = table("torch", "PyTorch, layers", "torch", "torch 2.13.0")
OURS = "kaiming_uniform_(a=√5), that is a third of LeCun's variance"

layer("nn.Linear.weight", "w ~ U(±1/√in)", f"{OURS}.", lambda: reading("torch"), layout="out in")
layer(
    "nn.Linear.bias",
    "b ~ U(±1/√in)",
    "By its weight's inputs.",
    lambda in_features: one_over_root(in_features),
    layout="out",
    example={"in_features": 512},
)


def _convolutions(axes: int) -> None:
    def bias(in_channels: int, kernel_size: Taps, groups: int = 1) -> Initializer:
        return one_over_root(in_channels / groups, taps(kernel_size, axes))

    def bias_of_transposed(out_channels: int, kernel_size: Taps, groups: int = 1) -> Initializer:
        return one_over_root(out_channels / groups, taps(kernel_size, axes))

    layer(
        f"nn.Conv{axes}d.weight",
        "w ~ U(±1/√(k·in/groups))",
        f"{OURS}.",
        lambda: reading("torch"),
        layout="out in *",
    )
    layer(
        f"nn.Conv{axes}d.bias",
        "b ~ U(±1/√(k·in/groups))",
        "The bound of its weight.",
        bias,
        layout="out",
        example={"in_channels": 64, "kernel_size": 3},
    )
    layer(
        f"nn.ConvTranspose{axes}d.weight",
        "w ~ U(±1/√(k·out/groups))",
        "Its shape is (in, out/groups, k...), and the rule takes the outputs for inputs.",
        lambda: scaled(1 / 3, "fan_out", "uniform", "in_first"),
        layout="in out *",
    )
    layer(
        f"nn.ConvTranspose{axes}d.bias",
        "b ~ U(±1/√(k·out/groups))",
        "The bound of its weight.",
        bias_of_transposed,
        layout="out",
        example={"out_channels": 64, "kernel_size": 3},
    )


for _axes in (1, 2, 3):
    _convolutions(_axes)
layer(
    "nn.Bilinear.weight",
    "w ~ U(±1/√in1)",
    "The first input alone counts.",
    lambda: reading("two_axes"),
    layout="out in in",
)
layer(
    "nn.Bilinear.bias",
    "b ~ U(±1/√in1)",
    "The bound of its weight.",
    lambda in1_features: one_over_root(in1_features),
    layout="out",
    example={"in1_features": 64},
)
layer(
    "nn.Embedding.weight",
    "w ~ N(0, 1)",
    "Whatever its width; the padding row is 0.",
    lambda: Normal(1.0),
    "nn.EmbeddingBag.weight",
    layout="lookup out",
)
for _cell in ("RNN", "LSTM", "GRU"):
    for _part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        layer(
            f"nn.{_cell}.{_part}",
            "w ~ U(±1/√hidden_size)",
            "Weights and biases alike.",
            lambda hidden_size: one_over_root(hidden_size),
            f"nn.{_cell}Cell.{_part}",
            f"nn.{_cell}.{_part}_l0",
            layout="out in" if _part.startswith("weight") else "out",
            example={"hidden_size": 256},
        )
layer(
    "nn.MultiheadAttention.in_proj_weight",
    "w ~ U(±√(6 / 4d))",
    "Xavier on the packed (3d, d): √2 narrower than each part's own.",
    lambda: scaled(1, "fan_avg", "uniform", "torch"),
    layout="(3 out) in",
)
layer("nn.MultiheadAttention.in_proj_bias", "b = 0", "Zeros.", lambda: Zeros(), layout="(3 out)")
layer(
    "nn.MultiheadAttention.out_proj.weight",
    "w ~ U(±1/√d)",
    "Linear's own start.",
    lambda: reading("torch"),
    layout="out in",
)
layer(
    "nn.MultiheadAttention.out_proj.bias", "b = 0", "Zeros, unlike Linear's.", lambda: Zeros(), layout="out"
)
for _norm in (
    "LayerNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm2d",
    "RMSNorm",
):
    layer(f"nn.{_norm}.weight", "w = 1", "Ones.", lambda: Ones(), layout="out")
    if _norm != "RMSNorm":
        layer(f"nn.{_norm}.bias", "b = 0", "Zeros.", lambda: Zeros(), layout="out")
layer("nn.PReLU.weight", "w = .25", "One for all channels by default.", lambda: Constant(0.25), layout="out")
