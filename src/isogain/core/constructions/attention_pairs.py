"""Weights that are factors of one product: query and key, value and output of attention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Law, Normals, StructuredLaw, require_finite
from isogain.core.values.initializer import (
    Initializer,
    check_count,
    refuse_complex,
    require_choice,
    require_matrix,
)
from isogain.errors import InitializerError

__all__ = ["Mimetic"]

Array = NDArray[Any]
PARTS = ("query", "key", "value", "output")


@final
@dataclass(frozen=True, repr=False)
class Mimetic(Initializer):
    """Attention weights whose products are near the identity, as those of trained vision transformers are.

    With Z of N(0, 1/d) entries and head size k, for each head W_Q W_K^T is the best approximation of rank k
    of  query_noise Z + query_identity I,  and  W_V W_out = value_noise Z - value_identity I;  both factors
    take the square roots of the singular values.  Draw the parts of one attention layer with the SAME
    seed and path, or they will not be factors of one product.  part 'packed' fills (3 out) in: query, key
    and value.  Trockman & Kolter 2023, arXiv 2305.09828, section 3.
    """

    part: str = "query"
    heads: int = 1
    query_noise: float = 0.7
    query_identity: float = 0.7
    value_noise: float = 0.4
    value_identity: float = 0.4
    quiet: ClassVar[tuple[str, ...]] = ("query_noise", "query_identity", "value_noise", "value_identity")

    def __post_init__(self) -> None:
        require_choice(self, "part", (*PARTS, "packed"))
        check_count("Mimetic", heads=self.heads)
        require_finite(self, **{name: getattr(self, name) for name in self.quiet})

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        require_matrix(self, geometry)
        stack, outputs, inputs, receptive = geometry.canonical_sizes()
        self._check(geometry, (stack, outputs, inputs, receptive))
        width = outputs if self.part == "output" else inputs
        parts = ("query", "key", "value") if self.part == "packed" else (self.part,)
        count = (self.heads + 1) * width * width

        def build(normals: Normals) -> Array:
            drawn = normals(0, count).astype(np.float64).reshape(-1, width, width) / math.sqrt(width)
            filled = [self._factor(part, drawn, outputs, inputs) for part in parts]
            return geometry.from_canonical(np.stack(filled).reshape(stack, outputs, inputs))

        return StructuredLaw("mimetic", build, self._rms(parts, width, outputs), count)

    def _check(self, geometry: Geometry, sizes: tuple[int, int, int, tuple[int, ...]]) -> None:
        stack, outputs, inputs, receptive = sizes
        inner, width = (inputs, outputs) if self.part == "output" else (outputs, inputs)
        wanted = 3 if self.part == "packed" else 1
        if receptive or stack != wanted or inner % self.heads or inner > width:
            fills = "(3 out) in" if wanted == 3 else "one out x in"
            raise InitializerError(
                f"Mimetic(part={self.part!r}, heads={self.heads}) does not fit the shape {geometry.shape} "
                f"read as {str(geometry.layout)!r}: it fills {fills} weights, cut into heads"
            )

    def _factor(self, part: str, drawn: Array, outputs: int, inputs: int) -> Array:
        """One weight, out x in, from the noise of all heads and of the value product."""
        if part in ("query", "key"):
            size, side = outputs // self.heads, PARTS.index(part)
            products = [self._product(noise, query=True) for noise in drawn[:-1]]
            return np.concatenate([_square_roots(one, size)[side] for one in products], axis=1).T
        inner = outputs if part == "value" else inputs
        left, right = _square_roots(self._product(drawn[-1], query=False), inner)
        return np.asarray(left.T if part == "value" else right)

    def _product(self, noise: Array, *, query: bool) -> Array:
        identity = np.eye(len(noise))
        if query:
            return np.asarray(self.query_noise * noise + self.query_identity * identity)
        return np.asarray(self.value_noise * noise - self.value_identity * identity)

    def _rms(self, parts: tuple[str, ...], width: int, inner: int) -> float:
        """The order of magnitude: singular values as if all were their root mean square."""
        squares = [
            math.hypot(self.query_noise, self.query_identity)
            if part in ("query", "key")
            else math.hypot(self.value_noise, self.value_identity)
            for part in parts
        ]
        return math.sqrt(sum(squares) / len(squares) / max(width, 1))


def _square_roots(product: Array, rank: int) -> tuple[Array, Array]:
    """L, R of shape (d, rank) and, for R, (d, rank) with L R^T the best approximation of that rank."""
    left, values, right = np.linalg.svd(product)
    roots = np.sqrt(values[:rank])
    return left[:, :rank] * roots, right[:rank].T * roots
