"""State matrices of state space models: HiPPO and its diagonal approximations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Law, StructuredLaw
from isogain.core.values.initializer import Initializer, require_choice, require_matrix
from isogain.errors import InitializerError
from isogain.memory import require_room

__all__ = ["DiagonalState", "Hippo"]

Array = NDArray[Any]


@final
@dataclass(frozen=True, repr=False)
class Hippo(Initializer):
    """The HiPPO-LegS operator of x' = A x + B u, row n the derivative of coefficient n.

    part 'A': A[n, k] = -sqrt((2n+1)(2k+1)) for n > k, -(n+1) on the diagonal, 0 above; part 'B', a vector:
    B[n] = sqrt(2n+1).  Gu et al. 2020, arXiv 2008.07669, theorem 2.
    """

    part: str = "A"

    def __post_init__(self) -> None:
        require_choice(self, "part", ("A", "B"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        _require_room(geometry, geometry.shape[-1:] or (1,))
        return self._vector(geometry) if self.part == "B" else self._matrix(geometry)

    def _vector(self, geometry: Geometry) -> Law:
        length = geometry.shape[-1] if geometry.shape else 0
        filled = np.broadcast_to(np.sqrt(2 * np.arange(length) + 1.0), geometry.shape)
        return _fixed("hippo_b", np.array(filled))

    def _matrix(self, geometry: Geometry) -> Law:
        require_matrix(self, geometry)
        stack, outputs, inputs, receptive = geometry.canonical_sizes()
        if outputs != inputs or receptive:
            raise InitializerError(
                f"Hippo fills square matrices, but the layout {str(geometry.layout)!r} reads the shape "
                f"{geometry.shape} as {outputs} x {inputs}"
            )
        matrices = np.broadcast_to(hippo_legs(outputs), (stack, outputs, outputs))
        return _fixed("hippo_a", geometry.from_canonical(np.array(matrices)))


def hippo_legs(size: int) -> Array:
    """The matrix A of HiPPO-LegS."""
    number = np.arange(size)
    root = np.sqrt(2 * number + 1.0)
    return np.asarray(-np.tril(np.outer(root, root), -1) - np.diag(number + 1.0))


@final
@dataclass(frozen=True, repr=False)
class DiagonalState(Initializer):
    """The diagonal of a state matrix, n = 0, 1, ... along the last axis, the same for every channel.

        lin   -1/2 + i pi n                        inv   -1/2 + i (N/pi) (N/(2n+1) - 1)
        legs  the eigenvalues of HiPPO's normal part that have a positive imaginary part
        real  -(n+1)

    The first three hold one of each conjugate pair, N being twice the length.  `form` 'value' is the number
    itself (a complex dtype for all but 'real'), 'real' and 'imaginary' its parts, 'log' ln(-real part), the
    parameter that models train (Mamba's A_log = ln(n+1)).  Gu, Gupta, Goel & Ré 2022, arXiv 2206.11893,
    section 4; Gu & Dao 2023, arXiv 2312.00752, section 3.6.
    """

    kind: str = "lin"
    form: str = "value"

    def __post_init__(self) -> None:
        require_choice(self, "kind", ("lin", "inv", "legs", "real"))
        require_choice(self, "form", ("value", "real", "imaginary", "log"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        if not geometry.shape:
            raise InitializerError("DiagonalState fills vectors of states, and a scalar has none")
        if self.form == "value" and self.kind != "real" and not is_complex:
            raise InitializerError(
                f"DiagonalState({self.kind!r}) is complex: draw it in complex64 or complex128, or ask for "
                "form='log' and form='imaginary'"
            )
        states = geometry.shape[-1]
        _require_room(geometry, (2 * states, 2 * states) if self.kind == "legs" else (states,))
        values = self._form(_eigenvalues(self.kind, geometry.shape[-1]))
        return _fixed("diagonal_state", np.array(np.broadcast_to(values, geometry.shape)))

    def _form(self, values: Array) -> Array:
        if self.form == "imaginary":
            return np.asarray(values.imag)
        if self.form == "log":
            return np.asarray(np.log(-values.real))
        return np.asarray(values.real if self.form == "real" or self.kind == "real" else values)


def _eigenvalues(kind: str, length: int) -> Array:
    number, size = np.arange(length), 2 * length
    if kind == "real":
        return -(number + 1.0)
    if kind == "lin":
        return np.asarray(-0.5 + 1j * np.pi * number)
    if kind == "inv":
        return np.asarray(-0.5 + 1j * size / np.pi * (size / (2 * number + 1) - 1))
    return _legs_eigenvalues(size)


def _legs_eigenvalues(size: int) -> Array:
    """Of A + (1/2) sqrt((2n+1)(2k+1)), which is -1/2 plus a skew-symmetric matrix."""
    root = np.sqrt(np.arange(size) + 0.5)
    normal = hippo_legs(size) + np.outer(root, root)
    skew = normal - np.diag(np.diag(normal))
    frequencies = np.linalg.eigvalsh(-1j * skew)
    return np.asarray(-0.5 + 1j * frequencies[size // 2 :])


def _require_room(geometry: Geometry, inner: tuple[int, ...]) -> None:
    """Refuse what no memory holds: the numbers are computed when the law is asked for."""
    size = 8 * max(math.prod(geometry.shape), math.prod(inner))
    require_room(size, f"a state matrix of shape {geometry.shape}", InitializerError)


def _fixed(name: str, filled: Array) -> StructuredLaw:
    rms = math.sqrt(float(np.mean(np.square(np.abs(filled))))) if filled.size else 0.0
    return StructuredLaw(name, lambda _: filled.copy(), rms, 0)
