"""Isometries beyond one orthogonal matrix: convolutions with every tap in use, scaled orthogonal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from isogain.core.constructions.haar import haar_orthogonal
from isogain.core.constructions.structured import centre_law
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Law, Normals, StructuredLaw, require_finite
from isogain.core.values.initializer import Initializer, refuse_complex, require_choice, require_matrix
from isogain.errors import InitializerError

__all__ = ["ConvolutionOrthogonal", "ScaledOrthogonal"]

Array = NDArray[Any]


@final
@dataclass(frozen=True, repr=False)
class ConvolutionOrthogonal(Initializer):
    """gain times a convolution of one to three axes that is an isometry, with weight on all its taps.

    The kernel, as a polynomial in the shifts z_1, z_2, z_3 of its axes, is

        K(z) = prod_j prod_axis (P + (1 - P) z_axis) * Q,

    Q orthogonal and every P a projection onto random orthogonal directions, k - 1 of them for an axis of
    size k.  With circular padding it keeps the norm of every input exactly (all singular values equal
    gain; where in > out, its transpose does).  Xiao et al. 2018, arXiv 1806.05393, section 3 and
    algorithms 1 and 2; TensorFlow 1's ConvolutionOrthogonal2D.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        require_matrix(self, geometry)
        stack, outputs, inputs, receptive = geometry.canonical_sizes()
        if not 1 <= len(receptive) <= 3:
            raise InitializerError(
                f"ConvolutionOrthogonal fills kernels of one to three axes, but the layout "
                f"{str(geometry.layout)!r} gives the shape {geometry.shape} {len(receptive)}; "
                "use Orthogonal for matrices"
            )
        width, size = max(outputs, inputs), math.prod(receptive)
        factors = sum(length - 1 for length in receptive if length)
        each = width * width + factors * (width * width + width)

        def build(normals: Normals) -> Array:
            kernels = [
                self.gain * _paraunitary(width, receptive, normals(k * each, each))[..., :outputs, :inputs]
                for k in range(stack)
            ]
            stacked = np.stack(kernels) if kernels else np.zeros((0, *receptive, outputs, inputs))
            return geometry.from_canonical(np.moveaxis(stacked, (-2, -1), (1, 2)))

        rms = 1 / math.sqrt(max(size * width, 1))
        return StructuredLaw("convolution_orthogonal", build, abs(self.gain) * rms, stack * each)


def _paraunitary(width: int, receptive: tuple[int, ...], normals: Array) -> Array:
    """The kernel K of `ConvolutionOrthogonal`, of shape (*receptive, width, width)."""
    square = width * width
    kernel = np.zeros((*receptive, width, width), normals.dtype)
    if not kernel.size:
        return kernel
    kernel[(0,) * len(receptive)] = haar_orthogonal(width, width, normals[:square])
    place = square
    for step in range(max(receptive) - 1):
        for axis, length in enumerate(receptive):
            if step < length - 1:
                projection = _projection(width, normals[place : place + square + width])
                kernel = _times_factor(kernel, projection, axis)
                place += square + width
    return kernel


def _projection(width: int, normals: Array) -> Array:
    """A projection onto a random number of random orthogonal directions."""
    directions = haar_orthogonal(width, width, normals[: width * width])
    chosen = directions[:, normals[width * width :] > 0]
    return np.asarray(chosen @ chosen.T)


def _times_factor(kernel: Array, projection: Array, axis: int) -> Array:
    """(P + (1 - P) z_axis) K, whose degree along the axis is one higher."""
    kept = projection @ kernel
    return np.asarray(kept + np.roll(kernel - kept, 1, axis))


@final
@dataclass(frozen=True, repr=False)
class ScaledOrthogonal(Initializer):
    """gain * max(sqrt(out / in), 1) times an orthogonal matrix, at the centre of a kernel if there is one.

    The mean square of the outputs then equals gain^2 times that of the inputs, also where a layer widens
    (Martens et al. 2021, arXiv 2110.01765, "scaled uniform orthogonal": the start of DKS and TAT).
    """

    gain: float = 1.0
    centre: str = "floor"
    quiet: ClassVar[tuple[str, ...]] = ("centre",)

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)
        require_choice(self, "centre", ("floor", "ceil"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        require_matrix(self, geometry)
        _, outputs, inputs, _ = geometry.canonical_sizes()
        gain = self.gain * max(math.sqrt(outputs / max(inputs, 1)), 1.0)
        rms = 1 / math.sqrt(max(outputs, inputs, 1))
        return centre_law("scaled_orthogonal", geometry, haar_orthogonal, gain, self.centre, rms=rms)
