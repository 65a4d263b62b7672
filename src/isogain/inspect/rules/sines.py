"""time-scale where weights in front of sines are divided by a factor that nothing multiplies by."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, places
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART
from isogain.inspect.looks import Angles, Look
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["flat_sines", "weight_before"]

NEEDED = math.sqrt(2)
"""Gain of U(-sqrt(6/n), sqrt(6/n)): angles of size 1 from sines of mean square 1/2 (Sitzmann et al. 2020)."""
LOSES = 0.2
"""Gain below which a sine's slope is 1 and its layer loses most of the signal; torch's default is .58."""
TOGETHER = 0.05
"""What hidden sine layers leave of the signal together, from which on the network is one straight line."""


def weight_before(table: Table, look: Look) -> Node | None:
    """The weight that makes the angles, with nothing but factors and offsets between."""
    if look.node is None or look.op != "sin":
        return None
    index = table.node(look.node).inputs
    for _ in range(4):
        if len(index) != 1:
            return None
        node = table.node(index[0])
        if node.kind == "weight":
            return node
        if node.kind not in ("multiply", "add", "shape", "other"):
            return None
        index = node.inputs
    return None


def flat_sines(table: Table) -> Iterator[Finding]:
    """Hidden sine layers whose weights are far too small for the factor that is there, or is not."""
    gains = {node.index: gain for node, gain in _hidden(table)}
    if not gains or max(gains.values()) > LOSES or math.prod(gains.values()) > TOGETHER:
        return
    nodes = [table.node(index) for index in gains]
    gain, paths = max(gains.values()), places(nodes)
    usual = {node.weight.name: NEEDED / gains[node.index] for node in nodes if node.weight}
    careful = {name: factor / NEEDED for name, factor in usual.items()}
    yield Finding(
        "time-scale", "warning", pattern(paths), f"angles of gain {gain:.2g} in front of sines",
        f"about {NEEDED:.2f}: sin(w z) of weights divided by w",
        f"the weights of {pattern(paths)} are {NEEDED / gain:.2g} times too small for the sines behind them, "
        "as if divided by a factor (omega) that is never applied: sines this close to 0 are straight lines, "
        "and the signal fades from layer to layer",
        paths=paths, mends=(sized(table, usual), RESTART, sized(table, careful)),
    )  # fmt: skip


def _hidden(table: Table) -> Iterator[tuple[Node, float]]:
    """(weight, its gain times the factor) of each sine layer that reads a sine."""
    for look in table.looks:
        node = weight_before(table, look) if isinstance(look.seen, Angles) else None
        made = table.forward.get(node.index) if node is not None else None
        before = table.graph.preceding(node.index, ("weight", "activation", "other"), 2) if node else None
        if node is None or node.weight is None or made is None or before is None or before.op != "sin":
            continue
        if made.rms > 0 and node.weight.gain > 0 and isinstance(look.seen, Angles):
            yield node, node.weight.gain * look.seen.rms / made.rms
