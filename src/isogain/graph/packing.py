"""How several maps lie in one weight, and what a law for each of them is as a law of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogain.checking import Checks
from isogain.core.constructions.packed import Packed
from isogain.core.geometry.layout import ROLES, implied
from isogain.core.values.distributions import StructuredLaw
from isogain.core.values.initializer import Initializer
from isogain.errors import InitializerError, IsogainError

__all__ = ["Packing"]


@dataclass(frozen=True)
class Packing:
    """Maps on an axis of one parameter: stretches of `sizes`, each of one of `parts`, all `repeats` times.

    >>> Packing("qkv", 0, (4, 4, 8), (0, 1, 2), 2, ("out", "in")).names
    ('qkv[0]', 'qkv[1]', 'qkv[2]')
    """

    parameter: str
    axis: int
    sizes: tuple[int, ...]
    parts: tuple[int, ...]
    repeats: int
    own: tuple[str, ...]
    """What each axis of the parameter is."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters that stand for the parts."""
        return tuple(f"{self.parameter}[{part}]" for part in range(max(self.parts) + 1))

    @property
    def layout(self) -> str:
        """The layout of the whole."""
        words = [word for k, word in enumerate(self.own) if word != "*" or "*" not in self.own[:k]]
        return " ".join(words)

    @property
    def divided(self) -> str | None:
        """The layout with its axis divided, as in '(3 out) in'; None where the parts are not even."""
        word = self.own[self.axis]
        even = self.repeats == 1 and len(set(self.sizes)) == 1 and len(self.parts) == len(self.names)
        if not even or word not in ("out", "in") or self.own.count(word) != 1:
            return None
        return " ".join(f"({len(self.parts)} {one})" if one == word else one for one in self.layout.split())

    def law_of(
        self, laws: Sequence[Initializer], shape: tuple[int, ...], geometry: Mapping[str, Any]
    ) -> tuple[Initializer, str]:
        """(initializer, layout) of the whole that give each part its law, with the part's own fans."""
        first = laws[0]
        if all(one == first for one in laws):
            if self.own[self.axis] == "stack" or self._blind(first, shape, geometry):
                return first, self.layout
            if self.divided is not None:
                return first, self.divided
        return Packed(tuple(laws), self.sizes, self.parts, self.repeats, self.axis), self.layout

    def _blind(self, law: Initializer, shape: tuple[int, ...], geometry: Mapping[str, Any]) -> bool:
        """Whether the parts' own fans make no difference to a law drawn element by element."""
        settings = {**geometry, "layout": implied(self.layout)}
        try:
            whole = law.law(shape, **settings)
            each = [law.law(part, **settings) for part in self.shapes(shape)]
        except IsogainError:
            return False
        return not isinstance(whole, StructuredLaw) and all(one == whole for one in each)

    def shapes(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The shape of each part."""
        lengths = [0] * len(self.names)
        for size, part in zip(self.sizes, self.parts, strict=True):
            lengths[part] += size * self.repeats
        return tuple((*shape[: self.axis], length, *shape[self.axis + 1 :]) for length in lengths)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; whose it is stands elsewhere."""
        return {
            "axis": self.axis, "sizes": list(self.sizes), "parts": list(self.parts), "repeats": self.repeats,
            "own": list(self.own),
        }  # fmt: skip

    @staticmethod
    def from_dict(parameter: str, data: Mapping[str, Any]) -> Packing:
        """The packing `to_dict` wrote."""
        sizes, parts, own = (tuple(data[name]) for name in ("sizes", "parts", "own"))
        checks = Checks(InitializerError)
        for name, entries in (("sizes", sizes), ("parts", parts), ("repeats", (data["repeats"],))):
            for entry in entries:
                checks.whole(f"packing: {name}", entry, least=0 if name == "parts" else 1)
        checks.whole("packing: axis", data["axis"], least=0, most=len(own) - 1)
        for word in own:
            checks.choice("packing: own", word, ROLES)
        return Packing(parameter, data["axis"], sizes, parts, data["repeats"], own)

    def __str__(self) -> str:
        text = " | ".join(map(str, self.sizes))
        return text if self.repeats == 1 else f"{self.repeats} x ({text})"
