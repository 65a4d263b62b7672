"""initial-loss where terms of one loss are weighed by accident: one a mean, the other a sum over samples."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, places
from isogain.inspect.findings import Finding
from isogain.inspect.rules.frozen import makers
from isogain.inspect.table import LossUse, Table

__all__ = ["summed_penalties"]

MEAN = 10.0
"""Times what ignorance costs, up to which a loss of one number is a mean."""
SAMPLES = 8
"""Samples below which a sum and a mean are near each other."""


def summed_penalties(table: Table) -> Iterator[Finding]:
    """A penalty on what answers are made of (a divergence of codes), summed over samples beside a mean."""
    for use in table.losses:
        for penalty in _beside(table, use):
            layers = makers(table, penalty.inputs)
            paths = places(layers)
            yield Finding(
                "initial-loss", "warning", pattern(paths),
                f"a sum over {table.batch} samples beside a mean of {use.value:.3g}",
                "means of both over samples",
                f"the loss adds a penalty on what {pattern(paths)} makes as a sum over samples to a mean: it "
                f"weighs {table.batch} times as much as meant, or more, and is cheapest where the codes tell "
                "nothing; divide it by the number of samples",
                paths=paths,
            )  # fmt: skip
            return


def _beside(table: Table, use: LossUse) -> Iterator[Node]:
    """The sums over samples that are added, as they are, to a loss that is a mean."""
    if use.node is None or use.elements or table.batch < SAMPLES or not 0 < use.value < MEAN * use.chance:
        return
    for reader in map(table.node, table.graph.consumers[use.node]):
        for one in reader.inputs if reader.kind == "add" and math.prod(reader.shape) == 1 else ():
            node = _plain(table, one)
            if node.index != use.node and _over_samples(table, node) and _of_codes(table, node, use.node):
                yield node


def _plain(table: Table, index: int) -> Node:
    node = table.node(index)
    while node.kind == "shape" and len(node.inputs) == 1:
        node = table.node(node.inputs[0])
    return node


def _over_samples(table: Table, node: Node) -> bool:
    """Whether it sums over all samples to one number."""
    shapes = [table.node(one).shape for one in node.inputs]
    return node.op == "sum" and math.prod(node.shape) == 1 and any(s and s[0] == table.batch for s in shapes)


def _of_codes(table: Table, node: Node, loss: int) -> bool:
    """Whether it reads layers that the other term's answers are made of, and no data beside them."""
    layers = makers(table, node.inputs)
    made = table.makers[loss]
    behind = sum(1 << one.index for one in layers)
    read = {one for layer in layers for one in _sources(table, layer)}
    raw = {one.index for one in table.behind(node.index) if one.kind == "input"}
    return bool(layers) and made & behind == behind and raw <= read


def _sources(table: Table, layer: Node) -> Iterator[int]:
    return (one.index for one in table.behind(layer.index) if one.kind == "input")
