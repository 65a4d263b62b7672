"""Several maps in one weight, each with its own law and its own fans: [q | k | v], gate and up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.core.constructions.haar import namespace
from isogain.core.constructions.structured import uniforms
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import (
    CHECKS,
    ConstantLaw,
    Law,
    NormalLaw,
    Normals,
    StructuredLaw,
    TruncatedNormalLaw,
    UniformLaw,
    require,
)
from isogain.core.values.initializer import Initializer, check_count, refuse_complex
from isogain.errors import DrawError, InitializerError
from isogain.memory import require_room

__all__ = ["Packed"]

Array = NDArray[Any]
Build = Callable[[Normals], Array]
Box = tuple[slice, ...]


@final
@dataclass(frozen=True, repr=False)
class Packed(Initializer):
    """Maps that lie side by side on one axis of a weight, each drawn as if it were a weight of its own.

    The axis is read in stretches of `sizes` entries, the whole row of them `repeats` times (once for
    [q | k | v]; once a head where queries, keys and values alternate); `parts` says whose each stretch is:
    laws[parts[k]].  All stretches of one part, in order, are one weight with the fans of that shape, so an
    orthogonal part is orthogonal by itself.  Laws drawn element by element and structured ones may be mixed.

    >>> from isogain.core.initializers import Orthogonal, VarianceScaling
    >>> law = Packed((Orthogonal(), VarianceScaling(0.5)), sizes=(4, 4, 8), parts=(0, 0, 1))
    >>> round(law.law((16, 8), layout="out in").std ** 2 * 8, 3)
    0.75
    """

    laws: tuple[Initializer, ...] = ()
    sizes: tuple[int, ...] = ()
    parts: tuple[int, ...] = ()
    repeats: int = 1
    axis: int = 0
    quiet: ClassVar[tuple[str, ...]] = ("repeats", "axis")

    def __post_init__(self) -> None:
        for name in ("laws", "sizes", "parts"):
            entries = CHECKS.series(f"Packed: {name}", getattr(self, name), "entries")
            object.__setattr__(self, name, entries)
        lawful = all(isinstance(one, Initializer) and not isinstance(one, Packed) for one in self.laws)
        require(
            lawful and bool(self.laws),
            f"Packed: laws are initializers, none of them packed, got {shown(self.laws)}",
        )
        check_count("Packed", repeats=self.repeats, **{f"sizes[{k}]": v for k, v in enumerate(self.sizes)})
        CHECKS.whole("Packed: axis", self.axis, least=-64, most=63)
        for k, part in enumerate(self.parts):
            CHECKS.whole(f"Packed: parts[{k}]", part, least=0, most=len(self.laws) - 1)
        require(
            len(self.sizes) == len(self.parts),
            "Packed: sizes and parts have one entry a stretch each, "
            f"got {shown(self.sizes)} and {shown(self.parts)}",
        )
        named = set(self.parts) == set(range(len(self.laws)))
        require(
            named,
            f"Packed: parts name each of the {len(self.laws)} laws by its number, got {shown(self.parts)}",
        )

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        axis, shape = self._axis(geometry), geometry.shape
        pieces: list[tuple[Build, int]] = []
        parts: list[_Part | _Whole] = []
        first, squares = 0, 0.0
        for number, one in enumerate(self.laws):
            length = self.repeats * sum(s for s, p in zip(self.sizes, self.parts, strict=True) if p == number)
            part = replace(geometry, shape=(*shape[:axis], length, *shape[axis + 1 :]))
            law, count = one._law(part, False), math.prod(part.shape)
            pieces.append((_builder(law, part.shape), first))
            parts.append(_part(law, part.shape, first))
            first += law.normals if isinstance(law, StructuredLaw) else count
            squares += count * (law.std**2 + abs(law.mean) ** 2)

        def build(normals: Normals) -> Array:
            built = [make(_from(normals, start)) for make, start in pieces]
            return self._woven(built, axis)

        rms = math.sqrt(squares / max(math.prod(shape), 1))
        return StructuredLaw("packed", build, rms, first, partial(self._opened, parts, axis))

    def _opened(self, parts: Sequence[_Part | _Whole], axis: int, normals: Normals) -> Callable[[Box], Array]:
        return partial(self._box, [one.opened(normals) for one in parts], axis)

    def _box(self, parts: list[Callable[[Box], Array]], axis: int, box: Box) -> Array:
        """A box of the weight: of each part what lies in it."""
        found, taken, low = [], [0] * len(parts), 0
        for size, part in zip(self.sizes * self.repeats, self.parts * self.repeats, strict=True):
            start, stop = max(box[axis].start, low), min(box[axis].stop, low + size)
            if start < stop:
                moved = slice(start - low + taken[part], stop - low + taken[part])
                found.append(parts[part]((*box[:axis], moved, *box[axis + 1 :])))
            taken[part] += size
            low += size
        return np.concatenate(found, axis=axis)

    def _axis(self, geometry: Geometry) -> int:
        dims, length = len(geometry.shape), self.repeats * sum(self.sizes)
        if not -dims <= self.axis < dims or geometry.shape[self.axis] != length:
            raise InitializerError(
                f"Packed: axis {self.axis} has to have {length} entries, the sum of its stretches, but the "
                f"shape is {geometry.shape}"
            )
        return self.axis % dims

    def _woven(self, built: list[Array], axis: int) -> Array:
        """The parts' stretches in their places on the axis."""
        xp = namespace(built[0])
        shape = built[0].shape
        rows = [(*shape[:axis], self.repeats, one.shape[axis] // self.repeats) for one in built]
        opened = [xp.reshape(one, (*r, *shape[axis + 1 :])) for one, r in zip(built, rows, strict=True)]
        taken = [0] * len(built)
        stretches = []
        for size, part in zip(self.sizes, self.parts, strict=True):
            place = (slice(None),) * (axis + 1) + (slice(taken[part], taken[part] + size),)
            stretches.append(opened[part][place])
            taken[part] += size
        whole = xp.concatenate(stretches, axis=axis + 1)
        length = self.repeats * sum(self.sizes)
        woven: Array = xp.reshape(whole, (*shape[:axis], length, *shape[axis + 1 :]))
        return woven


@dataclass(frozen=True)
class _Part:
    """A map drawn element by element: what its numbers are of standard normals, and where theirs begin."""

    element: Callable[[Array], Array]
    shape: tuple[int, ...]
    first: int

    def opened(self, normals: Normals) -> Callable[[Box], Array]:
        """What gives a box of it."""
        return partial(self._box, normals)

    def _box(self, normals: Normals, box: Box) -> Array:
        """A box of it, from the normals of its rows (of one row, of that row's rows)."""
        first, shape, inner = self.first, self.shape, box
        while len(inner) > 1 and inner[0].stop - inner[0].start == 1:
            first += inner[0].start * math.prod(shape[1:])
            shape, inner = shape[1:], inner[1:]
        rows, width = inner[0], math.prod(shape[1:])
        drawn = self.element(normals(first + rows.start * width, (rows.stop - rows.start) * width))
        found = drawn.reshape(-1, *shape[1:])[(slice(None), *inner[1:])]
        return found.reshape([one.stop - one.start for one in box])


@dataclass(frozen=True)
class _Whole:
    """A map that is one construction, built once and only where a box has some of it."""

    build: Build
    shape: tuple[int, ...]
    first: int

    def opened(self, normals: Normals) -> Callable[[Box], Array]:
        """What gives a box of it."""
        built = cache(partial(self._built, normals))
        return lambda box: built()[box]

    def _built(self, normals: Normals) -> Array:
        require_room(4 * math.prod(self.shape), f"a packed construction of shape {self.shape}", DrawError)
        return np.asarray(self.build(_from(normals, self.first)))


def _part(law: Law, shape: tuple[int, ...], first: int) -> _Part | _Whole:
    if isinstance(law, StructuredLaw):
        return _Whole(law.build, shape, first)
    return _Part(_element(law), shape, first)


def _from(normals: Normals, start: int) -> Normals:
    return lambda first, count: normals(start + first, count)


def _builder(law: Law, shape: tuple[int, ...]) -> Build:
    """What makes an array of this law from standard normals."""
    if isinstance(law, StructuredLaw):
        return law.build
    element = _element(law)
    count = math.prod(shape)
    return lambda normals: element(normals(0, count)).reshape(shape)


def _element(law: Law) -> Callable[[Array], Array]:
    if isinstance(law, ConstantLaw):
        return lambda z: z * 0 + law.value
    if isinstance(law, NormalLaw):
        return lambda z: law.location + law.scale * z
    if isinstance(law, UniformLaw):
        return lambda z: law.low + (law.high - law.low) * uniforms(z)
    if isinstance(law, TruncatedNormalLaw):
        return lambda z: _truncated(law, uniforms(z))
    raise InitializerError(f"Packed: {law.kind} laws cannot be a part of a packed weight")


def _truncated(law: TruncatedNormalLaw, share: Array) -> Array:
    from scipy import special  # here, since it takes longer to import than all of isogain

    low, high = special.ndtr(law.alpha), special.ndtr(law.beta)
    drawn = law.location + law.scale * special.ndtri(low + (high - low) * share)
    return np.asarray(np.clip(drawn, law.low, law.high))
