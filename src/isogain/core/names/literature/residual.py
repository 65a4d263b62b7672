"""Residual networks without, or beside, normalization: branches that start closed or small."""

from __future__ import annotations

from isogain.core.initializers import Constant, Initializer, VarianceScaling, Zeros
from isogain.core.names.rows import scheme
from isogain.core.values.distributions import require
from isogain.core.values.initializer import check_choice, check_count

RESIDUAL = "residual networks"
BLOCKS = ("number of residual blocks",)


@scheme(
    "fixup",
    formula="branch: Var[w] = 2 L^(-1/(m-1)) / fan; last of a branch and head: w = 0",
    source="Zhang, Dauphin & Ma 2019, arXiv 1901.09321, sec. 3",
    group=RESIDUAL,
    requires=(*BLOCKS, "layers in a branch"),
    example={"blocks": 16},
)
def fixup(blocks: int, branch_layers: int = 2, role: str = "branch", mode: str = "fan_in") -> Initializer:
    """He's law times L^(-1/(2m-2)) inside branches of m layers; roles branch, branch_end, head.

    Its scalar biases start at 0 and its scalar multipliers at 1; the authors' code takes mode='fan_out'.
    """
    check_count("fixup", blocks=blocks, branch_layers=branch_layers)
    check_choice("fixup", "role", role, ("branch", "branch_end", "head"))
    if role != "branch":
        return Zeros()
    require(branch_layers >= 2, "fixup: a branch of one layer has no inner layers: role='branch_end' is 0")
    return VarianceScaling(2.0 * blocks ** (-1 / (branch_layers - 1)), mode, "normal")


@scheme(
    "skipinit",
    formula="x + α·F(x), α = 0",
    source="De & Smith 2020, arXiv 2002.10444, sec. 4",
    group=RESIDUAL,
)
def skipinit(value: float = 0.0) -> Initializer:
    """The scalar at the end of each branch, without normalization; 1/√L serves too."""
    return Constant(value)


@scheme(
    "rezero", formula="x + α·F(x), α = 0", source="Bachlechner et al. 2020, arXiv 2003.04887", group=RESIDUAL
)
def rezero() -> Initializer:
    """The scalar at the end of each branch, also of transformers, in place of normalization."""
    return Constant(0.0)


@scheme(
    "layerscale",
    formula="x + diag(λ)·F(x), λ = .1 up to 18 blocks, 1e-5 up to 24, 1e-6 beyond",
    source="Touvron et al. 2021, arXiv 2103.17239, sec. 2",
    group=RESIDUAL,
    requires=BLOCKS,
    example={"blocks": 24},
)
def layerscale(blocks: int) -> Initializer:
    """One small factor for each channel of a branch (CaiT)."""
    check_count("layerscale", blocks=blocks)
    return Constant(0.1 if blocks <= 18 else 1e-5 if blocks <= 24 else 1e-6)


@scheme(
    "zero_gamma",
    formula="γ = 0 in the last normalization of each branch",
    source="Goyal et al. 2017, arXiv 1706.02677, sec. 5.1",
    group=RESIDUAL,
)
def zero_gamma() -> Initializer:
    """Every block starts as the identity; the other normalizations keep γ = 1."""
    return Zeros()
