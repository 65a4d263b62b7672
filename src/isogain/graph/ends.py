"""Where ways through weights end: results that leave the model, or meet others, before the next weight."""

from __future__ import annotations

from isogain.graph.nodes import Node
from isogain.graph.scene import Scene

__all__ = ["ends"]

_HELD = ("norm", "attention", "softmax", "embedding", "recurrent")
"""What hands on a size of its own, whatever the size that it reads."""


def ends(scene: Scene) -> frozenset[str]:
    """Parameters whose weights end a way: how loud their results are is no affair of depth.

    Outputs, logarithms of scales, factors and summands are; queries, keys and what a norm reads are not.
    """
    graph = scene.graph
    nodes = (node for node in graph.nodes if node.kind == "weight" and _ends(scene, node))
    return frozenset(graph.by_parameter[node.weight.name].model_name for node in nodes if node.weight)


def _ends(scene: Scene, node: Node) -> bool:
    if node.index in scene.chains.after or node.role == "attention in":
        return False
    readers = scene.links.readers.get(node.index, frozenset())
    kinds = {scene.graph.nodes[one].kind for one in readers if one >= 0}
    return bool(readers) and kinds.isdisjoint(_HELD) and (kinds != {"weight"} or -1 in readers)
