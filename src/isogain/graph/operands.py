"""Which operand of an attention a weight makes: queries, keys or values."""

from __future__ import annotations

from isogain.graph.nodes import Node
from isogain.graph.scene import Scene

__all__ = ["operands"]

OPERANDS = ("query", "key", "value")
_THROUGH = ("shape", "norm", "multiply", "add", "dropout", "concatenate", "other")


def operands(scene: Scene, index: int) -> tuple[frozenset[str], int]:
    """Which operands of an attention this weight makes, and the size of a head."""
    graph, sums = scene.graph, {block.sum for block in scene.blocks.all}
    found: set[str] = set()
    seen, stack, size = {index}, [index], 0
    while stack:
        one = stack.pop()
        for reader in graph.consumers[one]:
            node = graph.nodes[reader]
            made = _operand(scene, node, one)
            if made:
                found.update(made)
                size = graph.nodes[one].shape[-1] if made != ("key",) or not size else size
            elif node.kind in _THROUGH and reader not in seen and reader not in sums:
                seen.add(reader)
                stack.append(reader)
    return frozenset(found), size


def _operand(scene: Scene, node: Node, source: int) -> tuple[str, ...]:
    """What `source` is to this node, if the node is (a product of) an attention."""
    if node.kind == "attention":
        return tuple(name for name, one in zip(OPERANDS, node.inputs, strict=False) if one == source)
    if node.kind != "product":
        return ()
    if scene.graph.following(node.index, ("softmax",), 8) is not None:
        return ("query",) if node.inputs[0] == source else ("key",)
    weighed = any(_is_softmax(scene, other) for other in node.inputs if other != source)
    return ("value",) if weighed else ()


def _is_softmax(scene: Scene, index: int) -> bool:
    """Whether a signal is a softmax, through operations that keep it one."""
    graph = scene.graph
    if graph.nodes[index].kind == "softmax":
        return True
    before = graph.preceding(index, ("softmax", "weight", "attention"), 6)
    return before is not None and before.kind == "softmax"
