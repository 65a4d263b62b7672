"""The axes along which an experiment can be changed: widths, depths, activations, starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, NamedTuple

from isogain.checking import Checks, shown
from isogain.core.activations import activation
from isogain.core.initializers import Normal
from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError, LabError

__all__ = ["Axes", "Point", "axes_of"]

CHECKS = Checks(LabError)
WIDEST, DEEPEST = 10_000, 10_000


class Point(NamedTuple):
    """One combination: what an arm is built of, and how its setting and its start are called."""

    setting: str
    start: str
    width: int
    depth: int
    activation: str
    law: Initializer


@dataclass(frozen=True)
class Axes:
    """What was asked for; an empty axis stays as the experiment has it."""

    widths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    activations: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(asdict(self).values())

    @property
    def arguments(self) -> list[str]:
        """The command's words for them."""
        given = [(name, values) for name, values in asdict(self).items() if values]
        return [word for name, values in given for word in (f"--{name}", ",".join(map(str, values)))]

    def points(
        self, width: int, depth: int, names: Sequence[str], starts: Mapping[str, Initializer]
    ) -> Iterator[Point]:
        """Every combination; what was not asked for is as given here."""
        laws = {_called(start): law_of(start) for start in self.starts} or dict(starts)
        axes = (self.activations or names, self.widths or (width,), self.depths or (depth,))
        for which, wide, deep in product(*axes):
            for start, law in laws.items():
                yield Point(_setting(which, wide, deep), start, wide, deep, which, law)


def _setting(name: str, width: int, depth: int) -> str:
    return f"{name}, {depth} x {width}"


def _called(start: str) -> str:
    """A start's name on figures: that of the catalog, or "std 0.01"."""
    return f"std {start}" if start.replace(".", "", 1).isdigit() else start


def law_of(start: str) -> Initializer:
    """A name of the catalog, or a standard deviation: "0.01" or "std 0.01"."""
    try:
        return Normal(float(start.removeprefix("std").strip()))
    except ValueError:
        pass
    try:
        return get(start)
    except IsogainError as error:
        raise LabError(f"starts: {error}") from error


def axes_of(widths: Any = (), depths: Any = (), activations: Any = (), starts: Any = ()) -> Axes:
    """The axes as given, each one value or several; LabError names a value that cannot be."""
    wide = (CHECKS.whole("widths", one, most=WIDEST) for one in _several("widths", widths))
    deep = (CHECKS.whole("depths", one, most=DEEPEST) for one in _several("depths", depths))
    names = _several("activations", activations)
    laws = tuple(str(one) for one in _several("starts", starts))
    for name in names:
        _check_activation(name)
    for start in laws:
        law_of(start)
    return Axes(tuple(wide), tuple(deep), tuple(names), laws)


def _several(name: str, given: Any) -> Sequence[Any]:
    if given is None:
        return ()
    if isinstance(given, (str, int, float)):
        return (given,)
    if callable(given):
        raise LabError(f"{name} are given by name, got {shown(given)}; a function of one's own: igt.trial")
    found: Sequence[Any] = CHECKS.series(name, given, "values")
    if len(set(map(str, found))) < len(found):
        raise LabError(f"{name}: every value once, got {shown(given)}")
    return found


def _check_activation(name: Any) -> None:
    try:
        activation(CHECKS.text("activations", name, "relu"))
    except IsogainError as error:
        raise LabError(f"activations: {error}") from error
