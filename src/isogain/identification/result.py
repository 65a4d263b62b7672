"""What is found: for each tensor the laws that fit, or that none does."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from isogain.checking import shown
from isogain.core.values.initializer import Initializer
from isogain.errors import DataError
from isogain.rendering import Line

__all__ = ["Fit", "Identification", "Identified"]


@dataclass(frozen=True)
class Fit(Line):
    """A law that the values could have been drawn from."""

    initializer: Initializer
    says: str
    """The law as a formula, with what its number may come from."""
    distance: float
    """Between its scale and the values' own, in standard errors."""
    named: bool = True
    """Whether its scale is one that somebody writes, and not merely the values' own."""

    def __str__(self) -> str:
        return f"{self.says}, {self.distance:.2g} standard errors off"


@dataclass(frozen=True)
class Identified:
    """One tensor."""

    path: str
    shape: tuple[int, ...]
    verdict: str
    """'drawn' (a law fits), 'constant', 'pattern' (computed, like an identity), 'none' (no law fits: trained,
    or drawn otherwise), 'few' (too few values to tell)."""
    fits: tuple[Fit, ...]
    """Likeliest first; empty unless drawn, constant or a pattern."""
    reason: str
    same_as: str = ""
    """The tensor whose values these are: tied, or a copy."""
    tied: bool = False
    """Whether it shares that one's memory."""
    values: int = 0
    """How many values were looked at."""
    faults: tuple[str, ...] = ()
    """What no independent draws of one law do, and these values did."""

    @property
    def initializer(self) -> Initializer | None:
        """The likeliest law; None where none fits."""
        return self.fits[0].initializer if self.fits else None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-ready data."""
        names = ("path", "verdict", "reason", "same_as", "tied", "values")
        fits = [
            {"initializer": f.initializer.to_dict(), "says": f.says, "distance": f.distance}
            for f in self.fits
        ]
        return {name: getattr(self, name) for name in names} | {"shape": list(self.shape), "fits": fits}

    def __str__(self) -> str:
        said = self.fits[0].says if self.fits else self.reason
        others = f" (or {'; '.join(fit.says for fit in self.fits[1:3])})" if len(self.fits) > 1 else ""
        same = f"; {'tied to' if self.tied else 'a copy of'} {self.same_as}" if self.same_as else ""
        return f"{self.path}  {list(self.shape)}  {said}{others}{same}"


class Identification(Mapping[str, Identified]):
    """Path -> Identified; prints as a list with a count of verdicts."""

    def __init__(self, found: Mapping[str, Identified]) -> None:
        self._found = dict(found)

    def __getitem__(self, path: str) -> Identified:
        if not isinstance(path, str) or path not in self._found:
            raise DataError(
                f"no tensor of real numbers is called {shown(path)}; there are {len(self._found)}"
            )
        return self._found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def counts(self) -> dict[str, int]:
        """How many tensors of each verdict."""
        return dict(Counter(one.verdict for one in self._found.values()))

    @property
    def trained(self) -> bool | None:
        """True where most values lie in tensors that no law fits; None where too few could be told."""
        sizes: Counter[str] = Counter()
        for one in self._found.values():
            sizes[one.verdict] += _count(one.shape)
        told = sizes["drawn"] + sizes["none"]
        return sizes["none"] > told / 2 if told else None

    def to_dict(self) -> dict[str, Any]:
        """All findings as JSON-ready data."""
        return {
            "schema": "isogain.identification/1",
            "tensors": [one.to_dict() for one in self._found.values()],
        }

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        return "\n".join([f"{len(self)} tensors: {counts}", *map(str, self._found.values())])

    def _repr_html_(self) -> str:
        rows = []
        for one in self._found.values():
            said = "; ".join(fit.says for fit in one.fits) or one.reason
            cells = (one.path, "×".join(map(str, one.shape)), one.verdict, said, one.same_as)
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{name}</th>" for name in ("tensor", "shape", "verdict", "laws", "same as"))
        return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
