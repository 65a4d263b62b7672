"""Every initializer class, under one name."""

from isogain.core.attention_pairs import Mimetic
from isogain.core.convolutions import ConvolutionOrthogonal, ScaledOrthogonal
from isogain.core.elementwise import (
    Constant,
    Normal,
    Ones,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.gates import ChronoBias, StepBias
from isogain.core.identities import PaddedIdentity, ZerO
from isogain.core.initializer import Initializer
from isogain.core.orthogonals import DeltaOrthogonal, MirroredOrthogonal, Orthogonal
from isogain.core.packed import Packed
from isogain.core.patterns import (
    Bilinear,
    Dirac,
    GateBias,
    Identity,
    MaskedNormal,
    PositiveUnitball,
    Sparse,
)
from isogain.core.scalings import PowerScaling, SpectralScaling
from isogain.core.state_space import DiagonalState, Hippo

__all__ = [
    "Bilinear",
    "ChronoBias",
    "Constant",
    "ConvolutionOrthogonal",
    "DeltaOrthogonal",
    "DiagonalState",
    "Dirac",
    "GateBias",
    "Hippo",
    "Identity",
    "Initializer",
    "MaskedNormal",
    "Mimetic",
    "MirroredOrthogonal",
    "Normal",
    "Ones",
    "Orthogonal",
    "Packed",
    "PaddedIdentity",
    "PositiveUnitball",
    "PowerScaling",
    "ScaledOrthogonal",
    "Sparse",
    "SpectralScaling",
    "StepBias",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "ZerO",
    "Zeros",
]
