"""Laws of a whole tensor: orthogonal, delta-orthogonal, mirrored, identity, Dirac, bilinear.

Every construction works on the canonical array (stack, out, in, *receptive) and is laid out as the
weight is by its Geometry.  Randomness comes in as `normals(first, count)`, a stretch of the
parameter's own stream of standard normals, so a construction is a function of the key alone.  The
isometries and identities are built in the library the normals belong to (NumPy, JAX); the others are NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.core.constructions.haar import haar_orthogonal, namespace
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Normals, StructuredLaw
from isogain.errors import InitializerError
from isogain.memory import require_room

__all__ = [
    "bilinear_law",
    "centre_law",
    "haar_orthogonal",
    "halves",
    "masked_normal_law",
    "matrix_law",
    "mirrored",
    "outputs_first",
    "remainder_law",
    "segments_law",
    "svd_orthogonal",
    "uniforms",
    "unitball_law",
    "widened",
]

Array = NDArray[Any]
MatrixMaker = Callable[[int, int, Array], Array]
"""(rows, columns, max(rows, columns) * min(rows, columns) standard normals) -> matrix."""
FARTHEST = 9.0
"""Sigmas beyond which a normal law has no mass to speak of."""


def svd_orthogonal(rows: int, columns: int, normals: Array, *, uniform: bool) -> Array:
    """MXNet's orthogonal law: a factor of the SVD of a matrix of uniform or normal numbers."""
    matrix = np.asarray(normals, dtype=np.float64).reshape(rows, columns)
    left, _, right = np.linalg.svd(2 * uniforms(matrix) - 1 if uniform else matrix, full_matrices=False)
    return np.asarray(left if left.shape == (rows, columns) else right)


def mirrored(
    make: MatrixMaker, outputs: int, inputs: int, normals: Array, *, position: str, slope: float
) -> Array:
    """A layer that is exactly linear between activations with phi(z) - phi(-z) = slope * z.

    hidden [[Q, -Q], [-Q, Q]] / slope, first [Q; -Q], last [Q, -Q] / slope, with Q of half the size
    (Balduzzi et al. 2017, section 4).  A unit left over by an odd size reads an ordinary row and is
    read by nobody, so it disturbs nothing at the start and can learn from the first step on.
    """
    half_out, half_in = halves(outputs, inputs, position)
    q = make(half_out, half_in, normals[: half_out * half_in])
    if position != "first":
        q = q / slope
    q = _paired(q, down=1 if position == "last" else 2, across=1 if position == "first" else 2)
    if q.shape[0] < outputs:
        q = namespace(q).concatenate([q, q[:1]], axis=0)
    return widened(q, inputs)


def _paired(q: Array, down: int, across: int) -> Array:
    """[[q, -q], [-q, q]], or its first row or column; in NumPy without a second matrix of that size."""
    if isinstance(q, np.ndarray):
        whole = np.empty((down, len(q), across, q.shape[1]), q.dtype)
        for row, column in product(range(down), range(across)):
            np.multiply(q, (-1) ** (row + column), out=whole[row, :, column])
        return whole.reshape(down * len(q), -1)
    xp = namespace(q)
    rows = [
        xp.concatenate([(-1) ** (row + column) * q for column in range(across)], axis=1)
        for row in range(down)
    ]
    paired: Array = xp.concatenate(rows, axis=0)
    return paired


def halves(outputs: int, inputs: int, position: str) -> tuple[int, int]:
    """The size of Q in a mirrored layer; InitializerError where a mirrored side has less than two units."""
    half_out = outputs // 2 if position in ("first", "hidden") else outputs
    half_in = inputs // 2 if position in ("hidden", "last") else inputs
    if half_out == 0 or half_in == 0:
        raise InitializerError(
            f"MirroredOrthogonal(position={position!r}) needs two units or more on its mirrored side, "
            f"but the weight maps {inputs} inputs to {outputs} outputs"
        )
    return half_out, half_in


def widened(matrix: Array, columns: int) -> Array:
    """The matrix with columns of zeros behind it, up to that many."""
    if matrix.shape[1] == columns:
        return matrix
    xp = namespace(matrix)
    zeros = xp.zeros((matrix.shape[0], columns - matrix.shape[1]), dtype=matrix.dtype)
    wide: Array = xp.concatenate([matrix, zeros], axis=1)
    return wide


def matrix_law(
    name: str,
    geometry: Geometry,
    make: MatrixMaker,
    gain: float,
    *,
    rms: float,
    flatten: bool = True,
    read: int | None = None,
) -> StructuredLaw:
    """One matrix per member of the stack: out x (in * receptive).

    A convolution's kernel is flattened with the receptive field (torch's and Keras' `orthogonal`).
    `rms` is the root mean square of the matrix's own entries at gain 1; `read` is how many of its
    stretch of normals `make` reads, where not all.
    """
    stack, outputs, inputs, receptive = geometry.canonical_sizes()
    if not flatten and receptive:
        raise InitializerError(
            f"{name} is a matrix without a receptive field, but the layout {str(geometry.layout)!r} gives "
            f"the shape {geometry.shape} one; use DeltaOrthogonal or Dirac for kernels"
        )
    columns = inputs * math.prod(receptive)
    each = outputs * columns

    def build(normals: Normals) -> Array:
        stretches = (normals(k * each, each if read is None else read) for k in range(stack))
        matrices = [_times(gain, make(outputs, columns, stretch)) for stretch in stretches]
        return geometry.from_canonical(_stacked(matrices, (stack, outputs, inputs, *receptive)))

    return StructuredLaw(name, build, abs(gain) * rms, stack * each)


PLACES: Mapping[str, Callable[[int], int]] = {
    "first": lambda size: 0, "floor": lambda size: (size - 1) // 2, "ceil": lambda size: size // 2,
    "last": lambda size: size - 1,
}  # fmt: skip
"""Which tap of a kernel so long holds the block."""


def centre_law(
    name: str,
    geometry: Geometry,
    make: MatrixMaker,
    gain: float,
    centre: str,
    *,
    rms: float,
    read: int | None = None,
) -> StructuredLaw:
    """One matrix at the centre of each kernel, zeros around it; a matrix where there is no kernel.

    `centre` says where an even kernel has it, 'floor' (k - 1) // 2 (JAX) or 'ceil' k // 2 (torch), or that it
    lies at the 'first' or 'last' tap of any.
    `rms` and `read` as in `matrix_law`.
    """
    stack, outputs, inputs, receptive = geometry.canonical_sizes()
    place = tuple(PLACES[centre](size) for size in receptive)
    each = outputs * inputs

    around = [(at, size - 1 - at) for at, size in zip(place, receptive, strict=True)]

    def build(normals: Normals) -> Array:
        stretches = (normals(k * each, each if read is None else read) for k in range(stack))
        matrices = [_times(gain, make(outputs, inputs, stretch)) for stretch in stretches]
        if not math.prod(receptive):
            return np.zeros(geometry.shape)
        kernel = _stacked(matrices, (stack, outputs, inputs, *[1] * len(receptive)))
        if receptive:
            kernel = namespace(kernel).pad(kernel, [(0, 0)] * 3 + around)
        return geometry.from_canonical(kernel)

    return StructuredLaw(name, build, abs(gain) * rms / math.sqrt(max(math.prod(receptive), 1)), stack * each)


def _times(gain: float, matrix: Array) -> Array:
    """gain * matrix, in NumPy without a second matrix."""
    if isinstance(matrix, np.ndarray):
        return matrix if gain == 1 else np.multiply(matrix, gain, out=matrix)
    return gain * matrix


def _stacked(matrices: list[Array], shape: tuple[int, ...]) -> Array:
    if not matrices:
        return np.zeros(shape)
    if len(matrices) == 1:
        return matrices[0].reshape(shape)
    stacked: Array = namespace(matrices[0]).stack(matrices).reshape(shape)
    return stacked


def bilinear_law(geometry: Geometry) -> StructuredLaw:
    """The tent that upsamples linearly by ceil(k / 2), on every pair of channels (Caffe, MXNet).

    With f = ceil(k / 2) and c = (2 f - 1 - f mod 2) / (2 f):  w(x) = prod_axis (1 - |x / f - c|).
    """
    sizes = geometry.canonical_sizes()
    receptive = sizes[3]
    if not receptive:
        raise InitializerError(
            f"Bilinear fills a kernel, but the layout {str(geometry.layout)!r} leaves the shape "
            f"{geometry.shape} no receptive axes"
        )
    require_room(8 * math.prod(receptive), f"a bilinear kernel of {receptive}", InitializerError)
    tent = np.ones(receptive)
    for axis, size in enumerate(receptive):
        factor = math.ceil(size / 2)
        centre = (2 * factor - 1 - factor % 2) / (2 * factor)
        line = 1 - np.abs(np.arange(size) / factor - centre)
        tent = tent * line.reshape([-1 if k == axis else 1 for k in range(len(receptive))])
    kernel = np.broadcast_to(tent, (*sizes[:3], *receptive))
    rms = float(np.sqrt(np.mean(tent**2)))
    return StructuredLaw("bilinear", lambda _: geometry.from_canonical(np.array(kernel)), rms, 0)


def segments_law(geometry: Geometry, values: tuple[float, ...]) -> StructuredLaw:
    """Equal stretches of the first axis, each at its own constant (the gate biases of an LSTM)."""
    length = geometry.shape[0] if geometry.shape else 0
    if not geometry.shape or length % len(values):
        raise InitializerError(
            f"GateBias{values}: the first axis of the shape {geometry.shape} does not divide into "
            f"{len(values)} gates"
        )

    def build(_: Normals) -> Array:
        steps = np.repeat(np.asarray(values, dtype=np.float64), length // len(values))
        return np.array(np.broadcast_to(steps.reshape(-1, *[1] * (len(geometry.shape) - 1)), geometry.shape))

    return StructuredLaw("gate_bias", build, math.sqrt(math.fsum(v * v for v in values) / len(values)), 0)


def masked_normal_law(geometry: Geometry, mean: float, std: float, keep: float) -> StructuredLaw:
    """N(mean, std^2), every weight kept with probability `keep` and 0 otherwise (Caffe's sparse)."""
    count = math.prod(geometry.shape)

    def build(normals: Normals) -> Array:
        values = mean + std * normals(0, count)
        kept = uniforms(normals(count, count)) < keep
        return np.asarray(np.where(kept, values, 0).reshape(geometry.shape))

    return StructuredLaw("masked_normal", build, math.sqrt(keep * (std**2 + mean**2)), 2 * count)


def remainder_law(geometry: Geometry, std: float, fold: float) -> StructuredLaw:
    """std times what is left of N(0, 1) after division by `fold`, towards 0."""

    def build(normals: Normals) -> Array:
        values: Array = namespace(normals).fmod(normals(0, math.prod(geometry.shape)), fold)
        return (std * values).reshape(geometry.shape)

    rms = std * _remainder_std(fold)
    return StructuredLaw("remainder_normal", build, rms, math.prod(geometry.shape))


def _remainder_std(fold: float) -> float:
    """The root of twice the sum of the integrals of (z - k fold)^2 times the density, fold by fold."""
    edges = fold * np.arange(math.ceil(FARTHEST / fold) + 1)
    beyond = np.array([math.erfc(edge / math.sqrt(2)) / 2 for edge in edges])
    density, start = np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi), edges[:-1]
    squares = -(1 + start**2) * np.diff(beyond) - np.diff(edges * density) + 2 * start * np.diff(density)
    return math.sqrt(2 * float(squares.sum()))


def outputs_first(geometry: Geometry) -> Geometry:
    """The weight as Caffe reads it, outputs on the first axis; as its layout says, where one was given."""
    if geometry.told:
        return geometry.bare()
    roles = ["out", *["in"] * len(geometry.shape)][: len(geometry.shape)]
    return Geometry.of(geometry.shape, " ".join(roles) or "*")


def unitball_law(geometry: Geometry) -> StructuredLaw:
    """Caffe's positive_unitball: U(0, 1), the weights of each output divided by their sum."""
    count, read = math.prod(geometry.shape), outputs_first(geometry)
    stack, outputs, *_ = read.canonical_sizes()
    rows = stack * outputs

    def build(normals: Normals) -> Array:
        values = uniforms(normals(0, count)).reshape(rows, -1)
        return read.from_canonical(values / values.sum(axis=1, keepdims=True))

    columns = max(count // max(rows, 1), 1)
    return StructuredLaw("positive_unitball", build, math.sqrt(4 / 3) / columns, count)


def uniforms(normals: Array) -> Array:
    """P(z < each of the normals): uniform on (0, 1)."""
    from scipy import special  # here, since it takes longer to import than all of isogain

    return np.asarray(special.ndtr(np.asarray(normals, dtype=np.float64)))
