"""The Report: verdict, findings, layers and coverage as one value; printed, as JSON, as a page, compared."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from isogain.inspect.chains import adds_bias, chains, slope
from isogain.inspect.differences import Difference, difference
from isogain.inspect.findings import Finding, Severity, Verdict, at_least, verdict_of
from isogain.inspect.layers import Layer, layer_record, layers_of
from isogain.inspect.table import Coverage, ParameterState, Table
from isogain.rendering import Shown, rendered

__all__ = ["SCHEMA", "Difference", "Layer", "Report"]

SCHEMA = "isogain.inspect/1"


@dataclass(frozen=True)
class Report(Shown):
    """What an inspection found.  Immutable; made by `isogain.torch.inspect`."""

    table: Table
    findings: tuple[Finding, ...]
    """Worst first; of equal severity, the one that explains the others first."""
    accepted: tuple[Finding, ...] = ()
    """Findings set aside by the caller's settings; they do not count in the verdict."""

    @property
    def verdict(self) -> Verdict:
        """'healthy', 'warning' or 'critical': the worst severity found."""
        return verdict_of(self.findings)

    @property
    def settings(self) -> Mapping[str, str]:
        """Model, mode, loss, versions: what it was made with."""
        return self.table.settings

    @property
    def coverage(self) -> Coverage:
        """What was followed, and what was not."""
        return self.table.coverage

    @property
    def cause(self) -> str:
        """One line: the first finding's reason, or what 'healthy' covers."""
        if self.findings and self.verdict != "healthy":
            return self.findings[0].why
        followed = f"{self.coverage.share:.1%} of the parameters followed"
        if self.coverage.share < 0.5:
            return f"too little was seen to call it healthy: only {followed}"
        left = len(self.coverage.skipped)
        checked = f"{left} check{'s' * (left > 1)} not run" if left else "all checks run"
        return f"nothing found; {followed}, {checked}"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every measured operation in order of execution."""
        return layers_of(self.table)

    @property
    def slopes(self) -> dict[str, float]:
        """Decades a layer by which signals and gradients change along the longest trunk, by least squares.

        Keys: "signal" (root mean square) and "gradient" (length of the gradient, from the first layer on).
        """
        nodes = max((chain.nodes for chain in chains(self.table)), key=len, default=())
        halves = {a.index for a, b in pairwise(nodes) if adds_bias(b)}  # what is handed on has its bias
        layers = [n for n in nodes if n.kind != "input" and n.index not in halves]
        forward = [self.table.forward[n.index].rms for n in layers]
        found = [self.table.backward.get(n.index) for n in layers]
        return {
            "signal": slope(forward),
            "gradient": slope([one.norm if one is not None else math.nan for one in found]),
        }

    def reaches(self, threshold: Severity) -> bool:
        """Whether any finding is at least as severe as `threshold`."""
        return any(at_least(finding.severity, threshold) for finding in self.findings)

    def accept(self, patterns: tuple[str, ...]) -> Report:
        """The same report with findings matching 'code' or 'code:path' (with * and ?) set aside."""
        from fnmatch import fnmatchcase

        taken = tuple(f for f in self.findings if any(fnmatchcase(f.key, p) or f.code == p for p in patterns))
        kept = tuple(finding for finding in self.findings if finding not in taken)
        return replace(self, findings=kept, accepted=self.accepted + taken)

    def diff(self, other: Report) -> Difference:
        """What changed from this report to `other`: verdict, findings, layers whose scale moved twofold."""
        return difference(self, other)

    def records(self) -> Iterator[dict[str, Any]]:
        """Its layers: what they are, their parameters, and the numbers measured."""
        for layer in self.layers:
            yield layer_record(layer)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; numbers that are not finite are None."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "cause": self.cause,
            "findings": [finding.to_dict() for finding in self.findings],
            "accepted": [finding.to_dict() for finding in self.accepted],
            "coverage": _finite(asdict(self.coverage) | {"share": self.coverage.share}),
            "loss": _finite({"value": self.table.loss_value, "source": self.table.loss_source}),
            "losses": [_finite(asdict(use)) for use in self.table.losses],
            "slopes": _finite(self.slopes),
            "jacobian": None if self.table.jacobian is None else _finite(asdict(self.table.jacobian)),
            "layers": [_finite(_layer_dict(layer)) for layer in self.layers],
            "parameters": [_finite(_state_dict(state)) for state in self.table.parameters.values()],
            "batch": self.table.batch,
            "settings": dict(self.table.settings),
        }

    def to_json(self, indent: int | None = None) -> str:
        """The whole report as JSON of schema isogain.inspect/1."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_html(self, path: str | Path) -> Path:
        """Writes one self-contained page; returns its absolute path."""
        page: Path = rendered("report.page", self, path)
        return page

    def _repr_html_(self) -> str:
        fragment: str = rendered("report.fragment", self)
        return fragment

    def __str__(self) -> str:
        text: str = rendered("report.text", self)
        return text

    def __repr__(self) -> str:
        counts = {s: sum(f.severity == s for f in self.findings) for s in ("critical", "warning", "info")}
        said = (
            ", ".join(f"{count} {severity}" for severity, count in counts.items() if count) or "no findings"
        )
        return f"<Report {self.verdict}: {said}; {self.coverage.share:.1%} of the parameters followed>"


def _layer_dict(layer: Layer) -> dict[str, Any]:
    """asdict, and what is worked out of it."""
    found = asdict(layer)
    for name in ("forward", "backward"):
        part = getattr(layer, name)
        if part is not None:
            found[name] |= {"std": part.std, "headroom": part.headroom}
    if layer.forward is not None:
        found["forward"]["correlation"] = layer.forward.correlation
    return found


def _state_dict(state: ParameterState) -> dict[str, Any]:
    return asdict(state) | {"gradient_to_weight": state.gradient_to_weight}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
