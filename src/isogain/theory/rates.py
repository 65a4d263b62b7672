"""Learning rates belong to a start: the range that trains, as a value, and what depth and width say of it.

Two scales bound a rate.  Along the optimizer's own direction d the loss L would be gone after one step of

    L / (g . d),    g . d = |g|^2 for steps along the gradient, |g|_1 for steps of one size a weight,

were it a straight line (Polyak 1987); what bends shows at a fraction of that.  In a stack of `depth`
isometric layers of `width` units whose outputs of size s feed a cross-entropy of C classes, each layer's
gradient has

    |G|_F^2 = s^2 (1 - 1/C) width c,    |G|_1 = sqrt(2 / pi) width |G|_F,

c the share that a batch's gradients have in common: the batch's own 1 / B, and what classes add (ours).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from isogain.checking import Checks, shown
from isogain.rendering import Line
from isogain.theory.deep_start import LOGITS
from isogain.theory.pairs import TheoryError

__all__ = ["FAMILIES", "MOMENTUM", "RateRange", "around", "family", "stack_rates"]

CHECKS = Checks(TheoryError)
MOMENTUM = 0.9
FAMILIES = ("sgd", "momentum", "adam")
"""Steps along the gradient, the same summed up with momentum .9, and steps of one size a weight."""
ALONG, SIGNED = 3.0, 7.0
"""How far below the highest rate the middle of a range lies: along gradients, and for steps of one size a
weight, which do not shrink when gradients do.  Chosen on one half of benchmarks/rates.py."""
BENDS = 5.0
"""In isometric stacks the loss stops falling at about this share of Polyak's rate."""
BATCH, COHESION = 128, 0.1
"""The batch that is assumed without one, and what examples of one class have in common beyond others."""


@dataclass(frozen=True)
class RateRange(Line):
    """Learning rates that train from this start with one optimizer.

    `middle` is the one to take; below `low` training crawls, above `high` the loss stops falling or rises.
    `measured` says whether it was, on a batch with its loss, or follows from depth and width alone.

    >>> RateRange("sgd", 0.01, 0.04, 0.16, "measured", True).scaled(0.1).middle
    0.004
    """

    optimizer: str
    low: float
    middle: float
    high: float
    reason: str
    measured: bool

    def __post_init__(self) -> None:
        for name in ("optimizer", "reason"):
            CHECKS.text(name, getattr(self, name), "sgd")
        CHECKS.flag("measured", self.measured)
        rates = [CHECKS.number(name, getattr(self, name), above=0) for name in ("low", "middle", "high")]
        CHECKS.require(rates == sorted(rates), f"a range of rates has low <= middle <= high, got {rates}")

    def scaled(self, factor: float, optimizer: str | None = None) -> RateRange:
        """The same range times a factor, for another optimizer if one is named."""
        low, middle, high = (_tidy(rate * factor) for rate in (self.low, self.middle, self.high))
        return RateRange(optimizer or self.optimizer, low, middle, high, self.reason, self.measured)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> RateRange:
        """What `to_dict` wrote; TheoryError for anything else."""
        try:
            return RateRange(**data)
        except TypeError as error:
            raise TheoryError(f"not a range of rates: {shown(data)} ({error})") from error

    def __str__(self) -> str:
        return f"{self.optimizer}: {self.middle:.2g} ({self.low:.2g} to {self.high:.2g}; {self.reason})"


def family(signed: bool) -> str:
    """The family of an optimizer without momentum, by the size of its steps."""
    return "adam" if signed else "sgd"


def around(optimizer: str, high: float, reason: str, *, signed: bool, measured: bool) -> RateRange:
    """The range whose upper end is known: its middle lies as far from the lower end as from the upper."""
    share = SIGNED if signed else ALONG
    return RateRange(optimizer, _tidy(high / share**2), _tidy(high / share), _tidy(high), reason, measured)


def _tidy(rate: float) -> float:
    """Three digits: rates are no more exact than that."""
    return float(f"{rate:.3g}")


def stack_rates(
    depth: int, width: int, classes: int = 10, *, batch: int = BATCH, output: float = LOGITS
) -> tuple[RateRange, ...]:
    """The ranges of a plain stack at its deep start, for each of FAMILIES; inputs of second moment 1.

    `depth` counts layers with weights, `classes` the outputs (1: a squared error of targets of size 1),
    `output` is the size of the outputs at the start.  Raises TheoryError for numbers below 1.

    >>> [round(rates.middle, 5) for rates in stack_rates(40, 128)]
    [0.0208, 0.00208, 4e-05]
    """
    for name, number in (("depth", depth), ("width", width), ("classes", classes), ("batch", batch)):
        CHECKS.whole(name, number)
    CHECKS.number("output", output, above=0)
    loss, error = (math.log(classes), 1 - 1 / classes) if classes > 1 else (1.0, 4.0)
    power = output**2 * error * width * (1 / batch + COHESION / max(classes, 2))
    reason = f"from {depth} isometric layers of {width} alone; a loss and a batch would measure it"
    sgd = around("sgd", loss / (depth * power) / BENDS, reason, signed=False, measured=False)
    total = depth * math.sqrt(2 / math.pi) * width * math.sqrt(power)
    adam = around("adam", loss / total / BENDS, reason, signed=True, measured=False)
    return sgd, sgd.scaled(1 - MOMENTUM, "momentum"), adam
