"""Starts that somebody chose: zeros and whispers where a signal ends, which open in training.

A product gives its factors the gradient of one another.  So a zero is a start as long as what it meets is
none, and two zeros that meet are none for ever.
"""

from __future__ import annotations

import math
from statistics import median

from isogain.graph.blocks import Block
from isogain.graph.nodes import Node
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Scene, Site

__all__ = ["shut"]

QUIET = 0.1
"""Gain below which the end of a way is quiet, if the model's other weights are PEERS times louder."""
PEERS = 5.0
AJAR = 0.5
"""Learnt factor on a branch from which on down it is shut, and needs no zero of ours."""


@rule(order=10)
def kept_quiet(site: Site) -> Decision | None:
    """A weight of zeros, or next to nothing beside its peers, at the end of a way: set by hand, so kept."""
    nodes = site.weighted or tuple(node for node in site.nodes if node.kind == "embedding")
    if not nodes or site.own is None or site.own.size < 2:
        return None
    if site.own.rms == 0:
        if all(_opens(site.scene, node) for node in nodes):
            return Decision(None, "all zeros where a signal ends: set by hand and kept, it opens in training")
        return None
    gain = _gain(site.scene, nodes[0])
    if gain < QUIET and gain * PEERS < site.scene.once(_usual) and all(_ends(site.scene, n) for n in nodes):
        return Decision(None, f"a gain of {gain:.2g} where a signal ends: small by hand and kept")
    return None


def _opens(scene: Scene, node: Node) -> bool:
    """Whether a weight of zeros gets a gradient: something arrives, and what it makes ends with it."""
    read = [one for one in node.inputs if one in scene.once(_alive)] or node.kind == "embedding"
    return bool(read) and _ends(scene, node)


def _ends(scene: Scene, node: Node) -> bool:
    """Whether what a weight makes meets another signal, or leaves the model, before the next weight."""
    graph, alive = scene.graph, scene.once(_alive)
    seen, stack = {node.index}, [node.index]
    while stack:
        for reader in graph.consumers[stack.pop()]:
            if any(one in alive and one not in seen for one in graph.nodes[reader].inputs):
                continue
            if graph.nodes[reader].kind in ("weight", "recurrent"):
                return False
            if reader not in seen:
                seen.add(reader)
                stack.append(reader)
    return True


def _alive(scene: Scene) -> frozenset[int]:
    """The nodes that zeros among the model's own weights let a signal through to."""
    found: set[int] = set()
    for node in scene.graph.nodes:
        ways = [one in found for one in node.inputs]
        through = all(ways) if node.kind in ("multiply", "product") else any(ways) or not ways
        if through and not _is_zero(scene, node):
            found.add(node.index)
    return frozenset(found)


def _is_zero(scene: Scene, node: Node) -> bool:
    """Whether a node multiplies by zeros."""
    if scene.gates.get(node.index) == 0:
        return True
    use = node.weight
    own = _own(scene, use.name) if use is not None else None
    return use is not None and (use.rms == 0 or (own is not None and own == 0))


def _own(scene: Scene, name: str) -> float | None:
    use = scene.graph.by_parameter.get(name)
    found = scene.own.get(use.model_name) if use is not None else None
    return None if found is None else found.rms


def _gain(scene: Scene, node: Node) -> float:
    """The factor on the size of an uncorrelated signal; nan where the axes give none."""
    use = node.weight
    own = _own(scene, use.name) if use is not None else None
    if use is None or use.fans is None or own is None:
        return math.nan
    return own * abs(use.multiple) * math.sqrt(use.fans.fan_in)


def _usual(scene: Scene) -> float:
    """The middle gain of all weights that are not zero."""
    found = [_gain(scene, node) for node in scene.graph.nodes if node.kind == "weight"]
    return median([one for one in found if one > 0] or [0.0])


def shut(scene: Scene, node: Node, block: Block) -> float | None:
    """What shuts the branch that a weight belongs to already: the smallest factor on it; None if nothing does."""
    use = node.weight
    if use is not None and use.rms == 0 and _own(scene, use.name) != 0:
        return 0.0
    gates = [scene.gates[one] for one in block.region if one in scene.gates]
    others = (scene.graph.nodes[one] for branch in block.branches for one in branch if one != node.index)
    gates += [0.0 for one in others if one.kind == "weight" and _own_zero(scene, one)]
    low = min(gates, default=1.0)
    return low if low < AJAR else None


def _own_zero(scene: Scene, node: Node) -> bool:
    return _is_zero(scene, node) and _opens(scene, node)
