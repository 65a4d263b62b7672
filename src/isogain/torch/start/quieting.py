"""A start whose loss is above the own one's: ends are made quieter until it is not.

How loud a network's answers may be follows from what is done with them: logarithms of scales, second
derivatives, sums over terms, products.  The loss tells; that depth carries signals does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from torch import nn

from isogain.torch.draw.targets import Target, targets
from isogain.torch.record.gauge import Gauge

__all__ = ["costs_more", "quietened", "unscale"]

ROOM = 0.25
"""Share by which a first loss may rise above the own start's."""
FACTORS = (0.3, 0.1, 0.03, 0.01)
"""By which ends are made quieter, one after the other."""


def costs_more(own: float, drawn: float) -> bool:
    """Whether a loss rose by more than `ROOM` of its size, or is no number any more."""
    return math.isfinite(own) and not drawn <= own + ROOM * abs(own)


def quietened(
    model: nn.Module, ends: Iterable[str], own: float, drawn: float, measure: Callable[[], Gauge]
) -> tuple[Mapping[str, float], Gauge | None]:
    """(path -> factor, what was measured then); nothing where every factor costs as much or more.

    The first that brings the loss near the own start's, or else the one that costs least.
    """
    found = targets(model)
    scaled = [found[path] for path in ends if path in found and found[path].free() and not found[path].fixed]
    if not scaled or not costs_more(own, drawn):
        return {}, None
    tried: dict[float, Gauge] = {}
    done = 1.0
    for factor in FACTORS:
        _scale(scaled, factor / done)
        done, tried[factor] = factor, measure()
        if not costs_more(own, tried[factor].loss):
            break
    best = min(tried, key=lambda factor: _cost(tried[factor]))
    if not _cost(tried[best]) < (drawn if math.isfinite(drawn) else math.inf):
        _scale(scaled, 1 / done)
        return {}, None
    _scale(scaled, best / done)
    return {target.path: best for target in scaled}, tried[best]


def unscale(model: nn.Module, factors: Mapping[str, float]) -> None:
    """Takes back the factors of these paths."""
    found = targets(model)
    for path, factor in factors.items():
        found[path].scale(1 / factor)


def _scale(found: Iterable[Target], factor: float) -> None:
    for target in found:
        target.scale(factor)


def _cost(seen: Gauge) -> float:
    return seen.loss if seen.finite and math.isfinite(seen.loss) else math.inf
