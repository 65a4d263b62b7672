"""Receipt: what a start wrote, what was predicted, what was measured before and after."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from isogain.graph.plan import Plan
from isogain.rendering import MOST_LINES, Shown, shortened
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
class Receipt(Shown):
    """What was written and why, with the measurements around it."""

    shown_as: ClassVar[str] = "receipt"
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
    """The loss before and after, the model's own or the caller's; nan where there is none."""

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

    @property
    def headline(self) -> str:
        """What became of the start, in one sentence."""
        if self.left:
            return f"left as it is: {self.left}"
        if math.isnan(self.gradient_spread[1]) and math.isnan(self.spread[1]):
            return f"{len(self.written)} parameters written, nothing measured"
        return f"{_apart('signals', *self.spread)}; {_apart('gradients', *self.gradient_spread)}"

    def records(self) -> Iterator[dict[str, Any]]:
        """One row for each operation with a weight: sizes of signals and gradients, before and after."""
        return (asdict(gain) for gain in self.gains)

    def before_and_after(self) -> list[tuple[str, str, str]]:
        """What was measured: (name, before, after), only what is known of either."""
        rows = [
            ("signals", _range([g.before for g in self.gains]), _range([g.after for g in self.gains])),
            ("  apart by", _decades_text(self.spread[0]), _decades_text(self.spread[1])),
            ("gradients", _range([g.gradient_before for g in self.gains]),
             _range([g.gradient_after for g in self.gains])),
            ("  apart by", _decades_text(self.gradient_spread[0]), _decades_text(self.gradient_spread[1])),
            ("loss", _known(self.losses[0]), _known(self.losses[1])),
            ("inspected", self.verdict_before, self.verdict_after),
        ]  # fmt: skip
        return [row for row in rows if row[1] or row[2]]

    def remarks(self) -> list[str]:
        """Findings gone and left, learning rates, and what was kept, with the reason."""
        found: list[str] = []
        if self.findings_before is not None and self.findings_after is not None:
            found += [f"gone  {key}" for key in self.findings_before if key not in self.findings_after]
            found += [f"there {key}" for key in self.findings_after]
        found += [f"learning rate of {one}" for one in self.rates]
        reasons = dict.fromkeys(entry.reason for entry in self.plan.kept)
        return found + [f"kept: {self._kept_for(reason)}: {reason}" for reason in reasons]

    def title(self) -> str:
        """The model, the seed, the plan, and how much was written."""
        scaled = f", {len(self.scaled)} of them scaled in calibration" if self.scaled else ""
        wrote = f"{len(self.written)} parameters written{scaled}; {len(self.plan.kept)} kept"
        return f"{self.plan.model}, seed {self.seed}, plan {self.plan_hash}: {wrote}"

    def _kept_for(self, reason: str) -> str:
        paths = [entry.path for entry in self.plan.kept if entry.reason == reason]
        return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")

    def __str__(self) -> str:
        rows = [("", "before", "after"), *self.before_and_after()]
        wide = [max(len(row[place]) for row in rows) for place in range(3)]
        table = (
            [f"  {a:<{wide[0]}}  {b:<{wide[1]}}  {c}".rstrip() for a, b, c in rows] if len(rows) > 1 else []
        )
        said = ["  (a decade is a factor of 10)"] if any("decade" in row[1] + row[2] for row in rows) else []
        lines = [self.title(), self.headline, *table, *said]
        way = "receipt.remarks() has them all"
        return "\n".join([*lines, *shortened(self.remarks(), MOST_LINES - len(lines), way)])

    def __repr__(self) -> str:
        did = "left as it is" if self.left else f"{len(self.written)} written"
        return f"<Receipt of {self.plan.model}: {did}, seed {self.seed}, plan {self.plan_hash}>"


def _decades(values: list[float]) -> float:
    found = [value for value in values if math.isfinite(value) and value > 0]
    lost = any(value == 0 or math.isinf(value) for value in values)
    if lost and found:
        return math.inf
    return math.log10(max(found) / min(found)) if found else math.nan


def _known(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ""


def _decades_text(decades: float) -> str:
    if math.isnan(decades):
        return ""
    return f"{decades:.2f} decades" if math.isfinite(decades) else "unboundedly many decades"


def _apart(name: str, before: float, after: float) -> str:
    """'gradients were 11.2 decades apart and are 1.08'; without the part that is not known."""
    if math.isnan(after):
        return f"{name} were not measured"
    now = f"{after:.2g}" if math.isfinite(after) else "without bound"
    if math.isnan(before):
        return f"{name} are {now} decades apart"
    then = f"{before:.3g}" if math.isfinite(before) else "without bound"
    return f"{name} were {then} decades apart and are {now}"


def _range(values: list[float]) -> str:
    found = [value for value in values if math.isfinite(value)]
    return f"{min(found):.2g} to {max(found):.2g}" if found else ""


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in data.items()}
