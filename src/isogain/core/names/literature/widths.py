"""Parametrizations: starts and learning rates under which a network behaves alike at every width."""

from __future__ import annotations

import math

from isogain.checking import shown
from isogain.core.initializers import (
    Initializer,
    Normal,
    PowerScaling,
    SpectralScaling,
    VarianceScaling,
)
from isogain.core.names.rows import scheme
from isogain.core.values.distributions import require
from isogain.core.values.initializer import check_choice, check_count

WIDTH = "widths and parametrization"


def _mup(name: str, role: str, scale: float, base: float) -> Initializer:
    check_choice(name, "role", role, ("hidden", "input", "output"))
    require(
        base > 0, f"{name}: base is the fan_in at which the output is standard, above 0, got {shown(base)}"
    )
    if role == "output":
        return PowerScaling(math.sqrt(scale * base), -1.0)
    return VarianceScaling(scale, "fan_in", "normal")


@scheme(
    "mup",
    formula="input, hidden: Var[w] = 1/fan_in; output: base/fan_in²; Adam's rate: hidden, output ∝ 1/fan_in",
    source="Yang et al. 2022, arXiv 2203.03466, table 3",
    group=WIDTH,
    aliases=("maximal_update",),
    requires=("base width (for the output)",),
)
def mup(role: str = "hidden", scale: float = 1.0, base: float = 1.0) -> Initializer:
    """Maximal update: features learn at every width, and the best learning rate stays where it is.

    `base` is the fan_in at which the output layer has variance scale/fan_in, as in the usual
    parametrization.  Attention divides by d_k in place of √d_k where heads grow with the width.
    """
    return _mup("mup", role, scale, base)


@scheme(
    "completep",
    formula="as mup; branch ends: std and Adam's rate × base_L/L (or a factor 1/L on the branch)",
    source="Dey et al. 2025, arXiv 2505.01618, table 1",
    group=WIDTH,
    requires=("number of residual blocks", "base width (for the output)"),
    example={"role": "branch_end", "blocks": 48},
)
def completep(
    role: str = "hidden", blocks: int = 1, scale: float = 1.0, base: float = 1.0, base_blocks: int = 1
) -> Initializer:
    """muP in depth too (α = 1): the factor 1/L of each branch, here in the weights at its end."""
    check_count("completep", blocks=blocks, base_blocks=base_blocks)
    if role != "branch_end":
        return _mup("completep", role, scale, base)
    return VarianceScaling(scale * (base_blocks / blocks) ** 2, "fan_in", "normal")


@scheme(
    "spectral",
    formula="w ~ N(0, σ²), σ = min(1, √(fan_out / fan_in)) / √fan_in; ‖W‖ ∝ √(fan_out / fan_in)",
    source="Yang, Simon & Bernstein 2023, arXiv 2310.17813, sec. 3",
    group=WIDTH,
    aliases=("spectral_condition",),
)
def spectral(gain: float = 1.0) -> Initializer:
    """muP in one rule for every layer; SGD's rate ∝ fan_out/fan_in, Adam's ∝ 1/fan_in."""
    return SpectralScaling(gain)


@scheme(
    "ntk",
    formula="w ~ N(0, 1), applied as W x · gain / √fan_in",
    source="Jacot, Gabriel & Hongler 2018, arXiv 1806.07572, sec. 2",
    group=WIDTH,
    aliases=("neural_tangent_kernel",),
)
def ntk() -> Initializer:
    """The layer multiplies by 1/√fan_in itself; one learning rate, but wide features stand still."""
    return Normal(1.0)


@scheme(
    "mean_field",
    formula="output: w ~ N(0, 1 / fan_in²); others: lecun_normal",
    source="Mei, Montanari & Nguyen 2018, arXiv 1804.06561; Chizat & Bach 2018, arXiv 1805.09545",
    group=WIDTH,
)
def mean_field() -> Initializer:
    """The output layer of a wide two-layer network that learns features: an average over its units."""
    return PowerScaling(1.0, -1.0)
