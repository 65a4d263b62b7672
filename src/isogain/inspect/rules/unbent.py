"""loss-floor of layers with nothing between: several maps behind one another are one map."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import places
from isogain.inspect.findings import Finding
from isogain.inspect.table import Table

__all__ = ["unbent_layers"]

LAYERS = 3
"""Maps in a row from which on nobody means them as the two factors of a smaller one."""
STRAIGHT = frozenset(["shape", "dropout"])


def unbent_layers(table: Table) -> Iterator[Finding]:
    """Linear layers that read one another as they are, one of them wider than what comes in and goes out."""
    if table.loss_node is None:
        return
    ahead = {node.index: after for node in table.graph.nodes if (after := _next(table, node)) is not None}
    for start in ahead.keys() - ahead.values():
        chain = [start]
        while chain[-1] in ahead:
            chain.append(ahead[chain[-1]])
        nodes = [table.node(one) for one in chain]
        if len(nodes) >= LAYERS and _widens(nodes):
            yield _finding(nodes)


def _next(table: Table, node: Node) -> int | None:
    """The layer that alone reads what a layer makes, with nothing between that bends it."""
    if not _is_map(node):
        return None
    one = node
    while True:
        readers = table.graph.consumers[one.index]
        if len(readers) != 1 or one.index in table.graph.outputs:
            return None
        one = table.node(readers[0])
        if table.in_loss(one) or len(one.inputs) != 1:
            return None
        if _is_map(one):
            return one.index
        if one.kind not in STRAIGHT:
            return None


def _is_map(node: Node) -> bool:
    use = node.weight
    return node.op == "linear" and use is not None and use.fans is not None and not use.bound


def _widens(nodes: list[Node]) -> bool:
    """Whether a layer between is wider than both ends, as hidden layers are, and factors of a map are not."""
    fans = [node.weight.fans for node in nodes if node.weight is not None and node.weight.fans is not None]
    return max(fan.fan_out for fan in fans[:-1]) > max(fans[0].fan_in, fans[-1].fan_out)


def _finding(nodes: list[Node]) -> Finding:
    names = places(nodes)
    return Finding(
        "loss-floor", "warning", names[0],
        f"{len(nodes)} linear layers behind one another", "an activation between them",
        f"nothing between {names[0]} and {names[-1]} bends the signal, so these {len(nodes)} layers are one "
        "linear map: however long they learn, they reach no further than one layer does; put an activation "
        "between them",
        paths=tuple(names),
    )  # fmt: skip
