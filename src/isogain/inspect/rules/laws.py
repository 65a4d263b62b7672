"""off-peers: layers whose size fits a known law, but for another fan than the one they have."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node, WeightUse
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.mending import multiplied
from isogain.inspect.table import Table

__all__ = ["wrong_fans"]

CHOSEN = {1.0: "LeCun's", math.sqrt(2): "He's"}
GAINS = CHOSEN | {1 / math.sqrt(3): "PyTorch's default"}
OFF = (1.9, 2.2)
"""Times off the law from which it is said, and from which it is a warning: where no norm makes up for it, and
somebody chose the law (torch's default has its own fan for every transposed kernel)."""


def wrong_fans(table: Table) -> Iterator[Finding]:
    """Transposed and grouped convolutions drawn by a law whose fan counts other axes than theirs."""
    found: dict[str, tuple[Node, float, str]] = {}
    for node in table.graph.nodes:
        use = node.weight
        if use is None or not (use.transposed or use.groups > 1) or not use.gain > 0 or use.name in found:
            continue
        law = _other_law(use)
        if law is not None:
            found[use.name] = (node, *law)
    for severity in ("warning", "info"):
        members = [m for m in found.values() if _severity(table, m) == severity]
        if members:
            yield _finding(members, severity)


def _severity(table: Table, member: tuple[Node, float, str]) -> Severity:
    node, off, words = member
    after = table.graph.following(node.index, ("norm", "weight"), 3)
    normed = after is not None and after.kind == "norm"
    return "warning" if not normed and "default" not in words and not 1 / OFF[1] < off < OFF[1] else "info"


def _other_law(use: WeightUse) -> tuple[float, str] | None:
    """(gain over the law's, words) where the size fits a law's by the fans of the stored shape alone."""
    fans = use.fans
    if fans is None:
        return None
    tolerance = max(3 / math.sqrt(2 * math.prod(use.shape)), 0.004)
    if any(abs(use.gain / gain - 1) < tolerance for gain in GAINS):
        return None
    field = math.prod(use.shape[2:])
    stored = {
        "its second axis": (use.shape[1] * field, GAINS),
        "its first axis, all groups": (use.shape[0] * field, CHOSEN),
    }
    for words, (fan, gains) in stored.items():
        for gain, name in gains.items():
            if abs(use.rms * math.sqrt(fan) / gain - 1) < tolerance:
                off = use.gain / gain
                return (off, f"{name} law by {words} ({fan})") if not 1 / OFF[0] < off < OFF[0] else None
    return None


def _finding(members: list[tuple[Node, float, str]], severity: Severity) -> Finding:
    node, off, words = max(members, key=lambda one: abs(math.log(one[1])))
    factors = {n.weight.name: 1 / o for n, o, _ in members if n.weight}
    paths = list(dict.fromkeys(place(n) for n, _, _ in members))
    fans = node.weight.fans if node.weight else None
    return Finding(
        "off-peers", severity, pattern(paths), f"{off:.3g} times the gain of the law it was drawn by",
        f"the same law by its own fan, {fans.fan_in if fans else 0:g} inputs an output",
        f"its size is that of {words}: grouped and transposed kernels hold their axes in another "
        "order, or count one "
        "group only" + ("" if severity == "warning" else "; the sum still trains, or a norm makes up for it"),
        multiplied(factors) if severity == "warning" else "",
        tuple(paths),
    )  # fmt: skip
