"""What several rules ask: the gain behind an activation, sizes of a weight."""

from __future__ import annotations

import math

from isogain.graph.nodes import Node, WeightUse
from isogain.graph.scene import Scene

__all__ = ["behind", "sizes", "tidy"]


def tidy(value: float) -> float:
    """Nine digits: what rounding left behind would only make two equal plans differ."""
    return float(f"{value:.9g}")


def sizes(use: WeightUse) -> tuple[int, int, int]:
    """(outputs, inputs, receptive field) of one group."""
    words = use.layout.split()
    outputs = math.prod(s for s, w in zip(use.shape, words, strict=False) if w == "out")
    inputs = math.prod(s for s, w in zip(use.shape, words, strict=False) if w == "in")
    stack = math.prod(s for s, w in zip(use.shape, words, strict=False) if w == "stack")
    receptive = math.prod(use.shape) // max(outputs * inputs * stack, 1)
    if use.transposed:
        return outputs, inputs // use.groups, receptive
    return outputs // use.groups, inputs, receptive


def behind(scene: Scene, node: Node) -> tuple[float, str]:
    """(gain, reason): what keeps the size of a signal through the activation or gate before a weight."""
    link = scene.links.into.get(node.index)
    phi = scene.activation(link) if link else None
    if phi is not None:
        gain = phi.gain()
        return gain, f"fan_in Var[w] = {gain**2:.4g} behind {phi.name}"
    gate = _gate(scene, link.source) if link else None
    if gate is not None:
        gain = 1 / math.sqrt(gate[1])
        return gain, f"fan_in Var[w] = {gain**2:.4g} behind a product with {gate[0]}"
    return 1.0, "fan_in Var[w] = 1"


def _gate(scene: Scene, source: int) -> tuple[str, float] | None:
    """The activation in a product of two signals, and E[phi^2] of it."""
    node = scene.graph.nodes[source]
    if node.kind != "multiply":
        return None
    for one in node.inputs:
        factor = scene.graph.nodes[one]
        if factor.kind == "activation" and factor.activation not in (None, "glu"):
            phi = scene.named(factor)
            if phi is not None:
                return phi.name, phi.moments(1.0).second.value
    return None
