"""isogain's own names: the schemes of the literature, exact, with the fans of the layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from isogain.core.activations import activation
from isogain.core.initializers import (
    Bilinear,
    Constant,
    DeltaOrthogonal,
    Dirac,
    GateBias,
    Identity,
    Initializer,
    MaskedNormal,
    MirroredOrthogonal,
    Normal,
    Ones,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.rows import line, scheme

Maker = Callable[[str], Callable[..., Initializer]]
CONSTANT = "biases and constants"
FIXED = "fixed scales"
SCALED = "general"
ISOMETRY = "deep plain networks"
PATTERN = "kernels and sparse patterns"
RECURRENT = "recurrent networks"

DEEP_LEARNING = "Goodfellow, Bengio & Courville 2016, sec. 8.4"
TRUNCATED = "Johnson, Kotz & Balakrishnan 1994, sec. 13.10.1"
NOTES = "Katanforoosh & Kunin 2019, Initializing neural networks"
CENTRED = "LeCun et al. 1998, sec. 4.3 (why not)"
GLOROT = "Glorot & Bengio 2010, eq. 16"
LECUN = "LeCun, Bottou, Orr & Müller 1998, eq. 16"
HE = "He, Zhang, Ren & Sun 2015, eq. 10"


@scheme("zeros", formula="w = 0", source=DEEP_LEARNING, group=CONSTANT, aliases=("zero",))
def zeros() -> Initializer:
    """For biases.  As weights it cannot break symmetry: every unit of a layer learns the same."""
    return Zeros()


@scheme("ones", formula="w = 1", source=DEEP_LEARNING, group=CONSTANT, aliases=("one",))
def ones() -> Initializer:
    """For the scales of a normalization; as weights it is as symmetric as zeros, and explodes."""
    return Ones()


@scheme("constant", formula="w = value", source=DEEP_LEARNING, group=CONSTANT)
def constant(value: float = 0.0) -> Initializer:
    """One value for every weight."""
    return Constant(value)


@scheme(
    "normal",
    formula="w ~ N(mean, std²)",
    source=DEEP_LEARNING,
    group=FIXED,
    aliases=("gaussian", "zero_mean_normal"),
)
def normal(std: float = 1.0, mean: float = 0.0) -> Initializer:
    """Zero-mean random by default, at a scale that knows nothing of the layer's width."""
    return Normal(std, mean)


@scheme(
    "uniform", formula="w ~ U[low, high)", source=DEEP_LEARNING, group=FIXED, aliases=("zero_mean_uniform",)
)
def uniform(low: float = -1.0, high: float = 1.0) -> Initializer:
    """Zero-mean random by default, between fixed ends."""
    return Uniform(low, high)


@scheme(
    "truncated_normal",
    formula="w ~ N(mean, σ²) given low·σ < w - mean < high·σ, with Std[w] = std",
    source=TRUNCATED,
    group=FIXED,
    aliases=("zero_mean_truncated_normal",),
)
def truncated_normal(
    std: float = 1.0, mean: float = 0.0, low: float = -2.0, high: float = 2.0
) -> Initializer:
    """The std asked for is the one delivered, after truncation."""
    return TruncatedNormal(std, mean, low, high)


def _fixed(name: str, text: str, std: float, sources: tuple[str, str, str], says: tuple[str, str, str],
           *aliases: str) -> None:  # fmt: skip
    """Three rows of one standard deviation: normal, uniform, truncated."""
    line(
        f"{name}_normal", f"w ~ N(0, {text}²)", sources[0], FIXED, says[0],
        lambda std=std: Normal(std), *aliases,
    )  # fmt: skip
    line(
        f"{name}_uniform", f"w ~ U(±√3·{text})", sources[1], FIXED, says[1],
        lambda std=std: Uniform(-(3**0.5) * std, 3**0.5 * std),
    )  # fmt: skip
    line(
        f"{name}_truncated_normal", f"w ~ N(0, σ²) given |w| < 2σ, Std[w] = {text}", sources[2], FIXED,
        says[2], lambda std=std: TruncatedNormal(std),
    )  # fmt: skip


_fixed(
    "small", "0.01", 0.01, ("Krizhevsky et al. 2012, sec. 5", DEEP_LEARNING, TRUNCATED),
    (
        "Zero mean, small range: signals and gradients shrink by about std·√fan_in in every layer.",
        "Zero mean, small range, uniform, of the same standard deviation as small_normal.",
        "Zero mean, small range, truncated, of the same standard deviation as small_normal.",
    ),
    "small_random",
)  # fmt: skip
_fixed(
    "large", "10", 10.0, (NOTES, NOTES, NOTES),
    (
        "Zero mean, large range: breaks symmetry, but saturates, explodes, and starts at a huge loss.",
        "Zero mean, large range, uniform, of the same standard deviation as large_normal.",
        "Zero mean, large range, truncated, of the same standard deviation as large_normal.",
    ),
    "large_random",
)  # fmt: skip
line(
    "nonzero_mean_normal", "w ~ N(0.5, 0.1²)", CENTRED, FIXED,
    "A common shift of all weights: the layer's outputs become one shared direction, growing with fan_in.",
    lambda mean=0.5, std=0.1: Normal(std, mean), "nonzero_mean",
)  # fmt: skip
line(
    "nonzero_mean_uniform", "w ~ U[0, 1)", CENTRED, FIXED,
    "All weights positive, as `numpy.random.rand` gives them.",
    lambda low=0.0, high=1.0: Uniform(low, high),
)  # fmt: skip
line(
    "nonzero_mean_truncated_normal", "w ~ N(0.5, σ²) given |w - 0.5| < 2σ, Std[w] = 0.1", CENTRED, FIXED,
    "The truncated law of nonzero_mean_normal.",
    lambda mean=0.5, std=0.1: TruncatedNormal(std, mean),
)  # fmt: skip


@scheme(
    "variance_scaling",
    formula="Var[w] = scale / fan(mode)",
    source="He et al. 2015; Glorot & Bengio 2010",
    group=SCALED,
)
def variance_scaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal") -> Initializer:
    """The general law: modes fan_in, fan_out, fan_avg, fan_geo_avg; normal, truncated_normal, uniform."""
    return VarianceScaling(float(scale), mode, distribution)


DISTRIBUTIONS = {
    "normal": "w ~ N(0, {variance})",
    "uniform": "w ~ U(±√({three}))",
    "truncated_normal": "w ~ N(0, σ²) given |w| < 2σ, Var[w] = {variance}",
}
"""How each distribution of one variance is written; `three` is three times the variance."""


def _scaled(name: str, source: str, make: Maker, variance: str, three: str,
            rows: Mapping[str, tuple[str, ...]]) -> None:  # fmt: skip
    """Three rows of one variance; `rows` says what each is for, and its other names."""
    for distribution, (says, *aliases) in rows.items():
        formula = DISTRIBUTIONS[distribution].format(variance=variance, three=three)
        line(f"{name}_{distribution}", formula, source, SCALED, says, make(distribution), *aliases)


_scaled(
    "glorot", GLOROT,
    lambda distribution: lambda gain=1.0: VarianceScaling(float(gain) ** 2, "fan_avg", distribution),
    "2 / (fan_in + fan_out)", "6 / (fan_in + fan_out)",
    {
        "normal": (
            "Xavier's compromise between forward and backward, for activations that are linear around 0.",
            "xavier_normal",
        ),
        "uniform": ("Xavier's law as its authors wrote it.", "xavier_uniform", "xavier", "glorot"),
        "truncated_normal": (
            "Xavier's variance without outliers; what Keras and JAX call glorot_normal.",
            "xavier_truncated_normal",
        ),
    },
)  # fmt: skip
_scaled(
    "lecun", LECUN, lambda distribution: lambda: VarianceScaling(1.0, "fan_in", distribution),
    "1 / fan_in", "3 / fan_in",
    {
        "normal": (
            "Keeps the forward variance of a linear layer; SELU's start.  Some books call it Xavier.",
            "lecun",
        ),
        "uniform": ("The uniform law of the same variance, 1 / fan_in.",),
        "truncated_normal": (
            "Variance 1 / fan_in without outliers; what Keras and JAX call lecun_normal.",
        ),
    },
)  # fmt: skip
_scaled(
    "he", HE, lambda distribution: lambda: VarianceScaling(2.0, "fan_in", distribution),
    "2 / fan_in", "6 / fan_in",
    {
        "normal": ("The factor 2 makes up for the half of a ReLU that is 0.", "he", "kaiming", "msra"),
        "uniform": ("The uniform law of the same variance, 2 / fan_in.",),
        "truncated_normal": ("Variance 2 / fan_in without outliers; what Keras and JAX call he_normal.",),
    },
)  # fmt: skip


def _squared_gain(nonlinearity: str, a: float) -> float:
    slopes = {"negative_slope": a} if nonlinearity == "leaky_relu" else {}
    return activation(nonlinearity, **slopes).gain() ** 2


@scheme(
    "kaiming_normal", formula="w ~ N(0, gain² / fan)", source=HE, group=SCALED, aliases=("activation_normal",)
)
def kaiming_normal(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """He's law for any activation, gain = 1/√E[φ(z)²] exactly (torch's own gains: torch.kaiming_normal_)."""
    return VarianceScaling(_squared_gain(nonlinearity, a), mode, "normal")


@scheme(
    "kaiming_uniform",
    formula="w ~ U(±gain·√(3 / fan))",
    source=HE,
    group=SCALED,
    aliases=("activation_uniform",),
)
def kaiming_uniform(a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """He's law, uniform, for any activation; a = √5 gives PyTorch's default layers, U(±1/√fan_in)."""
    return VarianceScaling(_squared_gain(nonlinearity, a), mode, "uniform")


@scheme(
    "inverse_sum_normal",
    formula="w ~ N(0, 1 / (fan_in + fan_out))",
    source="a common tutorial variant",
    group=SCALED,
)
def inverse_sum_normal() -> Initializer:
    """Half of Xavier's variance: std 1/√(in + out), as some tutorials write 'normal'."""
    return VarianceScaling(0.5, "fan_avg", "normal")


@scheme(
    "orthogonal",
    formula="W Wᵀ = gain² I or Wᵀ W = gain² I, Haar",
    source="Saxe et al. 2014, sec. 3",
    group=ISOMETRY,
)
def orthogonal(gain: float = 1.0) -> Initializer:
    """Every singular value equals the gain, so deep linear chains keep every direction."""
    return Orthogonal(gain)


@scheme(
    "delta_orthogonal",
    formula="w[centre] = gain · orthogonal, 0 elsewhere",
    source="Xiao et al. 2018, sec. 3.2",
    group=ISOMETRY,
)
def delta_orthogonal(gain: float = 1.0) -> Initializer:
    """An orthogonal matrix at a kernel's centre: a convolution that is an isometry."""
    return DeltaOrthogonal(gain)


@scheme(
    "mirrored_orthogonal",
    formula="W = gain·[[Q, -Q], [-Q, Q]] / ψ'(0), ψ(z) = φ(z) - φ(-z)",
    source="Balduzzi et al. 2017, sec. 4",
    group=ISOMETRY,
    aliases=("looks_linear",),
)
def mirrored_orthogonal(activation: str = "relu", position: str = "hidden", gain: float = 1.0) -> Initializer:
    """The network starts as an exactly orthogonal linear map at any depth; position first, hidden or last."""
    return MirroredOrthogonal(activation, position, gain)


@scheme(
    "identity", formula="W = gain · I", source="Le, Jaitly & Hinton 2015", group=PATTERN, aliases=("eye",)
)
def identity(gain: float = 1.0) -> Initializer:
    """Passes its inputs on; for recurrent weights of ReLU networks."""
    return Identity(gain)


@scheme(
    "dirac", formula="w[centre] = gain · I, 0 elsewhere", source="Zagoruyko & Komodakis 2017", group=PATTERN
)
def dirac(gain: float = 1.0) -> Initializer:
    """A convolution that passes its channels on."""
    return Dirac(gain)


@scheme(
    "sparse",
    formula="⌈sparsity·out⌉ of each input's weights 0, others N(0, std²)",
    source="Martens 2010, sec. 5",
    group=PATTERN,
)
def sparse(sparsity: float = 0.9, std: float = 0.01) -> Initializer:
    """Few strong connections for each unit instead of many weak ones."""
    return Sparse(sparsity, std)


@scheme(
    "masked_normal",
    formula="w ~ N(mean, std²) with probability keep, else 0",
    source="Caffe's gaussian filler",
    group=PATTERN,
)
def masked_normal(std: float = 1.0, mean: float = 0.0, keep: float = 0.1) -> Initializer:
    """Each weight is kept or not on its own."""
    return MaskedNormal(std, mean, keep)


@scheme(
    "bilinear",
    formula="w = Π (1 - |x/f - c|), f = ⌈k/2⌉",
    source="Long, Shelhamer & Darrell 2015",
    group=PATTERN,
)
def bilinear() -> Initializer:
    """The kernel of a transposed convolution that interpolates."""
    return Bilinear()


@scheme(
    "gate_bias",
    formula="b = (0, 1, 0, 0) by gate",
    source="Jozefowicz et al. 2015, sec. 5",
    group=RECURRENT,
    aliases=("unit_forget_gate",),
)
def gate_bias(values: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)) -> Initializer:
    """One constant for each gate of a recurrent cell; the forget gate starts open."""
    return GateBias(values)
