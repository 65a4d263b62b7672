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

__all__ = ["SHUT", "cut", "flat", "shut"]

QUIET = 0.1
"""Gain below which the end of a way is quiet, if the model's other weights are PEERS times louder."""
PEERS = 5.0
SHUT = 0.01
"""Factor on the only way up to which it is shut; a branch may well start so."""
AJAR = 0.5
"""Learnt factor on a branch from which on down it is shut, and needs no zero of ours."""
_WAKES = frozenset(["exp", "cos", "cosh", "rsqrt", "reciprocal", "special_expit", "__ge__", "__le__"])
"""Operations that are not 0 at 0, besides activations."""


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
    """Whether a weight of zeros gets a gradient: something arrives there, and is let on from there."""
    read = [one for one in node.inputs if one in scene.once(_alive)] or node.kind == "embedding"
    return bool(read) and _ends(scene, node, through=True)


def _ends(scene: Scene, node: Node, through: bool = False) -> bool:
    """Whether what a weight makes meets another signal, or leaves the model, before the next weight.

    With `through`, also behind other weights, none of zeros, if a signal is met that goes around them.
    """
    return _met(scene, node, scene.once(_alive), through)


def _met(scene: Scene, node: Node, alive: frozenset[int], through: bool) -> bool:
    graph, passed = scene.graph, {node.index: False}
    stack = [node.index]
    while stack:
        one = stack.pop()
        if passed[one] and one in graph.outputs:
            return False
        for reader in graph.consumers[one]:
            ahead = graph.nodes[reader]
            if reader in passed or any(k in alive and k not in passed for k in ahead.inputs):
                continue
            layer = ahead.kind in ("weight", "recurrent")
            if (layer and (not through or _is_zero(scene, ahead))) or (through and flat(scene, ahead)):
                return False
            passed[reader] = passed[one] or layer
            stack.append(reader)
    return True


def flat(scene: Scene, node: Node) -> bool:
    """Whether an activation hands no gradient back at 0, to the one side or the other."""
    phi = scene.named(node) if node.kind == "activation" else None
    return phi is not None and min(abs(float(phi.derivative(x))) for x in (-1e-9, 0.0, 1e-9)) == 0


def cut(scene: Scene) -> frozenset[int]:
    """The nodes that scale a signal by next to nothing, with no way around: no weight behind gets anything.

    The first is found as if it were open before the next is looked for, so that what is shut on purpose
    behind it stays so.
    """
    shutting = [node for node in scene.graph.nodes if _scale(scene, node) < SHUT]
    found: frozenset[int] = frozenset()
    while shutting:
        alive = _reached(scene, found)
        new = next((one.index for one in shutting if _cuts(scene, one, alive)), None)
        if new is None:
            break
        found |= {new}
        shutting = [one for one in shutting if one.index != new]
    return found


def _cuts(scene: Scene, node: Node, alive: frozenset[int]) -> bool:
    if not any(one in alive for one in node.inputs) or _met(scene, node, alive, through=False):
        return False
    if _scale(scene, node) == 0:
        return True
    # a whisper is a signal to a norm, and inputs may be large
    raw = any(scene.graph.nodes[one].kind == "input" for one in node.inputs)
    return not raw and scene.graph.following(node.index, ("norm",), 2) is None


def _scale(scene: Scene, node: Node) -> float:
    """The size of what it multiplies a signal by; nan where that is no parameter."""
    if node.kind == "multiply":
        return scene.gates.get(node.index, math.nan)
    scales = [name for name in node.parameters if not name.endswith("bias") and name not in scene.shifted]
    found = [own for name in scales if (own := _own(scene, name)) is not None]
    return min(found, default=math.nan) if node.kind == "norm" else math.nan


def _alive(scene: Scene) -> frozenset[int]:
    """The nodes that zeros among the model's own weights let a signal through to."""
    return _reached(scene, frozenset())


def _reached(scene: Scene, opened: frozenset[int]) -> frozenset[int]:
    found: set[int] = set()
    for node in scene.graph.nodes:
        ways = [one in found for one in node.inputs]
        through = all(ways) if node.kind in ("multiply", "product") else any(ways) or _wakes(scene, node)
        if through and (node.index in opened or not _is_zero(scene, node)):
            found.add(node.index)
    return frozenset(found)


def _wakes(scene: Scene, node: Node) -> bool:
    """Whether a node makes something of zeros: an input, a softmax, 1 + w, an exponential."""
    if not node.inputs or node.kind == "softmax" or node.op in _WAKES:
        return True
    phi = scene.named(node) if node.kind == "activation" else None
    return (node.kind == "add" and len(node.inputs) == 1) or (phi is not None and float(phi(0.0)) != 0)


def _is_zero(scene: Scene, node: Node) -> bool:
    """Whether a node multiplies by zeros."""
    if _scale(scene, node) == 0:
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
    """The smallest factor on the branch that a weight belongs to, if it shuts it already; else None."""
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
