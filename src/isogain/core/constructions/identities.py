"""Starts without randomness: ZerO's Hadamard blocks and IDInit's padded identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from isogain.core.constructions.structured import centre_law
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Law, Normals, StructuredLaw, require_finite
from isogain.core.values.initializer import (
    Initializer,
    refuse_complex,
    require_choice,
    require_matrix,
    require_positive,
)

__all__ = ["PaddedIdentity", "ZerO"]

Array = NDArray[Any]


@final
@dataclass(frozen=True, repr=False)
class ZerO(Initializer):
    """A partial identity where a layer keeps or narrows its width, a Hadamard block where it widens.

    With m outputs, n inputs and c = ceil(log2 m): W = I for m <= n, else the first m rows and n columns of
    the Hadamard matrix of 2^c, times 2^(-c/2) (scale 'isometric': as the authors' code does) or times
    2^(-(c-1)/2) ('paper': their algorithm 1).  Kernels hold it at their centre, k // 2.  Zhao, Schäfer &
    Anandkumar 2022, arXiv 2110.12661.
    """

    scale: str = "isometric"
    centre: str = "ceil"
    quiet: ClassVar[tuple[str, ...]] = ("centre",)

    def __post_init__(self) -> None:
        require_choice(self, "scale", ("isometric", "paper"))
        require_choice(self, "centre", ("floor", "ceil"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        require_matrix(self, geometry)
        _, outputs, inputs, _ = geometry.canonical_sizes()

        def make(rows: int, columns: int, _: Array) -> Array:
            return self._matrix(rows, columns)

        rms = 1 / math.sqrt(max(inputs, 1)) if outputs <= inputs else self._height(outputs)
        law = centre_law("zero", geometry, make, 1.0, self.centre, rms=rms)
        return StructuredLaw(law.construction, law.build, law.elementwise_std, 0)

    def _matrix(self, rows: int, columns: int) -> Array:
        if rows <= columns:
            return np.eye(rows, columns)
        both = np.arange(rows)[:, None] & np.arange(columns)
        for shift in (32, 16, 8, 4, 2, 1):  # the parity of the number of bits in common
            both ^= both >> shift
        return self._height(rows) * (1.0 - 2.0 * (both & 1))

    def _height(self, rows: int) -> float:
        power = math.ceil(math.log2(max(rows, 1)))
        return float(2 ** (-(power - (self.scale == "paper")) / 2))


@final
@dataclass(frozen=True, repr=False)
class PaddedIdentity(Initializer):
    """gain where row and column agree modulo the smaller side of the matrix, plus N(0, noise^2).

    A square matrix is the identity; a taller one repeats it downwards, a wider one to the right, so no unit
    is left without input.  A kernel is read as out x (in * receptive) ("patch-maintain").  gain 1 keeps the
    main path, 1e-6 closes a branch (Pan et al. 2025, arXiv 2503.04626, IDInit's IDI and IDIZ).
    """

    gain: float = 1.0
    noise: float = 0.0
    quiet: ClassVar[tuple[str, ...]] = ("noise",)

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)
        require_positive(self, noise=self.noise)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        require_matrix(self, geometry)
        stack, outputs, inputs, receptive = geometry.canonical_sizes()
        columns = inputs * math.prod(receptive)
        period = max(min(outputs, columns), 1)
        count = stack * outputs * columns if self.noise else 0

        def build(normals: Normals) -> Array:
            agree = (np.arange(outputs)[:, None] - np.arange(columns)) % period == 0
            filled = np.tile(float(self.gain) * agree, (stack, 1, 1))
            if count:
                filled = filled + self.noise * normals(0, count).reshape(filled.shape)
            return geometry.from_canonical(filled.reshape(stack, outputs, inputs, *receptive))

        rms = math.sqrt(self.gain**2 / period + self.noise**2)
        return StructuredLaw("padded_identity", build, rms, count)
