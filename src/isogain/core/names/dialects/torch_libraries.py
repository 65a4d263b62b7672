"""Libraries on PyTorch with laws of their own: graphs, detection, agents, operators, transformers."""

from __future__ import annotations

import math

from isogain.core.initializers import (
    Constant,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
)
from isogain.core.names.dialects.forms import bounded, one_over_root, reading, scaled
from isogain.core.names.dialects.pytorch import calculate_gain
from isogain.core.names.rows import table
from isogain.core.values.distributions import require
from isogain.core.values.initializer import check_choice, check_count

pyg = table("pyg", "PyTorch Geometric", "torch_geometric.nn", "torch-geometric 2.8.1")
mmengine = table("mmengine", "MMEngine", "mmengine.model", "mmengine 0.10.7")
fastai = table("fastai", "fastai", "fastai.layers", "fastai 2.8.12")
agents = table("sb3", "Stable-Baselines3", "stable_baselines3.common.policies", "stable-baselines3 2.9.2")
torchrl = table("torchrl", "TorchRL", "torchrl.modules", "torchrl 0.14.1")
ultralytics = table("ultralytics", "Ultralytics", "ultralytics.nn.modules.head", "ultralytics 8.4.190")
titan = table("torchtitan", "torchtitan", "torchtitan.models.llama3", "torchtitan 0.3.0")
neuralop = table("neuralop", "neuraloperator", "neuralop.layers", "neuraloperator 2.0.0")

LAST = "By the last two axes alone: others are a stack."
pyg(
    "inits.glorot",
    "w ~ U(±√(6 / (s[-2] + s[-1])))",
    LAST,
    lambda: scaled(1, "fan_avg", "uniform", "last_two"),
)
pyg(
    "inits.kaiming_uniform",
    "w ~ U(±√(6 / ((1 + a²) fan)))",
    "The fan is an argument, not read off the shape.",
    lambda fan, a=0.0: bounded(math.sqrt(6 / ((1 + a**2) * fan))),
    example={"fan": 64},
)
pyg(
    "inits.uniform",
    "w ~ U(±1/√size)",
    "The size is an argument.",
    lambda size: one_over_root(size),
    example={"size": 64},
)
pyg("inits.zeros", "w = 0", "All zeros.", lambda: Zeros())
pyg("inits.ones", "w = 1", "All ones.", lambda: Ones())
pyg(
    "Linear.weight",
    "w ~ U(±1/√in)",
    "As torch.",
    lambda: reading("torch"),
    "SAGEConv.lin_l.weight",
    "TransformerConv.lin_query.weight",
    layout="out in",
)
pyg(
    "Linear.bias",
    "b ~ U(±1/√in)",
    "As torch.",
    lambda in_channels: one_over_root(in_channels),
    layout="out",
    example={"in_channels": 64},
)
pyg(
    "GCNConv.lin.weight",
    "w ~ U(±√(6 / (in + out)))",
    "Glorot, unlike SAGEConv.",
    lambda: scaled(1, "fan_avg", "uniform", "last_two"),
    "GATConv.lin.weight",
    "GATv2Conv.lin_l.weight",
    layout="out in",
)
pyg("GCNConv.bias", "b = 0", "Zeros.", lambda: Zeros(), "GATConv.bias", layout="out")
pyg(
    "GATConv.att_src",
    "w ~ U(±√(6 / (heads + size)))",
    "(1, heads, size): the number of heads counts as a fan.",
    lambda: scaled(1, "fan_avg", "uniform", "last_two"),
    "GATConv.att_dst",
    layout="stack out in",
)


def _plain(distribution: str) -> str:
    check_choice("mmengine", "distribution", distribution, ("normal", "uniform"))
    return distribution


def mm_kaiming(
    a: float = 0.0, mode: str = "fan_out", nonlinearity: str = "relu", distribution: str = "normal"
) -> Initializer:
    return scaled(calculate_gain(nonlinearity, a) ** 2, mode, _plain(distribution), "torch")


mmengine(
    "ConstantInit",
    "w = val",
    "Bias 0 unless bias= or bias_prob= is given.",
    lambda val: Constant(val),
    "Constant",
    example={"val": 0.1},
)
mmengine(
    "XavierInit",
    "Var[w] = gain²·2 / (fan_in + fan_out)",
    "Normal by default, though Xavier's law is uniform.",
    lambda gain=1.0, distribution="normal": scaled(gain**2, "fan_avg", _plain(distribution), "torch"),
    "Xavier",
)
mmengine(
    "NormalInit",
    "w ~ N(mean, std²)",
    "The standard normal by default.",
    lambda mean=0.0, std=1.0: Normal(std, mean),
    "Normal",
)
mmengine(
    "TruncNormalInit",
    "w ~ N(mean, std²) given a < w < b",
    "a and b are weights, not multiples of std.",
    lambda mean=0.0, std=1.0, a=-2.0, b=2.0: TruncatedNormal(std, mean, a, b, "absolute", False),
    "TruncNormal",
)
mmengine("UniformInit", "w ~ U[a, b)", "0 to 1 by default.", lambda a=0.0, b=1.0: Uniform(a, b), "Uniform")
mmengine(
    "KaimingInit",
    "Var[w] = gain² / fan",
    "fan_out, normal and ReLU's gain by default.",
    mm_kaiming,
    "Kaiming",
)
mmengine(
    "Caffe2XavierInit",
    "w ~ U(±√(3 / fan_in))",
    "Kaiming with a = 1: LeCun's variance, not Xavier's.",
    lambda: scaled(1, "fan_in", "uniform", "torch"),
    "Caffe2Xavier",
)
mmengine(
    "bias_init_with_prob",
    "b = -ln((1 - p)/p)",
    "A detector that says 'object' with probability p at the start.",
    lambda prior_prob=0.01: Constant(-math.log((1 - prior_prob) / prior_prob)),
)

fastai("BatchNorm.bias", "b = .001", "Not 0.", lambda: Constant(1e-3), layout="out")
fastai("BatchNorm.weight", "w = 1", "Ones; NormType.BatchZero 0.", lambda: Ones(), layout="out")
fastai(
    "ConvLayer.0.weight",
    "w ~ U(±√(6 / fan_in))",
    "Uniform, for ReLU.",
    lambda: scaled(2, "fan_in", "uniform", "torch"),
    layout="out in *",
)
fastai("ConvLayer.0.bias", "b ~ N(0, .01²)", "Where there is one.", lambda: Normal(0.01), layout="out")

ROLES = {"hidden": math.sqrt(2), "action": 0.01, "value": 1.0}


def policy(role: str = "hidden") -> Initializer:
    check_choice("sb3", "role", role, tuple(ROLES))
    return Orthogonal(ROLES[role], "first")


agents(
    "ActorCriticPolicy.weight",
    "W = gain · orthogonal: hidden √2, action .01, value 1",
    "PPO's and A2C's start, its convolutions' too; biases 0.  SAC, TD3 and DQN keep torch's own.",
    policy,
    "PPO.weight",
    layout="out in",
)
agents("ActorCriticPolicy.bias", "b = 0", "Zeros.", lambda: Zeros(), "PPO.bias", layout="out")
torchrl("NoisyLinear.weight_mu", "w ~ U(±1/√in)", "The mean.", lambda: reading("torch"), layout="out in")
torchrl(
    "NoisyLinear.weight_sigma",
    "w = std_init/√in",
    "Drawn noise is off in train() unless exploration is on.",
    lambda in_features, std_init=0.5: Constant(std_init / math.sqrt(in_features)),
    layout="out in",
    example={"in_features": 64},
)
torchrl(
    "NoisyLinear.bias_sigma",
    "b = std_init/√out",
    "By the outputs, unlike the weight's.",
    lambda out_features, std_init=0.5: Constant(std_init / math.sqrt(out_features)),
    layout="out",
    example={"out_features": 64},
)
torchrl(
    "NoisyLinear.bias_mu",
    "b ~ U(±1/√in)",
    "The mean.",
    lambda in_features: one_over_root(in_features),
    layout="out",
    example={"in_features": 64},
)


def stride_prior(classes: int, stride: float, image: float = 640.0) -> Initializer:
    return Constant(math.log(5 / classes / (image / stride) ** 2))


ultralytics(
    "Detect.cv3.bias",
    "b = ln(5 / classes / (640/stride)²)",
    "Five objects an image are expected at the start.",
    stride_prior,
    example={"classes": 80, "stride": 8},
    layout="out",
)
ultralytics(
    "Detect.cv2.bias",
    "b = 2",
    "Box distances, for every model of the library.",
    lambda: Constant(2.0),
    layout="out",
)


def llama3(role: str = "weight", layer: int = 0, width: int | None = None) -> Initializer:
    check_choice("torchtitan", "role", role, ("weight", "branch_end", "embedding", "output"))
    check_count("torchtitan", layer=layer + 1)
    if role == "embedding":
        return Normal(1.0)
    if role == "output":
        require(width is not None, "torchtitan: role='output' needs width=, the size of the model")
        check_count("torchtitan", width=width)
        return TruncatedNormal(1 / math.sqrt(width or 1), 0.0, -3.0, 3.0, corrected=False)
    std = 0.02 if role == "weight" else 0.02 / math.sqrt(2 * (layer + 1))
    return TruncatedNormal(std, 0.0, -2.0, 2.0, "absolute", False)


titan(
    "Llama3",
    "wq, wk, wv, w1: .02; wo, w2, w3: .02/√(2(l + 1)); tokens 1; output 1/√d cut at 3σ",
    "Roles weight, branch_end (l counts from 0), embedding, output; ±2 is absolute, so .02 is never cut.",
    llama3,
)
neuralop(
    "SpectralConv.weight",
    "E|w|² = 2 / (in + out), complex",
    "Real and imaginary part share the variance.",
    lambda: scaled(1, "fan_avg", "normal", "two_axes"),
    layout="in out *",
)
neuralop(
    "SpectralConv.bias",
    "b ~ N(0, 2 / (in + out))",
    "Not 0.",
    lambda in_channels, out_channels: Normal(math.sqrt(2 / (in_channels + out_channels))),
    layout="out",
    example={"in_channels": 32, "out_channels": 64},
)
