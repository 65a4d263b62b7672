"""What each node is for: a role from its kind, its neighbours and, last, its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

from isogain.graph.nodes import Graph, Node

__all__ = ["ROLES", "assign_roles"]

_ATTENTION = re.compile(r"(^|[._])(attn|attention|self_attn|crossattention|mixer|mha)", re.IGNORECASE)


def _tied_head(graph: Graph, node: Node) -> bool:
    if node.kind != "weight" or node.weight is None:
        return False
    use = graph.by_parameter.get(node.weight.name)
    return use is not None and any(graph.nodes[one].kind == "embedding" for one in use.nodes)


def _head(graph: Graph, node: Node) -> bool:
    """The last weight before an output: no other weight reads what it makes."""
    return node.kind == "weight" and not graph.weighed_later(node.index)


def _attention_part(graph: Graph, node: Node) -> bool:
    return node.kind == "weight" and (
        graph.following(node.index, ("attention", "softmax"), 8) is not None
        and _ATTENTION.search(node.path) is not None
    )


def _attention_out(graph: Graph, node: Node) -> bool:
    return node.kind == "weight" and graph.preceding(node.index, ("attention",), 8) is not None


def _branch_end(graph: Graph, node: Node) -> bool:
    return node.kind == "weight" and _reaches_sum(graph, node.index)


def _reaches_sum(graph: Graph, index: int) -> bool:
    """Whether nothing but shape, norm, scale or dropout lies before a sum of two learnt signals."""
    for _ in range(5):
        readers = graph.consumers[index]
        if len(readers) != 1:
            return False
        reader = graph.nodes[readers[0]]
        if reader.kind == "add":
            return sum(graph.nodes[one].learnt for one in reader.inputs) > 1
        if reader.kind not in ("norm", "shape", "dropout", "multiply", "pool"):
            return False
        index = reader.index
    return False


_MAKERS = ("weight", "recurrent", "embedding", "attention", "product")
_STEPS = 64
"""Operations back from a sum within which its terms would meet, if nothing but arithmetic were between."""


def _residual_sum(graph: Graph, node: Node) -> bool:
    """A sum of two signals that weights made different: no arithmetic on one signal (x + x^3 in a GELU)."""
    if node.kind != "add":
        return False
    terms = [_unweighed(graph, one) for one in dict.fromkeys(node.inputs)]
    return any(a.isdisjoint(b) for a, b in combinations(terms, 2))


def _unweighed(graph: Graph, index: int) -> set[int]:
    """What a signal is made of without weights: back to the first weight on each way."""
    seen, stack = set[int](), [index]
    while stack and len(seen) < _STEPS:
        here = stack.pop()
        seen.add(here)
        if graph.nodes[here].kind not in _MAKERS:
            stack += [one for one in graph.nodes[here].inputs if one not in seen]
    return seen


def _first(graph: Graph, node: Node) -> bool:
    return not any(graph.nodes[source].learnt for source in node.inputs)


def _gate(graph: Graph, node: Node) -> bool:
    bounded = node.activation in ("sigmoid", "hard_sigmoid", "tanh", "silu", "gelu", "gelu_tanh")
    return bounded and any(graph.nodes[one].kind == "multiply" for one in graph.consumers[node.index])


ROLES: tuple[tuple[str, Callable[[Graph, Node], bool]], ...] = (
    ("embedding", lambda graph, node: node.kind == "embedding"),
    ("tied head", _tied_head),
    ("norm", lambda graph, node: node.kind == "norm"),
    ("recurrent", lambda graph, node: node.kind == "recurrent"),
    ("gate", _gate),
    ("activation", lambda graph, node: node.kind == "activation"),
    ("residual sum", _residual_sum),
    ("depthwise", lambda graph, node: node.weight is not None and node.weight.depthwise),
    ("head", _head),
    ("attention out", _attention_out),
    ("attention in", _attention_part),
    ("residual branch end", _branch_end),
    ("first weight", lambda graph, node: node.kind == "weight" and _first(graph, node)),
    ("hidden weight", lambda graph, node: node.kind == "weight"),
    ("attention", lambda graph, node: node.kind in ("attention", "softmax")),
)
"""The first that holds names the role; anything else is called by its kind."""


def assign_roles(graph: Graph) -> Graph:
    """The same graph with every node's role filled in."""
    nodes = tuple(node.playing(_role(graph, node)) for node in graph.nodes)
    return replace(graph, nodes=nodes)


def _role(graph: Graph, node: Node) -> str:
    for name, holds in ROLES:
        if holds(graph, node):
            return name
    return node.kind
