"""vanishing-forward of layers that nothing reaches: what chooses their rows chose none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from isogain.graph import Node, family
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding
from isogain.inspect.table import Table

__all__ = ["empty_signals"]


def empty_signals(table: Table) -> Iterator[Finding]:
    """Layers that read no rows at all, as messages along edges of which a cutoff leaves none.

    What the model itself chooses (proposals, experts) may be nothing at a start; what data and constants
    choose stays nothing.
    """
    families: dict[str, list[Node]] = defaultdict(list)
    for node in table.graph.nodes:
        if node.kind in ("weight", "recurrent") and node.weight is not None:
            families[family(place(node))].append(node)
    empty = [one for nodes in families.values() for one in nodes if all(map(_reads_nothing, nodes))]
    given = [one for one in empty if not any(table.node(source).learnt for source in one.inputs)]
    if given:
        names = tuple(dict.fromkeys(map(place, empty)))
        yield Finding(
            "vanishing-forward", "critical", pattern(list(names)), "no rows: a size of 0",
            "rows to learn from",
            f"nothing reaches {pattern(list(names))}: what chooses its rows (neighbours within a cutoff, a "
            "mask, an index) chose none of this batch; its unit may be another one than the data's",
            paths=names,
        )  # fmt: skip


def _reads_nothing(node: Node) -> bool:
    return 0 in node.shape
