"""What an inspection says: a Finding is one cause, with measured, expected, why and fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["CODES", "SEVERITIES", "Finding", "Severity", "Verdict", "at_least", "verdict_of"]

Severity = Literal["info", "warning", "critical"]
Verdict = Literal["healthy", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
CODES = (
    "non-finite", "uninitialized", "symmetric-units", "off-peers", "time-scale", "attention-collapse",
    "exploding-forward", "vanishing-forward", "exploding-backward", "vanishing-backward", "saturated-units",
    "dead-units", "rank-collapse", "constant-output", "adapter-not-neutral", "initial-loss",
    "identical-layers", "idle-slices", "unused-parameter", "dtype-headroom",
)  # fmt: skip
"""In the order in which one explains the next."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with this start (or worth knowing: severity info)."""

    code: str
    severity: Severity
    path: str
    """The layer or parameter, or a pattern such as 'h.*.mlp.c_fc' for all that share the cause."""
    measured: str
    expected: str
    why: str
    fix: str
    """Python that mends it, with `model`, `inputs`, torch and igt in scope; empty where no line can."""
    paths: tuple[str, ...] = ()
    """Every place, where `path` stands for several."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"paths": list(self.paths)}

    @property
    def key(self) -> str:
        """'code:path', by which pyproject.toml accepts a finding."""
        return f"{self.code}:{self.path}"


def at_least(severity: Severity, threshold: Severity) -> bool:
    """Whether `severity` reaches `threshold`."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The worst severity; 'healthy' when nothing is worse than info."""
    worst = max((SEVERITIES.index(finding.severity) for finding in findings), default=0)
    return ("healthy", "warning", "critical")[worst]
