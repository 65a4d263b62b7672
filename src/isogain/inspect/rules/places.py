"""Places that nothing tells apart, and places outside of what is read there."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART
from isogain.inspect.looks import Choices, Grid, Rows
from isogain.inspect.mending import zeroed
from isogain.inspect.table import Table

__all__ = ["one_distance", "outside_grids", "same_places"]

FEWEST = 8
"""Places below which a table may be a few offsets."""
PAIRS = 64
"""Places that take a row from which on one for all is no chance."""
WIDE = 32
"""Numbers in a row from which on it is added to tokens, not to logits of each head."""
APART = 0.01
"""Share of a table's size by which its rows have to differ."""
SLIGHT = 0.3
"""Share of the places' size below which offsets move next to nothing: what is read outside is meant."""
OUTSIDE = 0.5
"""Share of places outside from which on most of a signal is not read."""


def same_places(table: Table) -> Iterator[Finding]:
    """Constant tables of positions with one and the same row for all of them."""
    for look in table.looks:
        node = None if look.node is None else table.node(look.node)
        if node is None or not isinstance(look.seen, Rows) or not _of_features(table, node):
            continue
        seen = look.seen
        if seen.places >= FEWEST and seen.apart <= APART * seen.rms:
            yield Finding(
                "rank-collapse", "warning", place(node),
                f"{seen.places} rows of size {seen.rms:.3g} that differ by {seen.apart:.2g}",
                "another row for each position",
                f"the constant table of positions that is added at {place(node)} has the same row for all "
                "of them, so it tells none apart: integer division, frequencies of 0, or a buffer that was "
                "never filled leave it so; compute it in floating point, in the module's constructor",
                paths=(place(node),),
            )  # fmt: skip
            return


def one_distance(table: Table) -> Iterator[Finding]:
    """Learnt tables by distance, or by place, of which a constant index takes one row for all."""
    for look in table.looks:
        seen = look.seen
        if not isinstance(seen, Choices) or look.node is not None or len(look.parameters) != 1:
            continue
        (name,) = look.parameters
        state = table.parameters.get(name)
        each = seen.rows >= seen.observations  # a row for each place, all of which take one
        learns = state is not None and state.requested and (each or not _wide(table, name))
        if learns and seen.used == 1 and seen.rows >= FEWEST and seen.observations >= PAIRS:
            yield Finding(
                "rank-collapse", "info" if table.counted else "warning", name,
                f"one of {seen.rows} rows is taken by all of {seen.observations} places",
                "rows by place, or by distance",
                f"the index into {name} is one number for all places, so what it gives tells none apart, and "
                "the other rows never learn: an index that was worked out in fractions and made whole, or a "
                "buffer that was never filled",
                paths=(name,),
            )  # fmt: skip
            return


def _wide(table: Table, name: str) -> bool:
    """Whether a row is a token's, and not a number for each head: what one constant row adds may be meant."""
    use = table.graph.by_parameter.get(name)
    return use is not None and len(use.shape) > 1 and use.shape[-1] >= WIDE


def _of_features(table: Table, node: Node) -> bool:
    """Whether a layer reads the sum channel by channel: no grid of coordinates, no mask of logits."""
    reader = table.graph.following(node.index, ("weight", "norm", "recurrent"), 2)
    width = node.shape[-1]
    if reader is None or reader.weight is None or reader.weight.fans is None:
        return reader is not None and reader.kind != "weight" and reader.channel_axis == -1
    return reader.weight.fans.fan_in == width


def outside_grids(table: Table) -> Iterator[Finding]:
    """Signals read (grid_sample) at places that weights have moved out of the signal."""
    outside: dict[int, float] = {}
    for look in table.looks:
        if isinstance(look.seen, Grid):
            for maker in _movers(table, look.node):
                if not _moves(table, maker):
                    continue
                outside[maker.index] = max(outside.get(maker.index, 0.0), look.seen.outside)
    loud = [table.node(one) for one, share in outside.items() if share > OUTSIDE]
    if not loud:
        return
    paths = places(loud)
    # what is read behind a loud one is quiet as yet, and so are offsets made of it
    uses = [table.node(one).weight for one, share in outside.items() if share > OUTSIDE / 2]
    weights, biases = [use.name for use in uses if use], [use.bias for use in uses if use and use.bias]
    yield Finding(
        "vanishing-forward", "warning", pattern(paths),
        f"{max(outside.values()):.0%} of the places read lie outside",
        "places near those of a regular grid, from -1 to 1",
        f"the offsets that {pattern(paths)} makes are too large: most places lie outside of the signal, "
        "where zeros are read and no gradient comes back; offsets start at 0",
        paths=paths, mends=(zeroed(table, weights), zeroed(table, [*weights, *biases]), RESTART),
    )  # fmt: skip


def _moves(table: Table, maker: Node) -> bool:
    """Whether its offsets are no small part of the places that they are added to, as far as that is seen."""
    offset, part = maker, table.forward.get(maker.index)
    while (readers := table.graph.consumers[offset.index]) and table.node(readers[0]).kind != "add":
        offset = table.node(readers[0])
        part = table.forward.get(offset.index, part)
    whole = table.forward.get(readers[0]) if readers else None
    return part is None or whole is None or not part.rms < SLIGHT * whole.rms


def _movers(table: Table, index: int | None) -> Iterator[Node]:
    """The trained weights that make a grid, with no other weight between."""
    inputs = () if index is None else table.node(index).inputs
    stack, seen = list(inputs[1:]), set(inputs)
    while stack:
        node = table.node(stack.pop())
        if node.weight is not None:
            if table.graph.by_parameter[node.weight.name].trainable:
                yield node
            continue
        fresh = [one for one in node.inputs if one not in seen]
        seen.update(fresh)
        stack += fresh
