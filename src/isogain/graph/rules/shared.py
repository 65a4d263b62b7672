"""What several rules ask: the gain behind an activation, sizes of a weight."""

from __future__ import annotations

import math

from isogain.graph.nodes import Node, WeightUse
from isogain.graph.powers import arriving
from isogain.graph.scene import Scene

__all__ = ["behind", "sizes", "tidy", "unheld"]


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
    """(gain, reason): what keeps a signal's size through activations, gates and joins before a weight."""
    link = scene.links.into.get(node.index)
    phi = scene.activation(link) if link else None
    read = node.inputs if node.op == "bilinear" else node.inputs[:1] if link else ()
    found = [arriving(scene, one) for one in read]
    power, name = math.prod(one for one, _ in found), " and ".join(dict.fromkeys(n for _, n in found if n))
    if phi is not None and name == phi.name:
        gain = phi.gain()
    else:
        gain = 1 / math.sqrt(power) if power > 0 else 1.0
    return gain, f"fan_in Var[w] = {gain**2:.4g}" + (f" behind {name}" if name else "")


def unheld(scene: Scene, node: Node) -> bool:
    """Whether nothing else sets the size of a weight's output: no norm next to it, no streams about."""
    links, graph = scene.links, scene.graph
    before = [graph.nodes[links.station[one]] for one in node.inputs]
    after = [graph.nodes[one] for one in links.readers.get(node.index, ()) if one >= 0]
    held = any(one.kind in ("norm", "attention", "softmax") for one in (*before, *after))
    return not held and not scene.blocks.all
