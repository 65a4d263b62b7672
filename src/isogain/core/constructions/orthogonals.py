"""Initializers that are isometries: orthogonal, delta-orthogonal, mirrored orthogonal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from isogain.checking import shown
from isogain.core.constructions import structured
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Law, require, require_finite
from isogain.core.values.initializer import Initializer, refuse_complex, require_choice, require_matrix
from isogain.errors import InitializerError

if TYPE_CHECKING:
    from isogain.core.activations import Activation

__all__ = ["DeltaOrthogonal", "MirroredOrthogonal", "Orthogonal"]


@final
@dataclass(frozen=True, repr=False)
class Orthogonal(Initializer):
    """gain times a (semi-)orthogonal matrix, uniform over all of them (Haar).

    Rows are the outputs, columns the inputs times the receptive field; one matrix for each member of
    a stack, segment or group.  Every singular value equals gain (Saxe et al. 2014, section 3).
    `flatten` 'first' and 'last' take the first or last axis of the bare shape against all others
    (torch; Keras, JAX), unless a layout is given that says otherwise; `method` 'svd_uniform' and
    'svd_normal' are MXNet's laws.
    """

    gain: float = 1.0
    flatten: str = "layout"
    method: str = "haar"
    quiet: ClassVar[tuple[str, ...]] = ("flatten", "method")

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)
        require_choice(self, "flatten", ("layout", "first", "last"))
        require_choice(self, "method", ("haar", "svd_uniform", "svd_normal"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        if self.flatten != "layout":
            geometry = _bare_matrix(self, geometry, self.flatten)
        require_matrix(self, geometry)
        _, outputs, inputs, receptive = geometry.canonical_sizes()
        rms = 1 / math.sqrt(max(outputs, inputs * math.prod(receptive), 1))
        return structured.matrix_law("orthogonal", geometry, self._maker(), self.gain, rms=rms)

    def _maker(self) -> structured.MatrixMaker:
        if self.method == "haar":
            return structured.haar_orthogonal
        uniform = self.method == "svd_uniform"
        return partial(structured.svd_orthogonal, uniform=uniform)


@final
@dataclass(frozen=True, repr=False)
class DeltaOrthogonal(Initializer):
    """gain times an orthogonal matrix at the centre of a convolution's kernel, zeros around it.

    The convolution is an isometry of every pixel's channels (Xiao et al. 2018, section 3.2).  An even
    kernel has no centre: 'floor' takes (k - 1) // 2 (JAX's), 'ceil' k // 2 (torch's `dirac_`).  'last' is
    where a causal convolution reads the present step, 'first' where one that looks ahead does.
    `flatten` 'last' reads the bare shape (k..., in, out), as JAX does, where no layout is given.
    """

    gain: float = 1.0
    centre: str = "floor"
    flatten: str = "layout"
    quiet: ClassVar[tuple[str, ...]] = ("centre", "flatten")

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)
        require_choice(self, "centre", ("floor", "ceil", "first", "last"))
        require_choice(self, "flatten", ("layout", "last"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        if self.flatten == "last":
            geometry = geometry.bare() if geometry.told else Geometry.of(geometry.shape)
        require_matrix(self, geometry)
        _, outputs, inputs, _ = geometry.canonical_sizes()
        rms = 1 / math.sqrt(max(outputs, inputs, 1))
        return structured.centre_law(
            "delta_orthogonal", geometry, structured.haar_orthogonal, self.gain, self.centre, rms=rms
        )


@final
@dataclass(frozen=True, repr=False)
class MirroredOrthogonal(Initializer):
    """Orthogonal maps in mirrored pairs, so that the activation's even part cancels exactly.

    Units come in pairs (u, -u): with psi(z) = phi(z) - phi(-z), a hidden weight is
    gain [[Q, -Q], [-Q, Q]] / psi'(0), the first [Q; -Q], the last [Q, -Q] / psi'(0).  Where psi is
    linear (ReLU, leaky ReLU, GELU, SiLU, softplus) the whole network starts as an exactly orthogonal
    linear map, at every depth (Balduzzi et al. 2017, arXiv 1702.08591, section 4).  `activation` is
    any name of `isogain.activation`; kernels hold the blocks at their centre, or with centre='whole'
    spread Q over all of the receptive field (for strides, where a centre would skip positions).
    """

    activation: str = "relu"
    position: str = "hidden"
    gain: float = 1.0
    centre: str = "floor"
    quiet: ClassVar[tuple[str, ...]] = ("centre",)

    def __post_init__(self) -> None:
        require_finite(self, gain=self.gain)
        require_choice(self, "position", ("first", "hidden", "last"))
        require_choice(self, "centre", ("floor", "ceil", "first", "last", "whole"))
        self.slope()

    def slope(self) -> float:
        """psi'(0): the slope at 0 of phi(z) - phi(-z)."""
        from isogain.core.activations import activation

        slope = _odd_slope(activation(self.activation))
        require(
            math.isfinite(slope) and slope != 0,
            f"MirroredOrthogonal: phi(z) - phi(-z) of {shown(self.activation)} has slope {slope!r} at 0, "
            "so no scale makes mirrored layers linear; use Orthogonal",
        )
        return slope

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        require_matrix(self, geometry)
        slope, position = self.slope(), self.position
        _, outputs, inputs, receptive = geometry.canonical_sizes()
        size = math.prod(receptive) if self.centre == "whole" else 1
        kept, read = inputs * size, None
        if size > 1 and position != "first":  # a channel left over takes all of its kernel with it
            kept = inputs // 2 * 2 * size
        if math.prod(geometry.shape):
            read = math.prod(structured.halves(outputs, inputs, position)) * size

        def make(rows: int, columns: int, normals: structured.Array) -> structured.Array:
            maker = structured.haar_orthogonal
            found = structured.mirrored(maker, rows, kept, normals, position=position, slope=slope)
            return structured.widened(found, columns)

        rms = _mirrored_rms(outputs, inputs, position, slope, size)
        if self.centre == "whole":
            return structured.matrix_law("mirrored_orthogonal", geometry, make, self.gain, rms=rms, read=read)
        return structured.centre_law(
            "mirrored_orthogonal", geometry, make, self.gain, self.centre, rms=rms, read=read
        )


@lru_cache(maxsize=64)
def _odd_slope(phi: Activation) -> float:
    """psi'(0) by one-sided differences of the odd function psi, extrapolated to step 0."""
    steps = np.array([2e-3, 1e-3])
    coarse, fine = (phi(steps) - phi(-steps)) / steps
    return float((4 * fine - coarse) / 3)


def _mirrored_rms(outputs: int, inputs: int, position: str, slope: float, receptive: int = 1) -> float:
    half_out = outputs // 2 if position in ("first", "hidden") else outputs
    half_in = (inputs // 2 if position in ("hidden", "last") else inputs) * receptive
    inputs *= receptive
    copies = (2 if position != "last" else 1) * (2 if position != "first" else 1)
    squares: float = min(half_out, half_in) * copies
    if outputs % 2 and position != "last":
        squares += (2 if position == "hidden" else 1) * min(1.0, half_in / max(half_out, 1))
    size = max(outputs * inputs, 1)
    return math.sqrt(squares / size) / (1.0 if position == "first" else abs(slope))


def _bare_matrix(owner: Initializer, geometry: Geometry, side: str) -> Geometry:
    """One axis against all others, as the framework has it; the layout's, where that says otherwise."""
    shape = geometry.shape
    if len(shape) < 2:
        raise InitializerError(f"{type(owner).__name__} needs a shape of two axes or more, got {shape}")
    *rest, own = geometry.roles() if side == "last" else geometry.roles()[::-1]
    if geometry.told and (own != "out" or not {"in", "*"} >= set(rest)):
        return geometry.bare()
    others = ["in"] * (len(shape) - 1)
    return Geometry.of(shape, " ".join(["out", *others] if side == "first" else [*others, "out"]))
