"""exploding-forward in residual branches whose last weights are far too large, which norms hide."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.blame import needed_gain
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import is_residual_sum
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["loud_branches"]

LOUD = (5.0, 30.0)
"""Times the gain that keeps a signal's size. A norm behind the sums hides it, but a step that moves the
weights by as much as usual then changes what a branch gives by as many times less."""
FEWEST = 2
"""Branches from which on it is no single odd one."""


def loud_branches(table: Table) -> Iterator[Finding]:
    """Ends of residual branches at many times the gain they need: scaled up with depth instead of down."""
    found = [(node, node.weight.gain / needed) for node, needed in _ends(table) if node.weight]
    loud = [(node, times) for node, times in found if times > LOUD[0]]
    if len(loud) < FEWEST or not _hidden(table):
        return
    times, deep = max(one for _, one in loud), len({node.index for node, _ in found})
    severity: Severity = "critical" if times > LOUD[1] else "warning"
    paths = tuple(dict.fromkeys(place(node) for node, _ in loud))
    factors = {n.weight.name: deep**-0.5 / n.weight.gain for n, _ in loud if n.weight}
    yield Finding(
        "exploding-forward", severity, pattern(paths),
        f"ends of {len(loud)} residual branches with up to {times:.3g} times the gain that keeps its size",
        f"1, or less with depth: 1 / sqrt({deep})",
        f"what {pattern(paths)} adds drowns the stream it is added to, and norms hide it: each branch throws "
        "away what came before it, and a step changes weights this large by little (a factor such as "
        "sqrt(2 layers) that multiplies where it should divide)",
        paths=paths, mends=(sized(table, factors), RESTART),
    )  # fmt: skip


def _ends(table: Table) -> Iterator[tuple[Node, float]]:
    """The last weights of residual branches, each once, with the gain they need."""
    seen: set[str] = set()
    for node in table.graph.nodes:
        use = node.weight if node.role == "residual branch end" else None
        needed = needed_gain(table, node) if use is not None and use.gain > 0 else 0.0
        if use is not None and needed > 0 and use.name not in seen:
            seen.add(use.name)
            yield node, needed


def _hidden(table: Table) -> bool:
    """Whether norms read the sums of a stream, which so hide how large they are."""
    sums = (node for node in table.graph.nodes if node.kind == "add" and is_residual_sum(table, node))
    return any(table.graph.following(node.index, ("norm",), 4) is not None for node in sums)
