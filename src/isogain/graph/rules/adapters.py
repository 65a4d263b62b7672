"""Beside frozen weights: a pretrained function is added to, so what is added keeps the start it has."""

from __future__ import annotations

from isogain.graph.nodes import Node
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Scene, Site

__all__: list[str] = []

_LAYERS = ("weight", "recurrent", "embedding")
_JOINS = ("add", "multiply", "product", "other")


@rule(order=8)
def beside_frozen(site: Site) -> Decision | None:
    """A weight whose results go into frozen ones, or are added to theirs or multiplied with them."""
    met = site.scene.once(_met)
    if not any(node.index in met for node in site.nodes):
        return None
    return Decision(
        None, "its results meet those of frozen weights: their function, and so its start, is kept"
    )


def _met(scene: Scene) -> frozenset[int]:
    """The trainable layers on a way to, around or beside a frozen one."""
    frozen = frozenset(node.index for node in scene.graph.nodes if _is_frozen(scene, node))
    if not frozen:
        return frozen
    found = _ancestors(scene, frozen, frozenset())
    read = frozenset(one for index in frozen for one in scene.graph.nodes[index].inputs)
    for node in scene.graph.nodes:
        if node.kind in _JOINS and len(node.inputs) > 1:
            found |= _ancestors(scene, _beside(scene, node, frozen), read)
    return found - frozen


def _beside(scene: Scene, node: Node, frozen: frozenset[int]) -> frozenset[int]:
    """The layers whose results a node joins with those of frozen ones that they do not read themselves."""
    ways = [_nearest(scene, one) for one in node.inputs]
    made = frozenset[int]().union(*ways) & frozen
    mine = [way for way in ways if way and way.isdisjoint(frozen)]
    return frozenset[int]().union(*(way for way in mine if not made <= _ancestors(scene, way, frozenset())))


def _is_frozen(scene: Scene, node: Node) -> bool:
    if node.kind not in _LAYERS or node.weight is None:
        return False
    return not scene.graph.by_parameter[node.weight.name].trainable


def _nearest(scene: Scene, index: int) -> frozenset[int]:
    """The layers that a signal last passed."""
    found, seen, stack = set[int](), {index}, [index]
    while stack:
        one = stack.pop()
        if scene.graph.nodes[one].kind in _LAYERS:
            found.add(one)
            continue
        new = [k for k in scene.graph.nodes[one].inputs if k not in seen]
        seen.update(new)
        stack += new
    return frozenset(found)


def _ancestors(scene: Scene, nodes: frozenset[int], ends: frozenset[int]) -> frozenset[int]:
    """These nodes and all that lead to them, but for what lies before `ends`."""
    seen, stack = set(nodes), list(nodes)
    while stack:
        new = [k for k in scene.graph.nodes[stack.pop()].inputs if k not in seen and k not in ends]
        seen.update(new)
        stack += new
    return frozenset(seen)
