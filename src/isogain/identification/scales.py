"""Which numbers people write: fans times squares of gains, round numbers, and those over a root of depth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from isogain.core.geometry.fans import FRAMEWORK_RULES
from isogain.core.initializers import VarianceScaling
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError

__all__ = ["Scale", "named_scales", "rounded"]

GAINS = {
    1.0: ("1", 0), 2.0: ("2", 0), 1 / 3: ("1/3", 1), 0.5: ("1/2", 2), 0.4: ("2/5", 2),
    25 / 9: ("25/9", 3), 9 / 16: ("9/16", 3),
    4.0: ("4", 3), 0.25: ("1/4", 3), 2 / 3: ("2/3", 3), 3.0: ("3", 3), 1 / 9: ("1/9", 3),
}  # fmt: skip
"""Squares of gains, as they are written, and how seldom they are."""
RULES = ("torch", "keras", "mlx", "first_in", "last_out", "two_axes", "last_two")
MODES = {"fan_in": 0, "fan_out": 1, "fan_avg": 1, "fan_geo_avg": 5}
DEEPEST = 128


@dataclass(frozen=True)
class Scale:
    """A standard deviation that could have been meant."""

    std: float
    says: str
    rarity: float
    """In nats: how much less likely than a usual one."""
    initializer: Initializer | None = None
    """Where it is one of a fan's."""


def named_scales(
    shape: Sequence[int], distribution: str, about: float, within: float, first_rule: str = "torch",
    weight: Sequence[int] = (),
) -> Iterator[Scale]:  # fmt: skip
    """The scales of this shape within a share of `about`; `weight`: the shape of a bias' weight."""
    fans = [*_of_fans(shape, distribution, first_rule), *_of_bias(weight, distribution, first_rule)]
    yield from (one for one in fans if abs(one.std / about - 1) <= within)
    yield from _round(about, within, distribution)
    yield from _of_depth(about, within)


def _of_fans(shape: Sequence[int], distribution: str, first_rule: str) -> Iterator[Scale]:
    if len(shape) < 2 or 0 in shape:
        return
    seen: set[float] = set()
    for place, rule in enumerate(dict.fromkeys((first_rule, *RULES))):
        try:
            fans = FRAMEWORK_RULES[rule](shape)
        except IsogainError:
            continue
        for mode, seldom in MODES.items():
            for gain, (written, rare) in GAINS.items():
                std = math.sqrt(gain / max(fans.get(mode), 1))
                if round(math.log(std), 9) in seen:
                    continue
                seen.add(round(math.log(std), 9))
                value = VarianceScaling(gain, mode, distribution, "corrected", rule)
                usual = _usual(gain, mode, distribution)
                rarity = rare + seldom + 0.5 * place + (-2.0 if usual else 2.0 if gain == 1 / 3 else 0.0)
                yield Scale(std, f"{written} / {mode} ({fans.get(mode):g})", rarity, value)


def _of_bias(weight: Sequence[int], distribution: str, first_rule: str) -> Iterator[Scale]:
    """U(±1/√fan_in) of the weight beside it, as torch's layers have it."""
    if len(weight) < 2 or 0 in weight or distribution != "uniform":
        return
    rules = dict.fromkeys((first_rule, *RULES))
    for place, fan in enumerate(dict.fromkeys(FRAMEWORK_RULES[rule](weight).fan_in for rule in rules)):
        yield Scale(1 / math.sqrt(3 * fan), f"1/√{fan:g}, the fan_in of its weight", -2.0 + place)


def _usual(gain: float, mode: str, distribution: str) -> bool:
    """What layers of the large frameworks start from."""
    torch = (math.isclose(gain, 1 / 3) and mode == "fan_in") or (gain == 1 and mode == "fan_avg")
    return torch if distribution == "uniform" else gain in (1, 2) and mode in ("fan_in", "fan_out")


def _round(about: float, within: float, distribution: str) -> Iterator[Scale]:
    """A number of one, two or three digits: of the std, and of the bound where the law is uniform."""
    factor = math.sqrt(3) if distribution == "uniform" else 1.0
    for digits in (1, 2, 3):
        number = rounded(about * factor, digits)
        if (
            number
            and abs(number / factor / about - 1) <= within
            and (digits == 1 or number != rounded(number, digits - 1))
        ):
            leading = 0.0 if f"{number:e}"[0] in "125" else 3.0
            yield Scale(number / factor, f"{number:g}", (leading, 4.0, 7.0)[digits - 1])


def _of_depth(about: float, within: float) -> Iterator[Scale]:
    """.02 over √(2 layers), and the like: what ends a branch."""
    for number in (0.02, 0.006, 0.01):
        count = round((number / about) ** 2)
        if 2 <= count <= 2 * DEEPEST and abs(number / math.sqrt(count) / about - 1) <= within:
            yield Scale(number / math.sqrt(count), f"{number:g} / √{count}", 4.0 + math.log(count))


def rounded(value: float, digits: int) -> float:
    """To significant digits."""
    return float(f"{value:.{digits - 1}e}")
