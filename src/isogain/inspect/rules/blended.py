"""rank-collapse of positions: attention upon attention that no residual stream carries a token past."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.chains import chains, is_residual_sum
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART
from isogain.inspect.looks import Attention
from isogain.inspect.table import Table

__all__ = ["blended_positions"]

LEFT = 0.03
"""What is left of the difference between positions (1 - cosine) from which on they are told apart late."""
APART = 0.1
"""The difference that there has to be at first: tokens are not one word."""


def blended_positions(table: Table) -> Iterator[Finding]:
    """Each attention hands on averages over the positions; without a sum beside it, averages of averages.

    The difference between positions falls as the layers go, doubly exponentially for attention alone
    (Dong et al. 2021).
    """
    mixing = [look.node for look in table.looks if isinstance(look.seen, Attention) and look.node is not None]
    for chain in chains(table):
        tokens = [node for node in chain.nodes if _of_tokens(table, node)]
        between = [one for one in mixing if tokens and tokens[0].index < one < tokens[-1].index]
        if len(between) < 2 or any(_carried(table, node, between[0]) for node in table.graph.nodes):
            continue
        start, end = (table.forward[node.index].position_distance for node in (tokens[0], tokens[-1]))
        if start > APART and end < LEFT * start:
            yield _finding(table, [table.node(one) for one in between], start, end, tokens[-1])
            return


def _of_tokens(table: Table, node: Node) -> bool:
    seen = table.forward[node.index]
    return len(node.shape) == 3 and node.shape[0] == table.batch and not math.isnan(seen.position_distance)


def _carried(table: Table, node: Node, first: int) -> bool:
    """Whether a sum behind the first attention adds what went past it."""
    return node.index > first and node.kind == "add" and is_residual_sum(table, node)


def _finding(table: Table, mixing: list[Node], start: float, end: float, last: Node) -> Finding:
    names = places(mixing)
    between = table.graph.nodes[mixing[0].index : last.index]
    cells = len({node.path for node in between if node.kind == "recurrent"})
    why = (
        f"{len(mixing)} attentions follow one another, and a token gets past them through the gates of "
        f"{cells} cells alone, each of which hands on about half of it: each attention hands on averages "
        f"over the positions, and at {place(last)} these are nearly one; a gate's bias that lets the state "
        "through, of 2 say, keeps them apart (GTrXL)"
        if cells
        else f"{len(mixing)} attentions follow one another, and no residual sum carries a token past them: "
        f"each attention hands on averages over the positions, and at {place(last)} these are nearly one; "
        "add what goes in to what comes out, as x = x + attention(norm(x))"
    )
    return Finding(
        "rank-collapse", "warning", pattern(list(names)),
        f"1 - cosine between positions {start:.2g} -> {end:.2g}",
        "tokens that stay apart",
        why, paths=names, mends=(RESTART,) if cells else (),
    )  # fmt: skip
