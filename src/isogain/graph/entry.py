"""Entry: one parameter of a plan, what it starts from and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isogain.checking import Checks, shown
from isogain.core.geometry.fans import Fans, fans
from isogain.core.geometry.layout import Geometry
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError, LayoutError
from isogain.graph.packing import Packing

__all__ = ["Entry", "PlanError", "tidy"]


class PlanError(IsogainError):
    """A plan cannot be made, read, edited or applied as asked; nothing was written."""


CHECKS = Checks(PlanError)


def tidy(value: float) -> float:
    """Nine digits: what rounding left behind (another on each processor) would make equal plans differ."""
    return float(f"{value:.9g}")


@dataclass(frozen=True)
class Entry:
    """One parameter: its initializer (None: it keeps what it has), how its axes are read, and why."""

    path: str
    shape: tuple[int, ...]
    initializer: Initializer | None
    role: str
    reason: str
    layout: str = "out in *"
    groups: int = 1
    stride: int | tuple[int, ...] = 1
    transposed: bool = False
    gain: float = math.nan
    """Predicted root mean square of the operation's output over that of its input; nan where unknown."""
    signal: float = math.nan
    """Root mean square that the operation's output shall have; nan: whatever comes."""
    steady: float = 0.0
    """Relative error of `signal` that is left uncorrected."""
    aliases: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    """The parameters behind a parametrized weight, which is set through its right inverse."""
    rates: tuple[tuple[str, float], ...] = ()
    """(kind of optimizer, factor on the learning rate), where the recipe prescribes one."""
    multiple: float = 1.0
    """The number by which the operation multiplies the parameter: the law is that of the product."""
    drawn_as: str = ""
    """The path whose draw it gets, where it is a copy of that parameter; empty: its own."""
    packing: Packing | None = None
    """How several maps lie in it, where the graph shows that."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", tidy(self.gain))
        object.__setattr__(self, "signal", tidy(self.signal))

    @property
    def kept(self) -> bool:
        """Whether the parameter keeps what it has."""
        return self.initializer is None

    @property
    def fans(self) -> Fans | None:
        """Its fans (of several maps in one weight, those of the first); None where the layout gives none."""
        found = self.fans_of_parts
        return found[0] if found else None

    @property
    def fans_of_parts(self) -> tuple[Fans, ...]:
        """The fans of each of the maps in it, mostly one; none where the layout gives none."""
        settings: dict[str, Any] = {"groups": self.groups, "stride": self.stride}
        settings["transposed"] = self.transposed
        try:
            if self.packing is None:
                return (fans(self.shape, self.layout, **settings),)
            shapes = self.packing.shapes(self.shape)
            return tuple(fans(shape, self.packing.layout, **settings) for shape in shapes)
        except LayoutError:
            return ()

    def correction(self, power: float, offset: float = 0.0) -> float:
        """What brings a mean square of outputs to the plan's; 1 where it is near enough, or cannot be told.

        `offset` is what a bias adds to the mean square, which no factor on the weight changes.
        """
        wanted = self.signal**2 - offset
        if not (power > 0 and wanted > 0 and math.isfinite(power)):
            return 1.0
        factor = math.sqrt(wanted / power)
        # four digits: what rounding differs by from machine to machine shall not show in the weights
        return 1.0 if abs(factor - 1) <= self.steady else float(f"{factor:.4g}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, defaults left out."""
        found: dict[str, Any] = {
            "path": self.path, "shape": list(self.shape),
            "initializer": self.initializer.to_dict() if self.initializer else None,
            "role": self.role, "reason": self.reason, "layout": self.layout,
        }  # fmt: skip
        for name, plain in (
            ("groups", 1),
            ("stride", 1),
            ("transposed", False),
            ("steady", 0.0),
            ("multiple", 1.0),
            ("drawn_as", ""),
        ):
            value = getattr(self, name)
            if value != plain:
                found[name] = list(value) if isinstance(value, tuple) else value
        for name in ("gain", "signal"):
            if math.isfinite(value := getattr(self, name)):
                found[name] = value
        for name in ("aliases", "originals"):
            if getattr(self, name):
                found[name] = list(getattr(self, name))
        if self.rates:
            found["rates"] = dict(self.rates)
        if self.packing is not None:
            found["packing"] = self.packing.to_dict()
        return found

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Entry:
        """The entry `to_dict` wrote."""
        if not isinstance(data, Mapping):
            raise PlanError(f"an entry of a plan is read from a dictionary, got {shown(data)}")
        try:
            content = dict(data)
            law = content.pop("initializer")
            for name in ("shape", "aliases", "originals"):
                content[name] = tuple(content.get(name, ()))
            content["rates"] = tuple(dict(content.get("rates", {})).items())
            _check_types(content)
            if "packing" in content:
                content["packing"] = Packing.from_dict(content["path"], content["packing"])
            if isinstance(content.get("stride"), list):
                content["stride"] = tuple(content["stride"])
            return Entry(initializer=None if law is None else Initializer.from_dict(law), **content)
        except PlanError:
            raise
        except Exception as error:  # whatever stood in the text
            raise PlanError(f"not an entry of a plan: {shown(data)} ({error})") from error


def _check_types(content: Mapping[str, Any]) -> None:
    """Refuse what the rest of a plan could not read."""
    place = f"the entry {shown(content.get('path'))}: "
    for name in ("path", "role", "reason", "layout"):
        CHECKS.text(f"{place}{name}", content.get(name, ""), "fc.weight")
    for name in ("gain", "signal", "steady"):
        CHECKS.number(f"{place}{name}", content.get(name, 0.0))
    for name in (*content["aliases"], *content["originals"], *(name for name, _ in content["rates"])):
        CHECKS.text(f"{place}aliases, originals and kinds of optimizer", name, "fc.weight")
    for _, factor in content["rates"]:
        CHECKS.number(f"{place}a factor on the rate", factor, least=0)
    use = {name: content[name] for name in ("groups", "stride", "transposed") if name in content}
    Geometry.of(content["shape"], content.get("layout", "out in *"), **use)
