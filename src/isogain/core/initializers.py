"""Every initializer class, under one name."""

from isogain.core.constructions.attention_pairs import Mimetic
from isogain.core.constructions.convolutions import ConvolutionOrthogonal, ScaledOrthogonal
from isogain.core.constructions.gates import ChronoBias, StepBias
from isogain.core.constructions.identities import PaddedIdentity, ZerO
from isogain.core.constructions.orthogonals import DeltaOrthogonal, MirroredOrthogonal, Orthogonal
from isogain.core.constructions.packed import Packed
from isogain.core.constructions.patterns import (
    Bilinear,
    Dirac,
    GateBias,
    Identity,
    MaskedNormal,
    PositiveUnitball,
    RemainderNormal,
    Sparse,
)
from isogain.core.constructions.state_space import DiagonalState, Hippo
from isogain.core.values.elementwise import (
    Constant,
    Normal,
    Ones,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.values.initializer import Initializer
from isogain.core.values.scalings import PowerScaling, SpectralScaling

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
    "RemainderNormal",
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
