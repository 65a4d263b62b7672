"""vanishing-forward at what is 0 for good: masks of zeros over a weight, frozen rows of zeros."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding
from isogain.inspect.table import Table

__all__ = ["masked_weights", "zero_rows"]


def masked_weights(table: Table) -> Iterator[Finding]:
    """Weights that are numbers, multiplied by zeros alone: no step changes what they give."""
    found = dict.fromkeys(
        node.weight.name for node in table.graph.nodes
        if node.kind == "weight" and node.weight and table.is_zero_weight(node)
        and _drawn(table, node.weight.name)
    )  # fmt: skip
    if names := tuple(name for name in found if _never_moved(table, name)):
        yield _zero(
            names, f"{pattern(names)} is multiplied by a mask that is 0 everywhere: nothing of the signal "
            "passes, and it gets no gradient",
        )  # fmt: skip


def _drawn(table: Table, name: str) -> bool:
    return name in table.parameters and table.parameters[name].rms > 0


def _never_moved(table: Table, name: str) -> bool:
    """Whether its gradient is 0, and so is that of all it is multiplied by: a zero gate opens instead."""
    nodes = [table.node(one) for one in table.graph.by_parameter[name].nodes]
    known = {other for node in nodes for other in node.parameters if other in table.parameters}
    biases = {node.weight.bias for node in nodes if node.weight}
    gradients = [table.parameters[one].gradient for one in known - biases]
    return all(gradient is not None and gradient.largest == 0 for gradient in gradients)


def zero_rows(table: Table) -> Iterator[Finding]:
    """Frozen tables of which this batch read nothing but zeros."""
    names = tuple(dict.fromkeys(
        node.weight.name for node in table.graph.nodes
        if node.kind == "embedding" and node.weight and table.silent(node) and node.index in table.forward
        and not table.graph.by_parameter[node.weight.name].trainable and _drawn(table, node.weight.name)
    ))  # fmt: skip
    if names:
        yield _zero(
            names, f"the rows of {pattern(names)} that this batch reads are all 0, and frozen: what they "
            "stand for cannot be told apart, now or later",
        )  # fmt: skip


def _zero(names: Sequence[str], why: str) -> Finding:
    return Finding(
        "vanishing-forward", "critical", pattern(names), "root mean square 0", "a signal, and a gradient",
        why, paths=tuple(names),
    )  # fmt: skip
