"""isogain: choose, draw and verify the initial weights of neural networks.

    >>> import isogain as ig
    >>> weights = ig.draw("he_normal", (784, 512), seed=0, path="fc1.weight")
    >>> ig.fans((64, 32, 3, 3), layout="out in *", groups=4)
    Fans(fan_in=288, fan_out=144)

`isogain.torch` serves PyTorch, `isogain.lab` the experiments; neither is imported for you.
"""

import importlib
from typing import TYPE_CHECKING, Any

from isogain import renderers as renderers
from isogain._version import __version__
from isogain.core.geometry.fans import Fans, fans
from isogain.core.geometry.layout import Layout
from isogain.core.initializers import (
    Bilinear,
    ChronoBias,
    Constant,
    ConvolutionOrthogonal,
    DeltaOrthogonal,
    DiagonalState,
    Dirac,
    GateBias,
    Hippo,
    Identity,
    Initializer,
    MaskedNormal,
    Mimetic,
    MirroredOrthogonal,
    Normal,
    Ones,
    Orthogonal,
    Packed,
    PaddedIdentity,
    PositiveUnitball,
    PowerScaling,
    RemainderNormal,
    ScaledOrthogonal,
    Sparse,
    SpectralScaling,
    StepBias,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    ZerO,
    Zeros,
)
from isogain.errors import IsogainError
from isogain.playground import playground

if TYPE_CHECKING:
    from isogain.core.activations import Activation, activation
    from isogain.core.constructions.adapters import olora, pissa
    from isogain.core.names.catalog import Catalog, catalog, get
    from isogain.core.names.defaults import LayerStart, default
    from isogain.core.names.rows import Row
    from isogain.core.names.translation import Translation, translate
    from isogain.drawing import draw, draw_network
    from isogain.identification import Identification, identify
    from isogain.libraries import Atlas, atlas
    from isogain.theory import advise, critical_point, phase_diagram, predict

__all__ = [
    "Activation",
    "Atlas",
    "Bilinear",
    "Catalog",
    "ChronoBias",
    "Constant",
    "ConvolutionOrthogonal",
    "DeltaOrthogonal",
    "DiagonalState",
    "Dirac",
    "Fans",
    "GateBias",
    "Hippo",
    "Identification",
    "Identity",
    "Initializer",
    "IsogainError",
    "LayerStart",
    "Layout",
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
    "Row",
    "ScaledOrthogonal",
    "Sparse",
    "SpectralScaling",
    "StepBias",
    "Translation",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "ZerO",
    "Zeros",
    "__version__",
    "activation",
    "advise",
    "atlas",
    "catalog",
    "critical_point",
    "default",
    "draw",
    "draw_network",
    "fans",
    "get",
    "identify",
    "olora",
    "phase_diagram",
    "pissa",
    "playground",
    "predict",
    "translate",
]

_LAZY = {
    "Atlas": "isogain.libraries",
    "atlas": "isogain.libraries",
    "Activation": "isogain.core.activations",
    "activation": "isogain.core.activations",
    "olora": "isogain.core.constructions.adapters",
    "pissa": "isogain.core.constructions.adapters",
    "Catalog": "isogain.core.names.catalog",
    "catalog": "isogain.core.names.catalog",
    "get": "isogain.core.names.catalog",
    "LayerStart": "isogain.core.names.defaults",
    "default": "isogain.core.names.defaults",
    "Translation": "isogain.core.names.translation",
    "translate": "isogain.core.names.translation",
    "Row": "isogain.core.names.rows",
    "Identification": "isogain.identification",
    "identify": "isogain.identification",
    "draw": "isogain.drawing",
    "draw_network": "isogain.drawing",
    "advise": "isogain.theory",
    "critical_point": "isogain.theory",
    "phase_diagram": "isogain.theory",
    "predict": "isogain.theory",
}
"""Loaded on first use, so that `import isogain` stays quick."""


if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(f"module 'isogain' has no attribute {name!r}")
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
