"""The Report: verdict, findings, layers and coverage as one value; printed, as JSON, as a page, compared."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from isogain.graph import Node
from isogain.inspect.chains import adds_bias, chains, slope
from isogain.inspect.findings import Finding, Severity, Verdict, at_least, verdict_of
from isogain.inspect.table import Backward, Coverage, Forward, ParameterState, Table
from isogain.rendering import rendered

__all__ = ["SCHEMA", "Difference", "Layer", "Report"]

SCHEMA = "isogain.inspect/1"


@dataclass(frozen=True)
class Layer:
    """One measured operation, as a row of the table."""

    index: int
    path: str
    op: str
    kind: str
    role: str
    shape: tuple[int, ...]
    dtype: str
    on_trunk: bool
    gain: float
    """rms(weight) * sqrt(fan_in); nan without a weight."""
    ratio: float
    """Measured gain: root mean square out over in; nan where what goes in was not measured."""
    forward: Forward | None
    backward: Backward | None

    @property
    def rms(self) -> float:
        """Root mean square of what it hands on."""
        return self.forward.rms if self.forward else math.nan

    @property
    def gradient_rms(self) -> float:
        """Root mean square of the gradient with respect to what it hands on."""
        return self.backward.rms if self.backward else math.nan


@dataclass(frozen=True)
class Difference:
    """What changed from one report to another."""

    before: Verdict
    after: Verdict
    gone: tuple[Finding, ...]
    new: tuple[Finding, ...]
    changed: tuple[tuple[str, str, float, float], ...]
    """(layer, measure, before, after) where a root mean square changed more than twofold."""

    def __str__(self) -> str:
        lines = [f"{self.before} -> {self.after}"]
        lines += [f"  gone  {finding.key}" for finding in self.gone]
        lines += [f"  new   {finding.key}: {finding.why}" for finding in self.new]
        lines += [
            f"  {path} {what}: {before:.3g} -> {after:.3g}" for path, what, before, after in self.changed[:20]
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
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
        checked = (
            f"{len(self.coverage.skipped)} checks not run" if self.coverage.skipped else "all checks run"
        )
        return f"nothing found; {followed}, {checked}"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every measured operation in order of execution."""
        table = self.table
        return tuple(
            self._layer(node) for node in table.graph.nodes
            if node.index in table.forward or node.index in table.backward
        )  # fmt: skip

    def _layer(self, node: Node) -> Layer:
        gain = node.weight.gain if node.weight else math.nan
        return Layer(
            node.index, node.path, node.op, node.kind, node.role, node.shape, node.dtype,
            node.index in self.table.on_trunk, gain, self.table.ratio(node),
            self.table.forward.get(node.index), self.table.backward.get(node.index),
        )  # fmt: skip

    @property
    def slopes(self) -> dict[str, float]:
        """Decades a layer by which signals and gradients change along the longest trunk, by least squares.

        Keys: "signal" (root mean square) and "gradient" (length of the gradient, from the first layer on).
        """
        nodes = max((chain.nodes for chain in chains(self.table)), key=len, default=())
        layers = [n for n in nodes if n.kind != "input" and not adds_bias(n)]
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
        before, after = {f.key: f for f in self.findings}, {f.key: f for f in other.findings}
        return Difference(
            self.verdict, other.verdict,
            tuple(f for key, f in before.items() if key not in after),
            tuple(f for key, f in after.items() if key not in before),
            tuple(_changes(self.layers, other.layers)),
        )  # fmt: skip

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


def _changes(before: tuple[Layer, ...], after: tuple[Layer, ...]) -> list[tuple[str, str, float, float]]:
    old = {(layer.path, layer.op, layer.index): layer for layer in before}
    found = []
    for layer in after:
        match = old.get((layer.path, layer.op, layer.index))
        for what in ("rms", "gradient_rms") if match else ():
            a, b = getattr(match, what), getattr(layer, what)
            if a > 0 and b > 0 and not 0.5 < b / a < 2:
                found.append((layer.path, what, a, b))
    return found


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
