"""Receipt: what a start wrote, what was predicted, what was measured before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from isogain.graph.plan import Plan

__all__ = ["Gain", "Receipt", "Written"]


@dataclass(frozen=True)
class Written:
    """One parameter that got new values."""

    path: str
    law: str
    scaled: float = 1.0
    """Factor that calibration put on it."""


@dataclass(frozen=True)
class Gain:
    """One operation with a weight: root mean square of what it handed on, and of its gradient."""

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
    findings_before: tuple[str, ...] = ()
    findings_after: tuple[str, ...] = ()
    verdict_before: str = ""
    verdict_after: str = ""
    left: str = ""
    """Why nothing was written, if the model was left as it is."""
    notes: Sequence[str] = field(default=())

    @property
    def plan_hash(self) -> str:
        """The plan's hash."""
        return self.plan.hash

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {}
