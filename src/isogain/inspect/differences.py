"""What changed between two reports: verdict, findings, and layers whose scale moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from isogain.inspect.findings import Finding, Verdict
from isogain.inspect.layers import Layer
from isogain.rendering import MOST_LINES, Shown, shortened

__all__ = ["Difference", "Inspected", "difference"]


class Inspected(Protocol):
    """What two reports are compared by: a Report, or one read from JSON."""

    @property
    def verdict(self) -> Verdict:
        """'healthy', 'warning' or 'critical'."""

    @property
    def cause(self) -> str:
        """The reason in one line."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers measured."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What it was made with."""


@dataclass(frozen=True)
class Difference(Shown):
    """What changed from one report to another."""

    shown_as: ClassVar[str] = "difference"
    before: Verdict
    after: Verdict
    gone: tuple[Finding, ...]
    new: tuple[Finding, ...]
    changed: tuple[tuple[str, str, float, float], ...]
    """(layer, measure, before, after) where a root mean square changed more than twofold."""
    reports: tuple[Inspected, Inspected] | None = field(default=None, compare=False)
    """Both reports themselves, for pictures of them side by side."""

    def records(self) -> Iterator[dict[str, Any]]:
        """The changes: layer, measure, before, after."""
        for path, what, before, after in self.changed:
            yield {"layer": path, "measure": what, "before": before, "after": after}

    def __str__(self) -> str:
        head = [f"{self.before} -> {self.after}"]
        head += shortened([f"  gone  {finding.key}" for finding in self.gone], 12, ".gone has them all")
        head += shortened([f"  new   {one.key}: {one.why}" for one in self.new], 12, ".new has them all")
        rows = [f"  {path} {what}: {before:.3g} -> {after:.3g}" for path, what, before, after in self.changed]
        way = ".changed and .to_frame() have them all"
        return "\n".join([*head, *shortened(rows, MOST_LINES - len(head), way)])

    def __repr__(self) -> str:
        counts = f"{len(self.gone)} findings gone, {len(self.new)} new, {len(self.changed)} sizes changed"
        return f"<Difference {self.before} -> {self.after}: {counts}>"


def difference(before: Inspected, after: Inspected) -> Difference:
    """What changed from one report to the other."""
    old, new = {f.key: f for f in before.findings}, {f.key: f for f in after.findings}
    return Difference(
        before.verdict, after.verdict,
        tuple(f for key, f in old.items() if key not in new),
        tuple(f for key, f in new.items() if key not in old),
        tuple(_changes(before.layers, after.layers)), (before, after),
    )  # fmt: skip


def _changes(before: Sequence[Layer], after: Sequence[Layer]) -> list[tuple[str, str, float, float]]:
    old = {(layer.path, layer.op, layer.index): layer for layer in before}
    found = []
    for layer in after:
        match = old.get((layer.path, layer.op, layer.index))
        for what in ("rms", "gradient_rms") if match else ():
            a, b = getattr(match, what), getattr(layer, what)
            if a > 0 and b > 0 and not 0.5 < b / a < 2:
                found.append((layer.path, what, a, b))
    return found
