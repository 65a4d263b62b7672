"""What comes of a node of a Graph, against a search along every way on random graphs."""

import random

import pytest

from isogain.graph import Graph, Node, assign_roles

KINDS = ("weight", "recurrent", "add", "norm", "activation", "shape")


def drawn(seed: int, count: int = 30) -> Graph:
    """A random graph in execution order: each node reads one or two of the six before it."""
    chance = random.Random(seed)
    nodes = [Node(0, "input", "input", "", (), (), (4,), "float32", False)]
    for index in range(1, count):
        before = range(max(index - 6, 0), index)
        inputs = tuple(sorted(chance.sample(before, min(chance.randint(1, 2), len(before)))))
        kind = chance.choices(KINDS, (1, 1, 4, 4, 4, 4))[0]
        nodes.append(Node(index, kind, kind, "", inputs, (), (4,), "float32", True))
    return Graph(tuple(nodes), ())


def after(graph: Graph, index: int) -> set[int]:
    """Every node on any way that starts at one, by its readers' readers."""
    readers = [node.index for node in graph.nodes if index in node.inputs]
    return set(readers).union(*(after(graph, one) for one in readers))


@pytest.mark.parametrize("seed", range(5))
def test_weights_behind_a_node(seed: int) -> None:
    graph = drawn(seed)
    kinds = [{graph.nodes[one].kind for one in after(graph, node.index)} for node in graph.nodes]
    expected = [bool(one & {"weight", "recurrent"}) for one in kinds]
    assert [graph.weighed_later(node.index) for node in graph.nodes] == expected
    assert len(set(expected)) == 2  # both answers were asked for


@pytest.mark.parametrize("seed", range(5))
def test_a_head_is_a_weight_that_no_other_reads(seed: int) -> None:
    graph = assign_roles(drawn(seed))
    weights = [node for node in graph.nodes if node.kind == "weight"]
    heads = {
        n.index
        for n in weights
        if not {graph.nodes[i].kind for i in after(graph, n.index)} & {"weight", "recurrent"}
    }
    assert {node.index for node in weights if node.role == "head"} == heads
