"""The trunk: the nodes that everything must pass on its way from an input to the output.

In a plain chain that is every node; in a residual network the sums, in a normalised one its norms.
What lies between two of them (a residual branch, parallel paths) is not on the trunk.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

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
    found = {piece for start in starts for piece in _pieces(graph, start, useful)}
    return tuple(sorted(found, key=lambda piece: (-len(piece), piece)))


def _starts(graph: Graph, index: int) -> bool:
    node = graph.nodes[index]
    return node.learnt and not any(graph.nodes[source].learnt for source in node.inputs)


def _leading_to(graph: Graph, outputs: tuple[int, ...]) -> set[int]:
    useful = set(outputs)
    for node in reversed(graph.nodes):
        if node.index in useful:
            useful.update(node.inputs)
    return useful


def _pieces(graph: Graph, start: int, useful: set[int]) -> list[tuple[int, ...]]:
    """The trunk from `start`, cut where it only feeds branches of another stream (cross-attention)."""
    trunk, descendants = _articulations(graph, start, useful)
    branches = [set(part) for part in _branches(graph, trunk, descendants)]
    pieces: list[tuple[int, ...]] = []
    piece = [trunk[0]]
    for before, after in itertools.pairwise(trunk):
        jumps = before not in graph.nodes[after].inputs and _foreign(graph, before, after, descendants)
        if jumps or any((before in part) != (after in part) for part in branches):
            pieces.append(tuple(piece))
            piece = []
        piece.append(after)
    pieces.append(tuple(piece))
    return [one for one in pieces if not any(one[0] in part for part in branches)]


def _branches(graph: Graph, trunk: list[int], descendants: set[int]) -> Iterator[list[int]]:
    """Parts of it that are a branch around which another stream goes, to be added to what they make.

    Around inputs as they came (all of a network that learns a difference) only scales are a branch.
    """
    for index in trunk:
        node = graph.nodes[index]
        streams = [one for one in node.inputs if one not in descendants]
        if node.kind == "add" and streams and len(node.inputs) > 1:
            made = _made_of(graph, streams, index)
            part = [one for one in trunk if one < index and one in made]
            raw = not any(graph.nodes[one].learnt for one in streams)
            weighed = any(graph.nodes[one].kind in ("weight", "recurrent") for one in part)
            if made.intersection(node.inputs) and part and not (raw and weighed):
                yield part


def _made_of(graph: Graph, streams: list[int], end: int) -> set[int]:
    """The nodes before the end that one of the streams, which end there, has a part in."""
    found = set(streams)
    for node in graph.nodes[min(streams) + 1 : end]:
        if found.intersection(node.inputs):
            found.add(node.index)
    return found - set(streams)


def _foreign(graph: Graph, before: int, after: int, descendants: set[int]) -> bool:
    between = [node for node in graph.nodes[before + 1 : after + 1] if node.index in descendants]
    return any(graph.nodes[i].learnt and i not in descendants for node in between for i in node.inputs)


def _articulations(graph: Graph, start: int, useful: set[int]) -> tuple[list[int], set[int]]:
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
    return trunk, descendants
