"""What advice is asked about, and what it says: a situation, a choice for each role, a recipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from isogain.core.initializers import Initializer

__all__ = ["Choice", "Recipe", "Situation"]


@dataclass(frozen=True)
class Situation:
    """What was asked about."""

    activation: str
    depth: int
    width: int
    normalization: str | None
    residual: bool
    optimizer: str
    convolutional: bool
    classes: int | None
    weight_clip: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def __str__(self) -> str:
        parts = [f"{self.activation}, {self.depth} {'blocks' if self.residual else 'layers'} of {self.width}"]
        parts += [f"{self.normalization} normalization"] if self.normalization else []
        parts += ["residual"] if self.residual else []
        parts += ["convolutional"] if self.convolutional else []
        return ", ".join([*parts, self.optimizer])


@dataclass(frozen=True)
class Choice:
    """One role of parameters, its initializer, and why."""

    role: str
    initializer: Initializer
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"role": self.role, "initializer": self.initializer.to_dict(), "reason": self.reason}


@dataclass(frozen=True)
class Recipe:
    """What is advised, and what the theory expects of it."""

    method: str
    choices: tuple[Choice, ...]
    gain: float
    gradient_gain: float
    spread: float | None
    trainable_depth: float
    trainable_reason: str
    weight_std: float
    """Standard deviation of a hidden weight at this width."""
    warnings: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = field(default=())
