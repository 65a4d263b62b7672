"""Recurrences: how many steps a weight is applied for, each to what came of the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from isogain.graph.nodes import Graph, Node
from isogain.graph.scene import Scene, Site

__all__ = ["Reading", "carried", "chained", "plain_steps", "reading", "reads_cell"]

_ON = frozenset(["add", "shape"])
"""What hands a sum on."""
_ALONE = frozenset(["activation", "shape", "dropout"])
"""What lies between the sum of a plain cell and the next step; where one multiplies, a gate forgets."""


@dataclass(frozen=True)
class Reading:
    """What a plain cell reads: for how many steps, into which activation, whether from another."""

    steps: int
    activation: str | None
    above: bool


def chained(graph: Graph, steps: Mapping[int, int]) -> int:
    """The most steps on one way through the graph, where `steps` says how many each node takes.

    Nodes that do not read one another (the two sides of a siamese network) do not add up.

    >>> chained(Graph((), ()), {})
    0
    """
    longest: dict[int, int] = {}
    for node in graph.nodes[min(steps, default=0) :]:
        before = max((longest.get(one, 0) for one in node.inputs), default=0)
        if before or node.index in steps:
            longest[node.index] = before + steps.get(node.index, 0)
    return max(longest.values(), default=0)


def plain_steps(graph: Graph, uses: Iterable[Node]) -> int:
    """How many of a weight's uses read, through activations alone, a sum with what another of them made.

    >>> plain_steps(Graph((), ()), [])
    0
    """
    uses = list(uses)
    mine = {node.index for node in uses}
    return sum(
        any(mine & {part.index for part in _parts(graph, graph.nodes[one])} for one in _passed(graph, [node]))
        for node in uses
    )


def carried(graph: Graph, name: str) -> int:
    """For how many steps a parameter, or a function of it, multiplies a state: a sum with the last product.

    >>> carried(Graph((), ()), "decay")
    0
    """
    products = {n.index for n in graph.nodes if n.kind == "multiply" and name in n.parameters}
    sums = (graph.nodes[k] for one in products for k in graph.nodes[one].inputs)
    return sum(one.kind == "add" and not products.isdisjoint(one.inputs) for one in sums)


def reads_cell(graph: Graph, cells: Iterable[Node]) -> bool:
    """Whether torch's plain tanh cells read the states of others, which have other weights."""
    return any(
        graph.nodes[one].op.startswith("rnn_tanh") and graph.nodes[one].parameters != cell.parameters
        for cell in cells
        for one in _passed(graph, [cell])
    )


def reading(site: Site) -> Reading | None:
    """How a weight reads the inputs of a plain cell that was written by hand; None if it does not.

    h = phi(W x + V h): what W makes is added to what a weight V makes of the state, which is that sum
    again after activations alone.
    """
    scene, graph = site.scene, site.scene.graph
    if not scene.recurring:
        return None
    sums, read = _ends(graph, site.weighted), _passed(graph, site.weighted)
    states = _states(scene, sums, site.name)
    if not states or not sums.isdisjoint(read):
        return None
    readers = (graph.nodes[one] for one in graph.consumers[max(states)])
    activation = next((node.activation for node in readers if node.kind == "activation"), None)
    above = bool(_states(scene, read, site.name))
    return Reading(chained(graph, dict.fromkeys(sums, 1)), activation, above)


def _ends(graph: Graph, nodes: Iterable[Node]) -> frozenset[int]:
    """The sums that weights end in: the last nodes before anything but additions and rearrangements."""
    ends: set[int] = set()
    stack = [node.index for node in nodes]
    seen = set(stack)
    while stack:
        index = stack.pop()
        readers = graph.consumers[index]
        on = [one for one in readers if graph.nodes[one].kind in _ON]
        if len(on) < len(readers) or not readers:
            ends.add(index)
        stack += [one for one in on if one not in seen]
        seen.update(on)
    return frozenset(ends)


def _states(scene: Scene, nodes: frozenset[int], name: str) -> list[int]:
    """Which nodes are sums with what a recurring weight, not the one of this name, makes of the others."""
    graph, others = scene.graph, scene.recurring - {name}
    made = {
        one: {part.weight.name for part in _parts(graph, graph.nodes[one]) if part.weight} for one in nodes
    }
    uses = {weight: [graph.nodes[one] for one in scene.uses_of(weight)] for weight in others}
    back = {weight for weight in others if not nodes.isdisjoint(_passed(graph, uses[weight]))}
    return [one for one, weights in made.items() if weights & back]


def _parts(graph: Graph, node: Node) -> list[Node]:
    """What a sum adds up, sums within it taken apart; nothing for what is no sum."""
    found: list[Node] = []
    seen, stack = {node.index}, [node] if node.kind in _ON else []
    while stack:
        for one in stack.pop().inputs:
            if one not in seen:
                source = graph.nodes[one]
                (stack if source.kind in _ON else found).append(source)
            seen.add(one)
    return found


def _passed(graph: Graph, nodes: Iterable[Node]) -> frozenset[int]:
    """What nodes read, and what that comes from through activations alone."""
    seen: set[int] = set()
    stack = [one for node in nodes for one in node.inputs]
    while stack:
        index = stack.pop()
        if index not in seen:
            seen.add(index)
            stack += graph.nodes[index].inputs if graph.nodes[index].kind in _ALONE else ()
    return frozenset(seen)
