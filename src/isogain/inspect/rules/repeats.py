"""identical-layers of one module that stands in a list several times: its places give the same numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding
from isogain.inspect.table import Table

__all__ = ["repeated_layers"]

KEEPING = frozenset(["shape", "dropout", "pool"])


def repeated_layers(table: Table) -> Iterator[Finding]:
    """One layer asked the same several times, whose answers are then summed or stand side by side."""
    uses: dict[tuple[str, object], list[Node]] = defaultdict(list)
    for node in table.graph.nodes:
        seen = table.forward.get(node.index)
        # samples that do not differ are equal by themselves
        if node.kind == "weight" and node.weight and seen and seen.finite and seen.distance > 0:
            numbers = (seen.mean, seen.rms, seen.minimum, seen.maximum, seen.distance)
            uses[node.weight.name, numbers].append(node)
    found = {name: alike for (name, _), alike in uses.items() if len(alike) > 1 and _meet(table, alike)}
    if found:
        yield _finding(found)


def _meet(table: Table, alike: list[Node]) -> bool:
    """Whether they are put side by side, or summed with nothing else after something else weighed each.

    A current that flows into a membrane at each step is summed, too, with what the last step left.
    """
    plain, weighed = {node.index for node in alike}, set[int]()
    for node in table.graph.nodes[alike[0].index + 1 :]:
        of = set(node.inputs) & (plain | weighed)
        summed = node.kind == "add" and weighed.issuperset(node.inputs)
        if len(of) > 1 and (summed or node.kind == "concatenate"):
            return True
        if of and node.kind == "multiply" and _weighs(table, node, of):
            weighed.add(node.index)
        elif of and (summed or node.kind in KEEPING):
            (plain if of & plain else weighed).add(node.index)
    return False


def _weighs(table: Table, node: Node, of: set[int]) -> bool:
    """Whether another factor is there, and made without what it weighs."""
    others = [one for one in node.inputs if one not in of]
    behind = (before.index for one in others for before in table.behind(one))
    return bool(others) and of.isdisjoint(behind)


def _finding(found: dict[str, list[Node]]) -> Finding:
    name, alike = next(iter(found.items()))
    return Finding(
        "identical-layers", "warning", place(alike[0]),
        f"{len(alike)} results that are the same, bit for bit",
        "layers of their own, or one result used again",
        f"{name} is asked the same {len(alike)} times, and the answers meet: where one module stands in a "
        "list several times, as [layer] * n makes it, all its places share one set of weights; make each one "
        "anew",
        paths=tuple(found),
    )  # fmt: skip
