"""initial-loss of answers far from where all targets lie: a constant would save most of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.graph.nodes import Kind
from isogain.inspect.causes import place
from isogain.inspect.chains import lone_way
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.looks import Offset
from isogain.inspect.mending import changeable, filled
from isogain.inspect.table import Table

__all__ = ["missing_offsets"]

FAR = 2.4
"""Constant from which on usual steps take long to learn it; of the logarithm of a rate, a factor of 11."""
TIMES = 3.0
"""Times the output's own spread that it has to be."""
STEPS = 6
"""Operations looked back through, from an output to what makes it."""
LAYERS: tuple[Kind, ...] = ("weight", "recurrent", "embedding")


def missing_offsets(table: Table) -> Iterator[Finding]:
    """Rates, scales and means that start at 0 where the data's lie elsewhere, under a loss of one's own."""
    found, node = table.offset, None
    if found is None or abs(found.by) < FAR:
        return
    node = None if found.node is None else table.node(found.node)
    if node is not None and "grad" in (node.op, *(one.op for one in lone_way(table, node, STEPS))):
        return  # of a derivative: no bias moves it
    seen = None if node is None else table.forward.get(node.index)
    if seen is not None and abs(found.by) < TIMES * seen.std and found.channel is None:
        return
    maker = (
        None
        if node is None
        else node
        if node.kind in LAYERS
        else table.graph.preceding(node.index, LAYERS, STEPS)
    )
    path = place(maker) if maker is not None else found.of[0] if found.of else "the output"
    which = (
        f"channel {found.channel} of what {path} gives" if found.channel is not None else f"what {path} gives"
    )
    yield Finding(
        "initial-loss", "warning", path, f"{found.value:.4g}",
        f"{found.best:.4g}, with {found.by:.3g} added to {which}",
        f"{which} starts far from what all samples ask for: the loss pulls nearly every number the same way, "
        "and the first steps, long and steep, only learn that constant; start its bias there (the logarithm "
        "of the data's mean for the logarithm of a rate), or scale the data",
        paths=(path,), mends=_mends(table, found, maker),
    )  # fmt: skip


def _mends(table: Table, found: Offset, maker: Node | None) -> tuple[Fix, ...]:
    """The constant as the bias of the layer that makes the output, where it makes nothing else."""
    bias = maker.weight.bias if maker is not None and maker.weight is not None else None
    names = changeable(table, [bias] if bias else found.of)
    if not names:
        return ()
    if found.channel is not None:
        return (_entry(table, names[0], found.channel, found.level + found.by),)
    level = table.parameters[names[0]].mean
    usual = [level + found.by, math.copysign(math.log1p(abs(found.by)), found.by)]
    return tuple(filled(table, names, one) for one in usual)


def _entry(table: Table, name: str, channel: int, value: float) -> Fix:
    """One entry of a bias, which is all that its channel's mean is made of."""
    if table.graph.by_parameter[name].shape != (table.offset.units if table.offset else 0,):
        return Fix()
    return Fix((Change("entry", ((name, value),), text=str(channel)),))
