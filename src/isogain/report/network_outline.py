"""What of a graph is drawn: operations a reader knows, blocks that repeat once with how often they do.

Repeats are found in the structure alone: a stretch of operations that comes again, one right after the other,
with the same operations, shapes and connections.  Names have no say in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isogain.graph import Graph, Node

__all__ = ["Outline", "Repeat", "outline"]

DRAWN = (
    "input", "weight", "embedding", "recurrent", "norm", "activation", "add", "multiply", "product",
    "softmax", "attention", "pool", "concatenate",
)  # fmt: skip
LONGEST = 400
"""Operations that a block which repeats may have at most."""
WORTH = 3
"""Boxes that folding has to save."""


@dataclass(frozen=True)
class Repeat:
    """A block that comes `count` times in a row; `members` are the nodes of the first."""

    members: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Outline:
    """Boxes, arrows between them, and the blocks among them that stand for several."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    repeats: tuple[Repeat, ...]
    stands_for: Mapping[int, tuple[int, ...]]
    """node drawn -> itself and the nodes of later blocks in its place."""
    whole: frozenset[int] = frozenset()
    """Boxes that are all of a module's arithmetic: an activation written out."""


def outline(graph: Graph, until: int | None = None) -> Outline:
    """The boxes and arrows of a graph, up to the node where a loss begins."""
    modules = _arithmetic(graph)
    seen = [one for one in _visible(graph, until) if modules.get(one, one) == one]
    sources = _sources(graph, seen)
    rows = [_Row(graph.nodes[index], sources[index]) for index in seen]
    repeats = _repeats(seen, rows)
    first, drawn = _folded(seen, repeats)
    edges = {
        (first[source], target) for target in seen if first[target] == target for source in sources[target]
    }
    nodes = tuple(graph.nodes[index] for index in seen if first[index] == index)
    return Outline(nodes, tuple(sorted(edges)), tuple(repeats), drawn, frozenset(modules.values()))


def _visible(graph: Graph, until: int | None) -> list[int]:
    """The operations worth a box that lead to an output, in order of execution."""
    ends = [one for one in graph.outputs if until is None or one < until]
    stack = list(ends) or [len(graph.nodes) - 1 if until is None else until - 1]
    reached: set[int] = set()
    while stack:
        index = stack.pop()
        if index not in reached:
            reached.add(index)
            stack += graph.nodes[index].inputs
    return [one for one in sorted(reached) if _is_drawn(graph.nodes[one])]


def _is_drawn(node: Node) -> bool:
    return node.kind == "input" or bool(node.parameters) or (node.kind in DRAWN and node.learnt)


def _arithmetic(graph: Graph) -> dict[int, int]:
    """node -> the last node of its module, for modules that do nothing but arithmetic, in several steps."""
    inside: dict[str, list[Node]] = {}
    for node in graph.nodes:
        inside.setdefault(node.path, []).append(node)
    parents = {path.rpartition(".")[0] for path in inside}
    return {
        node.index: members[-1].index
        for path, members in inside.items()
        if path and path not in parents and len(members) > 1 and all(map(_is_arithmetic, members))
        for node in members
    }


def _is_arithmetic(node: Node) -> bool:
    return node.kind in ("activation", "add", "multiply", "shape", "other") and not node.parameters


def _sources(graph: Graph, seen: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """node -> the boxes it reads, through what is not drawn."""
    boxes, behind = set(seen), dict[int, frozenset[int]]()
    for node in graph.nodes:
        read = frozenset[int]().union(*(behind.get(one, frozenset()) for one in node.inputs))
        behind[node.index] = frozenset({node.index}) if node.index in boxes else read
    found = {}
    for index in seen:
        read = frozenset[int]().union(*(behind[one] for one in graph.nodes[index].inputs))
        found[index] = tuple(sorted(read - {index}))
    return found


class _Row:
    """One box as its repeats are known by: what it is, and how far back what it reads lies."""

    def __init__(self, node: Node, sources: tuple[int, ...]) -> None:
        self.what = (node.op, node.kind, node.role, node.shape, len(node.parameters))
        self.sources = sources


def _repeats(seen: Sequence[int], rows: Sequence[_Row]) -> list[Repeat]:
    """Stretches that come again right after themselves: from the start on, what saves most boxes."""
    place = {index: position for position, index in enumerate(seen)}
    found, start = [], 0
    while start < len(rows):
        period, length = _longest(seen, rows, place, start)
        if length >= WORTH:
            shift = _cut(rows, place, start, period, length)
            count = (length - shift) // period + 1
            found.append(Repeat(tuple(seen[start + shift : start + shift + period]), count))
            start += shift + period * count
        else:
            start += 1
    return found


def _longest(
    seen: Sequence[int], rows: Sequence[_Row], place: Mapping[int, int], start: int
) -> tuple[int, int]:
    """The period that folds most boxes from here on, and for how many boxes it holds; whole blocks only."""
    best = (0, 0, 0)
    for period in range(1, min((len(rows) - start) // 2, LONGEST) + 1):
        if rows[start].what == rows[start + period].what:
            length = _run(seen, rows, place, start, period)
            best = max(best, (length // period * period, -period, length))
    return -best[1], best[2] if best[0] else 0


def _cut(rows: Sequence[_Row], place: Mapping[int, int], start: int, period: int, length: int) -> int:
    """Where in a run the block begins: where fewest arrows cross, without losing a repeat; else late."""
    shifts = range(length % period, -1, -1)
    return min(shifts, key=lambda shift: _crossing(rows, place, start + shift, period))


def _crossing(rows: Sequence[_Row], place: Mapping[int, int], start: int, period: int) -> int:
    """How many boxes outside the block it reads, and how many inside are read by the next one."""
    inside = range(start, start + period)
    into = {one for row in rows[start : start + period] for one in row.sources if place[one] not in inside}
    after = rows[start + period : start + 2 * period]
    return len(into) + len({one for row in after for one in row.sources if place[one] in inside})


def _run(seen: Sequence[int], rows: Sequence[_Row], place: Mapping[int, int], start: int, period: int) -> int:
    """How many boxes in a row equal the one a period later."""
    length = 0
    while start + length + period < len(rows) and _alike(seen, rows, place, start + length, period):
        length += 1
    return length


def _alike(
    seen: Sequence[int], rows: Sequence[_Row], place: Mapping[int, int], one: int, period: int
) -> bool:
    """The same operation, reading what lies as far back, or the very same boxes."""
    here, there = rows[one], rows[one + period]
    if here.what != there.what or len(here.sources) != len(there.sources):
        return False
    shifted = {seen[place[source] + period] for source in here.sources if place[source] + period < len(seen)}
    return all(source in shifted or source in here.sources for source in there.sources)


def _folded(
    seen: Sequence[int], repeats: Sequence[Repeat]
) -> tuple[dict[int, int], dict[int, tuple[int, ...]]]:
    """node -> the node drawn in its place; and the other way round."""
    place = {index: position for position, index in enumerate(seen)}
    first = {index: index for index in seen}
    for repeat in repeats:
        period, start = len(repeat.members), place[repeat.members[0]]
        for offset in range(period * repeat.count):
            first[seen[start + offset]] = repeat.members[offset % period]
    drawn: dict[int, list[int]] = {}
    for index, shown in first.items():
        drawn.setdefault(shown, []).append(index)
    return first, {shown: tuple(members) for shown, members in drawn.items()}
