"""What an inspection says: a Finding is one cause, with measured, expected, why and fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from isogain.inspect.fixes import Fix
from isogain.rendering import Line

__all__ = ["CODES", "SEVERITIES", "Finding", "Severity", "Verdict", "at_least", "pointed", "verdict_of"]

Severity = Literal["info", "warning", "critical"]
Verdict = Literal["healthy", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
CODES = (
    "uninitialized", "non-finite", "symmetric-units", "off-peers", "time-scale", "attention-collapse",
    "exploding-forward", "vanishing-forward", "exploding-backward", "vanishing-backward", "saturated-units",
    "dead-units", "rank-collapse", "constant-output", "adapter-not-neutral", "initial-loss",
    "loss-floor", "identical-layers", "idle-slices", "unused-parameter", "dtype-headroom", "rate-too-high",
)  # fmt: skip
"""In the order in which one explains the next; the last is seen while training alone."""


@dataclass(frozen=True)
class Finding(Line):
    """One thing that is wrong with this start (or worth knowing: severity info)."""

    code: str
    severity: Severity
    path: str
    """The layer or parameter, or a pattern such as 'h.*.mlp.c_fc' for all that share the cause."""
    measured: str
    expected: str
    why: str
    fix: str = ""
    """Python that mends it, tried on a copy, with `model`, `inputs`, `loss`, torch and igt in scope; empty
    where no line was seen to."""
    paths: tuple[str, ...] = ()
    """Every place, where `path` stands for several."""
    mends: tuple[Fix, ...] = field(default=(), compare=False, repr=False)
    """What might mend it, in the order in which it is tried."""
    remark: str = ""
    """In place of a fix: why there is none; beside one: after which others it mends."""
    blames: bool = field(default=False, compare=False, repr=False)
    """Whether its why is that of the layers on the way, which any cause that is seen replaces."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        found = asdict(replace(self, mends=())) | {"paths": list(self.paths)}
        del found["mends"], found["blames"]
        if not self.remark:
            del found["remark"]
        return found

    @property
    def key(self) -> str:
        """'code:path', by which pyproject.toml accepts a finding."""
        return f"{self.code}:{self.path}"

    def __str__(self) -> str:
        return f"{self.severity} {self.code} at {self.path}: {self.why}"


def at_least(severity: Severity, threshold: Severity) -> bool:
    """Whether `severity` reaches `threshold`."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The worst severity; 'healthy' when nothing is worse than info."""
    worst = max((SEVERITIES.index(finding.severity) for finding in findings), default=0)
    return ("healthy", "warning", "critical")[worst]


def pointed(finding: Finding, findings: Sequence[Finding]) -> tuple[str, str]:
    """Its cause and its line; where a finding before it has the same, that one is pointed to."""
    cause = next(one for one in findings if one.why == finding.why)
    first = next((one for one in findings if one.fix and one.fix == finding.fix), finding)
    why = finding.why if cause is finding else f"the cause is that of {cause.key}"
    return why, finding.fix if first is finding else f"that of {first.key} mends this too"
