"""Receipt: what a start wrote, what was predicted, what was measured before and after."""

from __future__ import annotations

import html
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from isogain.graph.plan import Plan
from isogain.theory.rates import RateRange

__all__ = ["Gain", "Receipt", "Written"]

SCHEMA = "isogain.receipt/1"


@dataclass(frozen=True)
class Written:
    """One parameter that got new values."""

    path: str
    law: str
    scaled: float = 1.0
    """Factor that calibration put on it."""


@dataclass(frozen=True)
class Gain:
    """One operation with a weight: the size of what it hands on, and of the gradient that comes back to it.

    All are root mean squares; `predicted` is the plan's, nan where it has none.
    """

    path: str
    predicted: float
    before: float
    after: float
    gradient_before: float
    gradient_after: float


@dataclass(frozen=True)
class Receipt:
    """What was written and why, with the measurements around it."""

    plan: Plan
    seed: int
    written: tuple[Written, ...]
    gains: tuple[Gain, ...] = ()
    findings_before: tuple[str, ...] | None = None
    findings_after: tuple[str, ...] | None = None
    """Keys of what `inspect` finds; None where it was not asked."""
    verdict_before: str = ""
    verdict_after: str = ""
    left: str = ""
    """Why nothing was written, if the model was left as it is."""
    losses: tuple[float, float] = (math.nan, math.nan)
    """The loss before and after (the model's own, the caller's, or a random projection)."""

    @property
    def plan_hash(self) -> str:
        """The plan's hash."""
        return self.plan.hash

    @property
    def rates(self) -> tuple[RateRange, ...]:
        """Learning rates that train from here; see `Plan.rates`."""
        return self.plan.rates

    @property
    def scaled(self) -> dict[str, float]:
        """path -> factor, for what calibration changed."""
        return {one.path: one.scaled for one in self.written if one.scaled != 1.0}

    @property
    def spread(self) -> tuple[float, float]:
        """Decades between the largest and the smallest signal: (before, after)."""
        return _decades([g.before for g in self.gains]), _decades([g.after for g in self.gains])

    @property
    def gradient_spread(self) -> tuple[float, float]:
        """Decades between the largest and the smallest gradient: (before, after)."""
        return (
            _decades([g.gradient_before for g in self.gains]),
            _decades([g.gradient_after for g in self.gains]),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is not finite is None."""
        return {
            "schema": SCHEMA, "seed": self.seed, "plan_hash": self.plan_hash, "left": self.left,
            "written": [asdict(one) for one in self.written],
            "gains": [_finite(asdict(one)) for one in self.gains],
            "findings_before": self.findings_before, "findings_after": self.findings_after,
            "verdict_before": self.verdict_before, "verdict_after": self.verdict_after,
            "rates": [one.to_dict() for one in self.rates],
            "losses": [value if math.isfinite(value) else None for value in self.losses],
            "plan": self.plan.to_dict(),
        }  # fmt: skip

    def to_json(self, indent: int | None = None) -> str:
        """The whole receipt as JSON of schema isogain.receipt/1."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def _lines(self) -> list[str]:
        kept = len(self.plan.kept)
        lines = [f"{self.plan.model}, seed {self.seed}, plan {self.plan_hash}"]
        rates = [f"learning rate of {one}" for one in self.rates]
        if self.left:
            return [*lines, f"left as it is: {self.left}", *rates]
        scaled = f", {len(self.scaled)} of them scaled in calibration" if self.scaled else ""
        lines.append(f"{len(self.written)} parameters written{scaled}; {kept} kept")
        for name, (before, after) in (("signals", self.spread), ("gradients", self.gradient_spread)):
            if not math.isnan(after):
                then = "" if math.isnan(before) else f"{_shown(before)} decades before, "
                lines.append(f"{name} differ by {then}{_shown(after)} decades after")
        if all(map(math.isfinite, self.losses)):
            lines.append(f"loss {self.losses[0]:.4g} before, {self.losses[1]:.4g} after")
        if self.findings_before is not None and self.findings_after is not None:
            lines.append(f"inspected: {self.verdict_before} before, {self.verdict_after} after")
            lines += [f"  gone  {key}" for key in self.findings_before if key not in self.findings_after]
            lines += [f"  there {key}" for key in self.findings_after]
        lines += rates
        reasons = dict.fromkeys(entry.reason for entry in self.plan.kept)
        lines += [f"kept: {self._kept_for(reason)}: {reason}" for reason in reasons]
        return lines

    def _kept_for(self, reason: str) -> str:
        paths = [entry.path for entry in self.plan.kept if entry.reason == reason]
        return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in self._lines())
        return f"<ul>{items}</ul>"

    def __repr__(self) -> str:
        did = "left as it is" if self.left else f"{len(self.written)} written"
        return f"<Receipt of {self.plan.model}: {did}, seed {self.seed}, plan {self.plan_hash}>"


def _decades(values: list[float]) -> float:
    found = [value for value in values if math.isfinite(value) and value > 0]
    lost = any(value == 0 or math.isinf(value) for value in values)
    if lost and found:
        return math.inf
    return math.log10(max(found) / min(found)) if found else math.nan


def _shown(decades: float) -> str:
    return f"{decades:.2f}" if math.isfinite(decades) else "unboundedly many"


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in data.items()}
