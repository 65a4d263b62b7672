"""What a coordinate check found: data, with its slopes, its verdict and its picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from isogain.rendering import MOST_LINES, Shown, rendered, shortened

__all__ = ["CoordinateCheck", "Movement"]

FLAT = 1.2
"""Largest ratio between the movements at two widths that is called flat."""


@dataclass(frozen=True)
class Movement:
    """One layer at one width, seed and step: the size of its output, and how far it has moved."""

    width: int
    seed: int
    step: int
    layer: str
    size: float
    moved: float


@dataclass(frozen=True)
class CoordinateCheck(Shown):
    """Every layer's movement over width; prints as a table, `to_html` and `to_png` draw it."""

    shown_as: ClassVar[str] = "coordinates"
    movements: tuple[Movement, ...]
    recipe: str
    optimizer: str
    lr: float
    steps: int

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Layers that every width has, in the order they run."""
        found: dict[str, set[int]] = {}
        for one in self.movements:
            found.setdefault(one.layer, set()).add(one.width)
        return tuple(layer for layer, widths in found.items() if len(widths) == len(self.widths))

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The widths, ascending."""
        return tuple(sorted({one.width for one in self.movements}))

    def movement(self, layer: str, step: int | None = None) -> Mapping[int, float]:
        """Width -> movement after `step` updates (the last one), the mean over seeds."""
        wanted = self.steps if step is None else step
        rows = [one for one in self.movements if one.layer == layer and one.step == wanted]
        return {
            width: float(np.mean([one.moved for one in rows if one.width == width])) for width in self.widths
        }

    @cached_property
    def slopes(self) -> Mapping[str, float]:
        """Layer -> d ln(movement) / d ln(width) after the last step; 0 where it does not depend on width."""
        found = {}
        for layer in self.layers:
            moved = self.movement(layer)
            values = np.array([moved[width] for width in self.widths])
            if (values > 0).all():
                found[layer] = float(np.polyfit(np.log(self.widths), np.log(values), 1)[0])
            else:
                found[layer] = math.nan
        return found

    @cached_property
    def spread(self) -> Mapping[str, float]:
        """Layer -> the largest movement at any width over the smallest, after the last step."""
        found = {}
        for layer in self.layers:
            moved = list(self.movement(layer).values())
            found[layer] = max(moved) / min(moved) if min(moved) > 0 else math.inf
        return found

    @property
    def flat(self) -> bool:
        """Whether every layer moves equally far at every width, to within 20 %."""
        return bool(self.spread) and all(ratio <= FLAT for ratio in self.spread.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "schema": "isogain.coordinates/1",
            "flat": self.flat,
            "slopes": dict(self.slopes),
            **asdict(self),
        }

    def records(self) -> Iterator[dict[str, Any]]:
        """Every movement: width, seed, step, layer, size, moved."""
        return (asdict(one) for one in self.movements)

    def __repr__(self) -> str:
        found = "flat" if self.flat else "not flat"
        return (
            f"<CoordinateCheck of {self.recipe}: {found} over widths {self.widths[0]} to {self.widths[-1]}>"
        )

    def __str__(self) -> str:
        longest = max((len(layer) for layer in self.layers), default=5)
        head = f"{'layer':<{longest}}  " + "  ".join(f"{width:>8}" for width in self.widths)
        lines = [f"movement after {self.steps} steps, {self.recipe}, {self.optimizer}, lr {self.lr:g}"]
        lines.append(f"{head}     slope  largest / smallest")
        rows = [self._line(layer, longest) for layer in self.layers]
        lines += shortened(rows, MOST_LINES - 4, ".slopes and .to_frame() have them all")
        lines.append("flat within 20 %" if self.flat else "not flat: movement depends on the width")
        return "\n".join(lines)

    def _line(self, layer: str, longest: int) -> str:
        moved = "  ".join(f"{value:8.3g}" for value in self.movement(layer).values())
        return f"{layer:<{longest}}  {moved}  {self.slopes[layer]:+8.2f}  {self.spread[layer]:8.2f}"

    def to_png(self, folder: str | Path) -> Path:
        """Writes the picture into a folder as coordinate-check-figure-1.png; returns its path."""
        written: Path = rendered("coordinates.picture", self, folder)
        return written
