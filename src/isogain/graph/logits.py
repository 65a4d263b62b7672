"""Which weights make logits that nothing divides by the root of what they sum over."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph.nodes import Node
from isogain.graph.scene import Scene

__all__ = ["excess"]

HANDED_ON = ("shape", "dropout", "concatenate")
BEFORE_SOFTMAX = ("shape", "dropout", "add", "other")
FAR = 12


def excess(scene: Scene, node: Node) -> float:
    """Size of the logits that a query's or key's weight makes of inputs of size 1, over 1; nan for others.

    d entries summed give sqrt(d) where no factor follows, as in T5; s sqrt(d) by a fused attention's scale s.
    """
    return scene.once(_excesses).get(node.index, math.nan)


def _excesses(scene: Scene) -> dict[int, float]:
    found: dict[int, float] = {}
    for node in scene.graph.nodes:
        size = _size(scene, node)
        makers = [_maker(scene, one) for one in node.inputs[:2]] if math.isfinite(size) else []
        if len(makers) == 2 and None not in makers:
            found |= {one.index: size for one in makers if one is not None}
    return found


def _size(scene: Scene, node: Node) -> float:
    """Of independent factors of size 1 the size of their logits; nan for what makes none."""
    if node.kind == "attention" and "scale" in dict(node.settings):
        return dict(node.settings)["scale"] * _root(scene, node)
    if node.kind == "product" and len(node.inputs) == 2 and _bare(scene, node.index):
        return _root(scene, node)
    return math.nan


def _root(scene: Scene, node: Node) -> float:
    shape = scene.graph.nodes[node.inputs[0]].shape
    return math.sqrt(shape[-1]) if shape else math.nan


def _bare(scene: Scene, index: int) -> bool:
    """Whether a product goes into a softmax with no factor on its way."""
    for _ in range(FAR):
        readers = scene.graph.consumers[index]
        if any(scene.graph.nodes[one].kind == "softmax" for one in readers):
            return True
        onward = [one for one in readers if scene.graph.nodes[one].kind in BEFORE_SOFTMAX]
        if len(onward) != 1 or len(onward) != len(readers):
            return False
        index = onward[0]
    return False


def _maker(scene: Scene, index: int) -> Node | None:
    """The weight whose results a node hands on as they are."""
    for node in _back(scene, index):
        if node.kind == "weight":
            return node
        if node.kind not in HANDED_ON:
            return None
    return None


def _back(scene: Scene, index: int) -> Iterator[Node]:
    for _ in range(FAR):
        node = scene.graph.nodes[index]
        yield node
        if not node.inputs:
            return
        index = node.inputs[0]
