"""The trunk: the nodes that everything must pass on its way from an input to the output.

In a plain chain that is every node; in a residual network the sums, in a normalised one its norms.
What lies between two of them (a residual branch, parallel paths) is not on the trunk.
"""

from __future__ import annotations

from isogain.graph.nodes import Graph

__all__ = ["trunks"]


def trunks(graph: Graph) -> tuple[tuple[int, ...], ...]:
    """One trunk for each place where learnt weights first meet an input, longest first.

    A node is on the trunk when no edge jumps over it among the descendants of that place that lead to
    an output: in execution order one scan finds them all.  A second stream (the encoder's output read
    by every decoder layer) does not hide the first, because it is no descendant of its start.
    """
    useful = _leading_to(graph, graph.outputs)
    starts = [node.index for node in graph.nodes if _starts(graph, node.index) and node.index in useful]
    found = {_articulations(graph, start, useful) for start in starts}
    return tuple(sorted(found, key=len, reverse=True))


def _starts(graph: Graph, index: int) -> bool:
    node = graph.nodes[index]
    return node.learnt and not any(graph.nodes[source].learnt for source in node.inputs)


def _leading_to(graph: Graph, outputs: tuple[int, ...]) -> set[int]:
    useful = set(outputs)
    for node in reversed(graph.nodes):
        if node.index in useful:
            useful.update(node.inputs)
    return useful


def _articulations(graph: Graph, start: int, useful: set[int]) -> tuple[int, ...]:
    descendants = {start}
    for node in graph.nodes[start + 1 :]:
        if node.index in useful and descendants.intersection(node.inputs):
            descendants.add(node.index)
    order = sorted(descendants)
    # the main output is the last: others (hidden states handed out on the way) are not the end of the trunk
    end = max((one for one in graph.outputs if one in descendants), default=order[-1])
    reach, trunk = start, []
    for index in order:
        if index > end:
            break
        if reach <= index:
            trunk.append(index)
        ahead = [reader for reader in graph.consumers[index] if reader in descendants]
        reach = max([reach, *ahead])
    return tuple(trunk)
