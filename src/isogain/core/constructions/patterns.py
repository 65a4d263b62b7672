"""Initializers that put values in places: identities, sparse and masked weights, kernels, gates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from isogain.core.constructions import structured
from isogain.core.constructions.haar import namespace
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import CHECKS, Law, SparseLaw, require, require_finite
from isogain.core.values.initializer import (
    Initializer,
    refuse_complex,
    require_choice,
    require_matrix,
    require_positive,
)

__all__ = [
    "Bilinear",
    "Dirac",
    "GateBias",
    "Identity",
    "MaskedNormal",
    "PositiveUnitball",
    "RemainderNormal",
    "Sparse",
]


@final
@dataclass(frozen=True, repr=False)
class Identity(Initializer):
    """gain on the diagonal of out x in, zeros elsewhere; one for each member of a stack."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        require_matrix(self, geometry)
        make, rms = _diagonal(geometry)
        return structured.matrix_law("identity", geometry, make, self.gain, rms=rms, flatten=False)


@final
@dataclass(frozen=True, repr=False)
class Dirac(Initializer):
    """gain times the identity at the centre of a convolution's kernel: channels pass unchanged.

    An even kernel: 'ceil' takes k // 2 (torch's `dirac_`), 'floor' (k - 1) // 2.  Groups and segments
    each have an identity of their own.
    """

    gain: float = 1.0
    centre: str = "ceil"
    quiet: ClassVar[tuple[str, ...]] = ("centre",)

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)
        require_choice(self, "centre", ("floor", "ceil"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        require_matrix(self, geometry)
        make, rms = _diagonal(geometry)
        return structured.centre_law("dirac", geometry, make, self.gain, self.centre, rms=rms)


@final
@dataclass(frozen=True, repr=False)
class Sparse(Initializer):
    """For every input, ceil(sparsity * out) of its outgoing weights are 0, the others N(mean, std^2).

    Martens 2010, section 5; torch's `sparse_`.  With of='outputs': for every output, ceil(sparsity * in) of
    its incoming weights (MLX).  `axis`, where no layout is given, is the one along which a framework counts
    its zeros, whatever it means there.
    """

    sparsity: float = 0.9
    std: float = 0.01
    mean: float = 0.0
    of: str = "inputs"
    axis: int | None = None
    quiet: ClassVar[tuple[str, ...]] = ("mean", "of", "axis")

    def __post_init__(self) -> None:
        require_positive(self, std=self.std, sparsity=self.sparsity)
        require_finite(self, mean=self.mean)
        require_choice(self, "of", ("inputs", "outputs"))
        require(self.axis in (None, 0, 1), f"Sparse: axis is 0 or 1 of a matrix, got {self.axis!r}")
        require(self.sparsity <= 1, f"Sparse: sparsity is a share, at most 1, got {self.sparsity!r}")

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        axes = [axis.role for axis in geometry.layout.resolve(geometry.shape)]
        require(
            sorted(axes) == ["in", "out"],
            f"Sparse needs a matrix of one 'out' and one 'in' axis, but the layout {str(geometry.layout)!r} "
            f"gives the shape {geometry.shape} {' '.join(axes)}",
        )
        bare = self.axis if self.axis is not None and not geometry.told else None
        axis = axes.index("out" if self.of == "inputs" else "in") if bare is None else bare
        length = geometry.shape[axis]
        return SparseLaw(self.std, math.ceil(self.sparsity * length), length, axis, self.mean)


@final
@dataclass(frozen=True, repr=False)
class MaskedNormal(Initializer):
    """N(mean, std^2) with probability `keep`, else 0, independently for each weight.

    With `nonzero` in place of `keep`, keep = nonzero / first axis (Caffe's gaussian with `sparse`); where a
    layout is given, nonzero / outputs.
    """

    std: float = 1.0
    mean: float = 0.0
    keep: float = 1.0
    nonzero: int | None = None
    quiet: ClassVar[tuple[str, ...]] = ("nonzero",)

    def __post_init__(self) -> None:
        require_positive(self, std=self.std, keep=self.keep)
        require_finite(self, mean=self.mean)
        require(self.keep <= 1, f"MaskedNormal: keep is a probability, at most 1, got {self.keep!r}")
        if self.nonzero is not None:
            require_positive(self, nonzero=self.nonzero)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        keep = self.keep
        if self.nonzero is not None:
            outputs = structured.outputs_first(geometry).canonical_sizes()[1]
            keep = min(1.0, self.nonzero / max(outputs, 1))
        return structured.masked_normal_law(geometry, self.mean, self.std, keep)


@final
@dataclass(frozen=True, repr=False)
class RemainderNormal(Initializer):
    """std times the remainder, with its sign, of a standard normal divided by `fold`.

    Draws beyond `fold` start again at 0 instead of being drawn anew, so the law is narrower than one cut
    there: of std .86589 at 2 (fastai's `trunc_normal_`).
    """

    std: float = 1.0
    fold: float = 2.0

    def __post_init__(self) -> None:
        require_positive(self, std=self.std, fold=self.fold)
        require(
            self.fold >= 0.01,
            f"RemainderNormal: fold must be at least .01, below which the law is uniform, got {self.fold!r}",
        )

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        return structured.remainder_law(geometry, self.std, self.fold)


@final
@dataclass(frozen=True, repr=False)
class Bilinear(Initializer):
    """The kernel that makes a transposed convolution upsample linearly (Long et al. 2015)."""

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        return structured.bilinear_law(geometry)


@final
@dataclass(frozen=True, repr=False)
class GateBias(Initializer):
    """Equal stretches of a bias, one constant each: (0, 1, 0, 0) opens an LSTM's forget gate.

    The order of the gates is the framework's: torch, Keras and MXNet have i, f, g, o
    (Jozefowicz et al. 2015, section 5).
    """

    values: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", CHECKS.series("GateBias: values", self.values, "numbers"))
        require(len(self.values) > 0, "GateBias: values must name one constant per gate")
        require_finite(self, **{f"values[{k}]": value for k, value in enumerate(self.values)})

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        return structured.segments_law(geometry, self.values)


@final
@dataclass(frozen=True, repr=False)
class PositiveUnitball(Initializer):
    """Positive weights that sum to 1 over each entry of the first axis (Caffe's filler).

    Where a layout is given, over each output.
    """

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        return structured.unitball_law(geometry)


def _diagonal(geometry: Geometry) -> tuple[structured.MatrixMaker, float]:
    _, outputs, inputs, _ = geometry.canonical_sizes()
    rms = math.sqrt(min(outputs, inputs) / max(outputs * inputs, 1))
    return (lambda rows, columns, normals: namespace(normals).eye(rows, columns)), rms
