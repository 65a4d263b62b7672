"""What each row of the catalog promises, as its source states it: scipy.stats laws of the two fans.

Nothing here asks isogain: a fan is a number that the caller takes from the definition of a layer.
"""

from __future__ import annotations

import math
from functools import cache

from conformance import Expected, normal, truncated, truncated_at_two, uniform

HALF = math.sqrt(3)
OUT_FIRST = ("torch.", "caffe.", "mxnet.", "timm.")
"""Dialects that read their fans off (out, in, ...) whatever the axes mean."""


@cache
def elementwise(fan_in: float, fan_out: float) -> dict[str, tuple[dict, Expected]]:
    """Row -> parameters and law, for names of its own and of every dialect."""
    fan_sum = fan_in + fan_out
    return {
        # own names
        "normal": ({}, normal(1.0)),
        "uniform": ({}, uniform(-1, 1)),
        "truncated_normal": ({}, truncated_at_two(1.0)),
        "small_normal": ({}, normal(0.01)),
        "small_uniform": ({}, uniform(-0.01 * HALF, 0.01 * HALF)),
        "small_truncated_normal": ({}, truncated_at_two(0.01)),
        "large_normal": ({}, normal(10.0)),
        "large_uniform": ({}, uniform(-10 * HALF, 10 * HALF)),
        "large_truncated_normal": ({}, truncated_at_two(10.0)),
        "nonzero_mean_normal": ({}, normal(0.1, 0.5)),
        "nonzero_mean_uniform": ({}, uniform(0, 1)),
        "variance_scaling": (
            {"scale": 3.0, "mode": "fan_geo_avg"},
            normal(math.sqrt(3 / math.sqrt(fan_out * fan_in))),
        ),
        "glorot_normal": ({}, normal(math.sqrt(2 / fan_sum))),
        "glorot_uniform": ({}, uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum))),
        "glorot_truncated_normal": ({}, truncated_at_two(math.sqrt(2 / fan_sum))),
        "lecun_normal": ({}, normal(math.sqrt(1 / fan_in))),
        "lecun_uniform": ({}, uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in))),
        "lecun_truncated_normal": ({}, truncated_at_two(math.sqrt(1 / fan_in))),
        "he_normal": ({}, normal(math.sqrt(2 / fan_in))),
        "he_uniform": ({}, uniform(-math.sqrt(6 / fan_in), math.sqrt(6 / fan_in))),
        "he_truncated_normal": ({}, truncated_at_two(math.sqrt(2 / fan_in))),
        "kaiming_normal": (
            {"nonlinearity": "tanh", "mode": "fan_out"},
            normal(1.5925374197228312 / math.sqrt(fan_out)),
        ),
        "kaiming_uniform": ({"a": math.sqrt(5)}, uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))),
        "inverse_sum_normal": ({}, normal(1 / math.sqrt(fan_sum))),
        # PyTorch
        "torch.uniform_": ({}, uniform(0, 1)),
        "torch.normal_": ({}, normal(1.0)),
        "torch.trunc_normal_": ({"std": 1.5}, truncated(1.5, 0.0, -2.0, 2.0)),
        "torch.xavier_uniform_": (
            {"gain": 2.0},
            uniform(-2 * math.sqrt(6 / fan_sum), 2 * math.sqrt(6 / fan_sum)),
        ),
        "torch.xavier_normal_": ({"gain": 2.0}, normal(2 * math.sqrt(2 / fan_sum))),
        "torch.kaiming_uniform_": (
            {"nonlinearity": "tanh"},
            uniform(-5 / 3 * math.sqrt(3 / fan_in), 5 / 3 * math.sqrt(3 / fan_in)),
        ),
        "torch.kaiming_normal_": ({"a": 10.0}, normal(math.sqrt(2 / 101 / fan_in))),
        "torch.default_weight": ({}, uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))),
        # Keras 3
        "keras.RandomNormal": ({}, normal(0.05)),
        "keras.TruncatedNormal": ({}, truncated(0.05, 0.0, -0.1, 0.1)),
        "keras.RandomUniform": ({}, uniform(-0.05, 0.05)),
        "keras.VarianceScaling": ({"distribution": "untruncated_normal"}, normal(math.sqrt(1 / fan_in))),
        "keras.GlorotUniform": ({}, uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum))),
        "keras.GlorotNormal": ({}, truncated_at_two(math.sqrt(2 / fan_sum))),
        "keras.LecunNormal": ({}, truncated_at_two(math.sqrt(1 / fan_in))),
        "keras.LecunUniform": ({}, uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in))),
        "keras.HeNormal": ({}, truncated_at_two(math.sqrt(2 / fan_in))),
        "keras.HeUniform": ({}, uniform(-math.sqrt(6 / fan_in), math.sqrt(6 / fan_in))),
        # JAX
        "jax.uniform": ({}, uniform(0, 0.01)),
        "jax.normal": ({}, normal(0.01)),
        "jax.truncated_normal": ({}, truncated(0.01, 0.0, -0.02, 0.02)),
        "jax.variance_scaling": (
            {"scale": 2.0, "mode": "fan_avg", "distribution": "normal"},
            normal(math.sqrt(4 / fan_sum)),
        ),
        "jax.glorot_uniform": ({}, uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum))),
        "jax.glorot_normal": ({}, truncated_at_two(math.sqrt(2 / fan_sum))),
        "jax.lecun_uniform": ({}, uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in))),
        "jax.lecun_normal": ({}, truncated_at_two(math.sqrt(1 / fan_in))),
        "jax.he_uniform": ({}, uniform(-math.sqrt(6 / fan_in), math.sqrt(6 / fan_in))),
        "jax.he_normal": ({}, truncated_at_two(math.sqrt(2 / fan_in))),
        # TensorFlow 1
        "tf.variance_scaling_initializer": (
            {"factor": 2.0, "mode": "FAN_IN", "uniform": False},
            truncated(
                math.sqrt(2.6 / fan_in), 0.0, -2 * math.sqrt(2.6 / fan_in), 2 * math.sqrt(2.6 / fan_in)
            ),
        ),
        "tf.contrib.layers.variance_scaling_initializer": (
            {"factor": 1.0, "mode": "FAN_IN", "uniform": True},
            uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in)),
        ),
        "tf.contrib.layers.xavier_initializer": (
            {},
            uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum)),
        ),
        "tf.glorot_uniform_initializer": ({}, uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum))),
        "tf.glorot_normal_initializer": ({}, truncated_at_two(math.sqrt(2 / fan_sum))),
        "tf.initializers.he_normal": ({}, truncated_at_two(math.sqrt(2 / fan_in))),
        "tf.initializers.he_uniform": ({}, uniform(-math.sqrt(6 / fan_in), math.sqrt(6 / fan_in))),
        "tf.initializers.lecun_normal": ({}, truncated_at_two(math.sqrt(1 / fan_in))),
        "tf.initializers.lecun_uniform": ({}, uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in))),
        "tf.uniform_unit_scaling_initializer": (
            {"factor": 1.5},
            uniform(-1.5 * math.sqrt(3 / fan_in), 1.5 * math.sqrt(3 / fan_in)),
        ),
        "tf.random_normal_initializer": ({}, normal(1.0)),
        "tf.truncated_normal_initializer": ({}, truncated(1.0, 0.0, -2.0, 2.0)),
        "tf.random_uniform_initializer": ({}, uniform(0, 1)),
        # Caffe (its xavier is the uniform law of variance 1 / n)
        "caffe.uniform": ({}, uniform(0, 1)),
        "caffe.gaussian": ({"std": 0.1}, normal(0.1)),
        "caffe.xavier": ({}, uniform(-math.sqrt(3 / fan_in), math.sqrt(3 / fan_in))),
        "caffe.msra": ({"variance_norm": "FAN_OUT"}, normal(math.sqrt(2 / fan_out))),
        # MXNet
        "mxnet.Xavier": ({}, uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum))),
        "mxnet.MSRAPrelu": ({}, normal(math.sqrt(2 / (1 + 0.25**2) / (fan_sum / 2)))),
        "mxnet.Uniform": ({}, uniform(-0.07, 0.07)),
        "mxnet.Normal": ({}, normal(0.01)),
        # timm
        "timm.trunc_normal_": ({"std": 1.5}, truncated(1.5, 0.0, -2.0, 2.0)),
        "timm.trunc_normal_tf_": ({"std": 0.02}, truncated(0.02, 0.0, -0.04, 0.04)),
        "timm.variance_scaling_": (
            {"distribution": "truncated_normal"},
            truncated_at_two(math.sqrt(1 / fan_in)),
        ),
        "timm.lecun_normal_": ({}, truncated_at_two(math.sqrt(1 / fan_in))),
    }


@cache
def literature(fan_in: float, fan_out: float) -> dict[str, tuple[dict, Expected]]:
    """'row case' -> parameters and law, for the schemes of one kind of network each."""
    fan_sum = fan_in + fan_out
    return {
        "selu": ({}, normal(math.sqrt(1 / fan_in))),
        "fixup": ({"blocks": 16}, normal(math.sqrt(2 / fan_in) * 16 ** (-1 / 2))),
        "fixup m=3": ({"blocks": 16, "branch_layers": 3}, normal(math.sqrt(2 / fan_in) * 16 ** (-1 / 4))),
        "fixup fan_out": ({"blocks": 16, "mode": "fan_out"}, normal(math.sqrt(2 / fan_out) / 4)),
        "gpt2": ({}, normal(0.02)),
        "gpt2 branch": ({"role": "branch_end", "layers": 12}, normal(0.02 / math.sqrt(24))),
        "gpt2 embedding": ({"role": "embedding"}, normal(0.02)),
        "gpt2 position": ({"role": "position"}, normal(0.01)),
        "megatron": ({}, normal(0.02)),
        "megatron branch": ({"role": "branch_end", "layers": 24}, normal(0.02 / math.sqrt(48))),
        "megatron position": ({"role": "position"}, normal(0.02)),
        "megatron hybrid": (
            {"role": "branch_end", "layers": 24, "multiplier": 1.0},
            normal(0.02 / math.sqrt(24)),
        ),
        "bert": ({}, truncated(0.02, 0.0, -0.04, 0.04)),
        "t5": ({}, normal(fan_in**-0.5)),
        "t5 query": ({"role": "query", "head_size": 64}, normal((fan_in * 64) ** -0.5)),
        "t5 embedding": ({"role": "embedding"}, normal(1.0)),
        "t5 position": ({"role": "position", "width": 512}, normal(512**-0.5)),
        "olmo_mitchell": ({}, truncated(fan_in**-0.5, 0.0, -3 * fan_in**-0.5, 3 * fan_in**-0.5)),
        "olmo_mitchell branch": (
            {"role": "branch_end", "layer": 3},
            truncated((8 * fan_in) ** -0.5, 0.0, -3 * (8 * fan_in) ** -0.5, 3 * (8 * fan_in) ** -0.5),
        ),
        "olmo_mitchell embedding": ({"role": "embedding", "width": 64}, truncated(0.125, 0.0, -0.375, 0.375)),
        "small_init": ({}, normal(math.sqrt(2 / (5 * fan_in)))),
        "gpt_neox": ({}, normal(math.sqrt(2 / (5 * fan_in)))),
        "gpt_neox weight": ({"width": 100}, normal(math.sqrt(2 / 500))),
        "gpt_neox branch": (
            {"role": "branch_end", "layers": 44, "width": 6144},
            normal(2 / 44 / math.sqrt(6144)),
        ),
        "deepseek": ({}, normal(0.006)),
        "t_fixup": (
            {"layers": 6},
            uniform(-0.67 * 6**-0.25 * math.sqrt(6 / fan_sum), 0.67 * 6**-0.25 * math.sqrt(6 / fan_sum)),
        ),
        "t_fixup decoder": (
            {"layers": 6, "side": "decoder"},
            uniform(-(54**-0.25) * math.sqrt(6 / fan_sum), 54**-0.25 * math.sqrt(6 / fan_sum)),
        ),
        "t_fixup weight": (
            {"layers": 6, "role": "weight"},
            uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum)),
        ),
        "t_fixup embedding": (
            {"layers": 6, "role": "embedding", "width": 512},
            normal(54**-0.25 / math.sqrt(512)),
        ),
        "deepnorm": ({"decoders": 24}, normal((8 * 24) ** -0.25 * math.sqrt(2 / fan_sum))),
        "deepnorm weight": ({"decoders": 24, "role": "weight"}, normal(math.sqrt(2 / fan_sum))),
        "deepnorm encoder": (
            {"encoders": 18, "decoders": 6, "side": "encoder"},
            normal(0.87 * (18**4 * 6) ** (-1 / 16) * math.sqrt(2 / fan_sum)),
        ),
        "deepnorm decoder": (
            {"encoders": 18, "decoders": 6, "side": "decoder"},
            normal(72**-0.25 * math.sqrt(2 / fan_sum)),
        ),
        "vit": ({}, truncated(0.02, 0.0, -2.0, 2.0)),
        "vit position": ({"role": "position"}, truncated(0.02, 0.0, -2.0, 2.0)),
        "vit class": ({"role": "class_token"}, normal(1e-6)),
        "dit_zero weight": ({"role": "weight"}, uniform(-math.sqrt(6 / fan_sum), math.sqrt(6 / fan_sum))),
        "dit_zero embedding": ({"role": "embedding"}, normal(0.02)),
        "lora": ({}, uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))),
        "rslora": ({}, uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))),
        "lora_gaussian": ({"rank": 8}, normal(1 / 8)),
        "detection_head": ({}, normal(0.01)),
        "siren": ({}, uniform(-math.sqrt(6 / fan_in) / 30, math.sqrt(6 / fan_in) / 30)),
        "siren first": ({"position": "first"}, uniform(-1 / fan_in, 1 / fan_in)),
        "mup": ({}, normal(fan_in**-0.5)),
        "mup input": ({"role": "input"}, normal(fan_in**-0.5)),
        "mup output": ({"role": "output"}, normal(1 / fan_in)),
        "mup based": (
            {"role": "output", "base": 125, "scale": 2.0},
            normal(math.sqrt(2 / 125) * 125 / fan_in),
        ),
        "completep": ({}, normal(fan_in**-0.5)),
        "completep output": ({"role": "output", "base": 20}, normal(math.sqrt(20) / fan_in)),
        "completep branch": (
            {"role": "branch_end", "blocks": 48, "base_blocks": 2},
            normal(fan_in**-0.5 / 24),
        ),
        "spectral": ({"gain": 1.5}, normal(1.5 * min(1, math.sqrt(fan_out / fan_in)) / math.sqrt(fan_in))),
        "ntk": ({}, normal(1.0)),
        "mean_field": ({}, normal(1 / fan_in)),
    }


CONSTANT = {
    "skipinit": ({}, 0.0),
    "rezero": ({}, 0.0),
    "zero_gamma": ({}, 0.0),
    "dit_zero": ({}, 0.0),
    "dit_zero final": ({"role": "final"}, 0.0),
    "vit head": ({"role": "head"}, 0.0),
    "lora B": ({"part": "B"}, 0.0),
    "fixup end": ({"blocks": 9, "role": "branch_end"}, 0.0),
    "fixup head": ({"blocks": 9, "role": "head"}, 0.0),
    "layerscale 18": ({"blocks": 18}, 0.1),
    "layerscale 19": ({"blocks": 19}, 1e-5),
    "layerscale 24": ({"blocks": 24}, 1e-5),
    "layerscale 25": ({"blocks": 25}, 1e-6),
    "detection_head bias": ({"role": "bias"}, 0.0),
}
BY_PROPERTY = {
    "lsuv", "convolution_orthogonal", "scaled_uniform_orthogonal", "zero_hadamard", "idinit", "mimetic", "irnn",
    "chrono", "hippo_legs", "s4d_lin", "s4d_inv", "s4d_legs", "s4d_real", "mamba_dt", "pissa", "olora",
    "focal_prior",
}  # fmt: skip
"""Schemes that are no elementwise law: held against what they are for, in test_literature.py."""

LITERATURE = {name.split()[0] for name in (*literature(1, 1), *CONSTANT)} | BY_PROPERTY
"""Every scheme for one kind of network."""
