"""What arrives at an operation: what activations, gates and joins leave of signals of size 1."""

from __future__ import annotations

import math

from isogain.core.activations import activation
from isogain.graph.links import Link
from isogain.graph.nodes import Node
from isogain.graph.scene import Scene

__all__ = ["arriving"]

DEEPEST = 8
"""Joins in a row that are looked through."""


def arriving(scene: Scene, index: int, steps: int = DEEPEST) -> tuple[float, str]:
    """(E[x^2], what it came through) at a node, if every weight and norm before it hands on size 1.

    An activation phi leaves E[phi^2], a product of two signals the product of theirs, a concatenation their
    mean by channels: what else there is (sums, pools, norms) is taken for size 1.
    """
    station = scene.links.station[index]
    base, name = _made(scene, scene.graph.nodes[station], steps)
    between = scene.links.between(index, station)
    phi = scene.activation(Link(station, index, between, False)) if between else None
    if phi is None:
        return base, name
    return phi.moments(base).second.value, f"{phi.name} of {name}" if name else phi.name


def _made(scene: Scene, node: Node, steps: int) -> tuple[float, str]:
    """The same for what a station makes."""
    graph = scene.graph
    learnt = [one for one in node.inputs if graph.nodes[one].learnt]
    if not steps or not learnt:
        return 1.0, ""
    if node.kind == "multiply" and len(learnt) > 1:
        found = [arriving(scene, one, steps - 1) for one in learnt]
        names = [name for _, name in found if name]
        return math.prod(
            power for power, _ in found
        ), f"a product with {' and '.join(names)}" if names else ""
    if node.kind == "activation" and node.activation == "glu":
        power, name = arriving(scene, learnt[0], steps - 1)
        open_gate = activation("sigmoid").moments(power).second.value
        return power * open_gate, f"glu of {name}" if name else "glu"
    if node.kind == "concatenate":
        return _mean(scene, node, steps)
    return 1.0, ""


def _mean(scene: Scene, node: Node, steps: int) -> tuple[float, str]:
    """Of a concatenation: the mean over all elements, and what any of them came through."""
    found = [
        (arriving(scene, one, steps - 1), math.prod(scene.graph.nodes[one].shape)) for one in node.inputs
    ]
    count = sum(size for _, size in found)
    names = dict.fromkeys(name for (_, name), _ in found if name)
    if not names or not count:
        return 1.0, ""
    return sum(power * size for (power, _), size in found) / count, f"a join with {', '.join(names)}"
