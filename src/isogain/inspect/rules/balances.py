"""initial-loss where terms of one loss are weighed by accident: one a mean, the other a sum over samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations

from isogain.graph import Node
from isogain.inspect.causes import pattern, places
from isogain.inspect.findings import Finding
from isogain.inspect.rules.frozen import makers
from isogain.inspect.table import Table

__all__ = ["summed_penalties"]

MEAN = 10.0
"""Times what ignorance costs, up to which a loss of one number is a mean."""
SAMPLES = 8
"""Samples below which a sum and a mean are near each other."""
SUMMED = 4.0
"""Times its mean from which on what a loss gave is a sum."""
NEAR_ONE = 0.3
"""Factor on a sum from which on it is no weight that somebody chose for it."""


def summed_penalties(table: Table) -> Iterator[Finding]:
    """A penalty on what answers are made of (a divergence of codes), summed over samples beside a mean."""
    for reader in table.graph.nodes if table.batch >= SAMPLES and table.loss_node is not None else ():
        terms = [_plain(table, one) for one in reader.inputs] if _is_loss(table, reader) else []
        for mean, penalty in permutations(terms, 2):
            if _is_mean(table, mean) and _over_samples(table, penalty) and _of_codes(table, penalty, mean):
                yield _finding(table, penalty)
                return


def _finding(table: Table, penalty: Node) -> Finding:
    paths = places(makers(table, penalty.inputs))
    return Finding(
        "initial-loss", "warning", pattern(paths),
        f"a sum over {table.batch} samples beside a mean", "means of both over samples",
        f"the loss adds a penalty on what {pattern(paths)} makes as a sum over samples to a mean: it "
        f"weighs {table.batch} times as much as meant, or more, and is cheapest where the codes tell "
        "nothing; divide it by the number of samples",
        paths=paths,
    )  # fmt: skip


def _is_loss(table: Table, node: Node) -> bool:
    """Whether it adds two numbers on the way to the loss."""
    leads = table.makers[table.loss_node or 0] >> node.index & 1
    return bool(leads) and node.kind == "add" and math.prod(node.shape) == 1


def _is_mean(table: Table, node: Node) -> bool:
    """Whether it is a mean over samples: by its name, or by what a known loss costs."""
    shapes = [table.node(one).shape for one in node.inputs]
    if node.op == "mean":
        return math.prod(node.shape) == 1 and any(s and s[0] == table.batch for s in shapes)
    uses = [use for use in table.losses if use.node == node.index and not use.elements]
    return any(0 < use.value < MEAN * use.chance and not use.given > SUMMED * use.value for use in uses)


def _plain(table: Table, index: int) -> Node:
    """What a term is before factors near 1, as the half of a divergence: a smaller one was chosen."""
    node = table.node(index)
    while len(node.inputs) == 1 and (
        node.kind == "shape" or abs(node.settings.get("factor", 0.0)) >= NEAR_ONE
    ):
        node = table.node(node.inputs[0])
    return node


def _over_samples(table: Table, node: Node) -> bool:
    """Whether it sums over all samples to one number."""
    shapes = [table.node(one).shape for one in node.inputs]
    return node.op == "sum" and math.prod(node.shape) == 1 and any(s and s[0] == table.batch for s in shapes)


def _of_codes(table: Table, node: Node, mean: Node) -> bool:
    """Whether it reads layers that the other term's answers are made of, and no data beside them."""
    layers = makers(table, node.inputs)
    made = table.makers[mean.index]
    behind = sum(1 << one.index for one in layers)
    read = {one for layer in layers for one in _sources(table, layer)}
    raw = {one.index for one in table.behind(node.index) if one.kind == "input"}
    return bool(layers) and made & behind == behind and raw <= read


def _sources(table: Table, layer: Node) -> Iterator[int]:
    return (one.index for one in table.behind(layer.index) if one.kind == "input")
