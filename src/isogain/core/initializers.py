"""Every initializer class, under one name."""

from isogain.core.elementwise import (
    Constant,
    Normal,
    Ones,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.initializer import Initializer
from isogain.core.orthogonals import DeltaOrthogonal, MirroredOrthogonal, Orthogonal
from isogain.core.patterns import (
    Bilinear,
    Dirac,
    GateBias,
    Identity,
    MaskedNormal,
    PositiveUnitball,
    Sparse,
)

__all__ = [
    "Bilinear",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "GateBias",
    "Identity",
    "Initializer",
    "MaskedNormal",
    "MirroredOrthogonal",
    "Normal",
    "Ones",
    "Orthogonal",
    "PositiveUnitball",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "Zeros",
]
