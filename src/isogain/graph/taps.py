"""Which tap of a kernel hands a position on in place: not always the middle one.

An output t of a convolution reads t - P + i d at tap i, where P positions are padded in front and d is the
dilation.  A causal one pads (k - 1) d in front (or on both sides, and cuts off the end): the middle taps of
several such layers look back further than the sequence goes, where there is nothing but padding.
"""

from __future__ import annotations

from collections.abc import Callable

from isogain.graph.nodes import Node
from isogain.graph.scene import Scene

__all__ = ["tap"]

_MOVES = ("shape", "dropout", "activation")


def tap(scene: Scene, node: Node) -> str:
    """'floor' (the middle one), 'first' or 'last'; 'whole' where it is none of them on every axis."""
    use = node.weight
    if use is None or not node.op.startswith("conv") or use.transposed or len(use.shape) < 3:
        return "floor"
    places = {_place(scene, node, axis) for axis in range(len(use.shape) - 2)} - {"any"}
    return places.pop() if len(places) == 1 else "whole" if places else "floor"


def _place(scene: Scene, node: Node, axis: int) -> str:
    """The same for one axis, counted from the last; 'any' for one of a single tap."""
    assert node.weight is not None
    size, padding, dilation = (
        one[::-1] for one in (node.weight.shape[2:], node.weight.padding, node.weight.dilation)
    )
    if size[axis] == 1:
        return "any"
    if padding[axis if len(padding) > 1 else 0] < 0:  # 'same': the smaller half lies in front
        return "floor"
    ahead = padding[axis if len(padding) > 1 else 0] + _moved(scene, node, axis, _before, 1)
    if not ahead and not _padded(scene, node):
        return "floor"  # nothing arrives but signal, at whatever tap
    ahead -= _moved(scene, node, axis, _behind, -1)
    wanted = ahead / dilation[axis if len(dilation) > 1 else 0]
    if abs(wanted - (size[axis] - 1) // 2) < 1:
        return "floor"
    return "first" if wanted <= 0 else "last" if wanted >= size[axis] - 1 else "whole"


def _padded(scene: Scene, node: Node) -> bool:
    """Whether anything was padded before a node since the weight before it."""
    one = _before(scene, node)
    while one is not None and one.kind in _MOVES:
        if one.op == "pad":
            return True
        one = _before(scene, one)
    return False


def _moved(scene: Scene, node: Node, axis: int, step: Callable[[Scene, Node], Node | None], sign: int) -> int:
    """Positions put in front (1) before a node, or cut off in front (-1) behind it, up to the next weight."""
    total, one = 0, step(scene, node)
    while one is not None and one.kind in _MOVES:
        shift = scene.shifts.get(one.index, ())
        moved = shift[axis] if axis < len(shift) else 0
        total += abs(moved) if moved * sign > 0 else 0
        one = step(scene, one)
    return total


def _before(scene: Scene, node: Node) -> Node | None:
    return scene.graph.nodes[node.inputs[0]] if len(node.inputs) == 1 else None


def _behind(scene: Scene, node: Node) -> Node | None:
    readers = scene.graph.consumers[node.index]
    return scene.graph.nodes[readers[0]] if len(readers) == 1 else None
