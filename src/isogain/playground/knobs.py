"""The knobs of the playground: what each may be, and where it stands when the page opens."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, final

from isogain.checking import shown
from isogain.errors import IsogainError
from isogain.playground.laws import GROUPS

__all__ = ["KNOBS", "Choice", "Number", "PlaygroundError", "checked", "described"]


class PlaygroundError(IsogainError):
    """A knob that does not exist, or cannot be turned there."""


@final
@dataclass(frozen=True)
class Choice:
    """One of several names."""

    start: str
    of: tuple[str, ...]
    kind: str = "choice"

    def check(self, name: str, value: object) -> str:
        """The value, if it is one of them."""
        if isinstance(value, str) and value in self.of:
            return value
        near = difflib.get_close_matches(str(value), self.of, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it may be {', '.join(self.of)}"
        raise PlaygroundError(f"{name}={shown(value)} is not on the playground; {hint}")


@final
@dataclass(frozen=True)
class Number:
    """A number in [least, most]; a whole one, or one turned in equal ratios, where it says so."""

    start: float
    least: float
    most: float
    whole: bool = False
    ratio: bool = False
    kind: str = "number"

    def check(self, name: str, value: object) -> float:
        """The value, if it is such a number."""
        number = not isinstance(value, bool) and isinstance(value, int if self.whole else int | float)
        if number and self.least <= value <= self.most:  # type: ignore[operator]
            return value  # type: ignore[return-value]
        what = "a whole number" if self.whole else "a number"
        raise PlaygroundError(
            f"{name} must be {what} from {self.least:g} to {self.most:g}, got {shown(value)}"
        )


LAWS: Final = tuple(name for names in GROUPS.values() for name in names)
ACTIVATIONS: Final = (
    *("relu", "tanh", "sigmoid", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "softsign"),
    *("softplus", "linear"),
)
KNOBS: Final[Mapping[str, Choice | Number]] = {
    "activation": Choice("relu", ACTIVATIONS),
    "law": Choice("he_normal", LAWS),
    "gain": Number(1.0, 0.01, 100.0, ratio=True),
    "depth": Number(5, 1, 50, whole=True),
    "width": Number(100, 4, 400, whole=True),
    "bias": Number(0.0, 0.0, 2.0),
    "normalization": Choice("none", ("none", "batch", "layer", "rms")),
    "residual": Choice("none", ("none", "one", "depth")),
    "inputs": Choice("normal", ("normal", "uniform", "digits")),
    "seed": Number(0, 0, 2**53 - 1, whole=True),
    "other": Choice("small_normal", LAWS),
    "task": Choice("circles", ("circles", "moons", "spirals", "digits")),
    "rate": Number(0.1, 0.001, 3.0, ratio=True),
    "steps": Number(300, 20, 2000, whole=True),
    "scene": Number(0, 0, 6, whole=True),
    "lang": Choice("en", ("en", "zh")),
}
"""`gain` multiplies the weights of the law; `other` is the start that races against it in training."""


def checked(state: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs that were named, each where it can stand.

    >>> checked({"activation": "tanh", "depth": 10})
    {'activation': 'tanh', 'depth': 10}
    """
    for name in state:
        if name not in KNOBS:
            near = difflib.get_close_matches(name, KNOBS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the knobs are {', '.join(KNOBS)}"
            raise PlaygroundError(f"the playground has no knob {name!r}; {hint}")
    return {name: KNOBS[name].check(name, value) for name, value in state.items()}


def described() -> dict[str, dict[str, Any]]:
    """All knobs as the page reads them."""
    return {name: asdict(knob) for name, knob in KNOBS.items()}
