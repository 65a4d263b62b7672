"""timm.layers.weight_init: torch's fan rule, and truncation in both conventions."""

from __future__ import annotations

from isogain.core.initializers import Initializer, TruncatedNormal, VarianceScaling
from isogain.core.names.rows import dialect

row = dialect("timm", "timm", "timm.layers")


@row("trunc_normal_", "w ~ N(mean, std²) given a < w < b")
def trunc_normal_(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Initializer:
    """a and b are weights, as in torch; the std is not corrected.

    timm 1.0.31 inverts a float32 uniform that is 0 once in 2^24 draws, and gives exactly a: -2 at std .02,
    a weight at 100 sigma, divided like the others where a model rescales afterwards; in bfloat16 that is one
    weight in 500, in float16 one in 4,000.  This row draws none, in no type.
    """
    return TruncatedNormal(std, mean, a, b, bounds="absolute", corrected=False)


@row("trunc_normal_tf_", "w = mean + std·z, z ~ N(0, 1) given a < z < b")
def trunc_normal_tf_(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Initializer:
    """a and b are in units of std; the std is not corrected."""
    return TruncatedNormal(std, mean, a, b, corrected=False)


@row("variance_scaling_", "Var[w] = scale / fan(mode)")
def variance_scaling_(scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal") -> Initializer:
    """torch's fans; truncated_normal is cut at 2σ with the variance corrected."""
    return VarianceScaling(float(scale), mode, distribution, fan_rule="torch")


@row("lecun_normal_", "w truncated at 2σ, Var[w] = 1 / fan_in")
def lecun_normal_() -> Initializer:
    """Truncated, as in TensorFlow and JAX."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", fan_rule="torch")
