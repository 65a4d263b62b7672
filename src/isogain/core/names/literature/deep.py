"""Deep plain networks, self-normalizing ones, implicit representations, and a detector's first loss."""

from __future__ import annotations

import math

from isogain.checking import shown
from isogain.core.initializers import (
    Constant,
    ConvolutionOrthogonal,
    Initializer,
    Normal,
    PaddedIdentity,
    PowerScaling,
    ScaledOrthogonal,
    VarianceScaling,
    ZerO,
    Zeros,
)
from isogain.core.names.rows import scheme, use_function
from isogain.core.values.distributions import require
from isogain.core.values.initializer import check_choice

DEEP = "deep plain networks"


@scheme(
    "selu",
    formula="w ~ N(0, 1 / fan_in)",
    source="Klambauer et al. 2017, arXiv 1706.02515, sec. 2",
    group="general",
    aliases=("snn", "self_normalizing"),
)
def selu() -> Initializer:
    """LeCun's law, at which SELU has its fixed point of mean 0 and variance 1; with AlphaDropout."""
    return VarianceScaling(1.0, "fan_in", "normal")


@scheme(
    "lsuv",
    formula="W = Q / Std[W x], one layer after the other, until |Var - 1| < tolerance",
    source="Mishkin & Matas 2016, arXiv 1511.06422, algorithm 1",
    group=DEEP,
    requires=("the model", "a batch of data"),
    function="isogain.torch.lsuv_(model, inputs, seed=0)",
)
def lsuv() -> Initializer:
    """Orthogonal weights, each layer's divided by the standard deviation it gives on a batch of real data."""
    use_function("lsuv", "isogain.torch.lsuv_(model, inputs, seed=0)", "a batch of data")


@scheme(
    "convolution_orthogonal",
    formula="K(z) = gain · Π (P + (1 - P) z_axis) · Q, P random projections, Q orthogonal",
    source="Xiao et al. 2018, arXiv 1806.05393, algorithms 1-2",
    group=DEEP,
    aliases=("convolutional_orthogonal", "orthogonal_1d", "orthogonal_2d", "orthogonal_3d"),
)
def convolution_orthogonal(gain: float = 1.0) -> Initializer:
    """A convolution (1-D to 3-D) that keeps every norm with all its taps in use; circular padding."""
    return ConvolutionOrthogonal(gain)


@scheme(
    "scaled_uniform_orthogonal",
    formula="W = gain · max(√(out / in), 1) · Q, Q orthogonal, at a kernel's centre",
    source="Martens et al. 2021, arXiv 2110.01765, sec. 6.1",
    group=DEEP,
    aliases=("suo", "scaled_orthogonal"),
)
def scaled_uniform_orthogonal(gain: float = 1.0) -> Initializer:
    """The start of DKS and TAT: keeps the mean square of the units also where a layer widens."""
    return ScaledOrthogonal(gain)


@scheme(
    "zero_hadamard",
    formula="W = I, or where m > n: I·H_p·I / 2^(c/2), p = 2^c, c = ⌈log₂ m⌉",
    source="Zhao, Schäfer & Anandkumar 2022, arXiv 2110.12661, algorithm 1",
    group="residual networks",
    aliases=("zero_initialization",),
    uncertain="the paper's algorithm divides by 2^((c-1)/2) (scale='paper'), its authors' code by 2^(c/2)",
)
def zero_hadamard(scale: str = "isometric") -> Initializer:
    """ZerO: nothing random, zeros and ones with Hadamard blocks where layers widen."""
    return ZerO(scale)


@scheme(
    "idinit",
    formula="w_ij = τ where i ≡ j (mod min(out, in)), 0 elsewhere; τ = 1, or 1e-6 to close a branch",
    source="Pan et al. 2025, arXiv 2503.04626, sec. 3",
    group="residual networks",
    uncertain="the paper also loosens the identity by small noise: its size is `noise`, 0 unless given; "
    "the order in which a kernel is flattened is torch's",
)
def idinit(role: str = "main", noise: float = 0.0) -> Initializer:
    """A padded identity: role 'main' keeps the signal (IDI), 'branch_end' all but closes a branch (IDIZ)."""
    check_choice("idinit", "role", role, ("main", "branch_end"))
    return PaddedIdentity(1.0 if role == "main" else 1e-6, noise)


@scheme(
    "siren",
    formula="first: w ~ U(±1 / fan_in); others: w ~ U(±√(6 / fan_in) / ω₀)",
    source="Sitzmann et al. 2020, arXiv 2006.09661, sec. 3.2",
    group="implicit representations",
)
def siren(position: str = "hidden", omega: float = 30.0) -> Initializer:
    """For sin(ω₀ (W x + b)): position 'first' spreads the input over many periods, 'hidden' keeps them."""
    check_choice("siren", "position", position, ("first", "hidden"))
    require(omega > 0, f"siren: omega must be above 0, got {shown(omega)}")
    if position == "first":
        return PowerScaling(1 / math.sqrt(3), -1.0, distribution="uniform")
    return VarianceScaling(2.0 / omega**2, "fan_in", "uniform")


@scheme(
    "focal_prior",
    formula="b = -ln((1 - π) / π)",
    source="Lin et al. 2017, arXiv 1708.02002, sec. 4.1",
    group="detection",
    aliases=("focal_prior_bias", "retinanet_bias"),
)
def focal_prior(prior: float = 0.01) -> Initializer:
    """The last bias of a detector: each anchor starts at probability π, lest the background drown it."""
    require(
        0 < prior < 1, f"focal_prior: prior is a probability strictly between 0 and 1, got {shown(prior)}"
    )
    return Constant(-math.log((1 - prior) / prior))


@scheme(
    "detection_head",
    formula="w ~ N(0, 0.01²); b = 0",
    source="Lin et al. 2017, arXiv 1708.02002, sec. 4.1",
    group="detection",
)
def detection_head(role: str = "weight") -> Initializer:
    """The new layers of RetinaNet's heads; the last classification bias is focal_prior."""
    check_choice("detection_head", "role", role, ("weight", "bias"))
    return Normal(0.01) if role == "weight" else Zeros()
