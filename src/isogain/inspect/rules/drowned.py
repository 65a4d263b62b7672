"""vanishing-forward at a sum: what comes from the data is lost beside something learnt that is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from isogain.graph import Node
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["drowned_data"]

LOUD = (30.0, 1000.0)
"""Size of a learnt constant over that of the data it is added to, to warn and to call it critical."""


def drowned_data(table: Table) -> Iterator[Finding]:
    """Tokens beside positions, or a signal beside an offset: far too quiet for what is added to them."""
    data = sum(1 << node.index for node in table.graph.nodes if node.kind == "input")
    found = [one for node in table.graph.nodes if node.kind == "add" for one in _summands(table, node, data)]
    worst = max(found, key=lambda one: one[1] / one[2], default=None)
    if worst is None or worst[1] < LOUD[0] * worst[2]:
        return
    name, loud, quiet = worst
    severity: Severity = "critical" if loud > LOUD[1] * quiet else "warning"
    yield Finding(
        "vanishing-forward", severity, name,
        f"root mean square {quiet:.3g} of the data beside {loud:.3g} that is the same for every sample",
        "of one size, or the data the larger",
        f"{name} drowns what it is added to: a norm behind the sum leaves {quiet / loud:.1g} of the data",
        paths=(name,), mends=(sized(table, {name: quiet / loud}), RESTART),
    )  # fmt: skip


def _summands(table: Table, node: Node, inputs: int) -> Iterator[tuple[str, float, float]]:
    """(the parameter that makes a summand which no data reach, its size, the size of the data's)."""
    fed = [one for one in node.inputs if table.makers[one] & inputs]
    # without a norm an offset takes nothing from the data: a bias far from 0 may be meant
    if not fed or table.in_loss(node) or table.graph.following(node.index, ("norm",), 3) is None:
        return
    if len(node.inputs) == 1:
        sizes = {name: table.parameters[name].rms for name in node.parameters if name in table.parameters}
        yield from _beside(table, fed[0], sizes)
    for one, data in product(node.inputs, fed):
        # what the data's summand was made with is no stranger to it: latents that attend to the data
        if not table.makers[one] & (inputs | table.makers[data]) and one in table.forward:
            name = _maker(table, one)
            yield from _beside(table, data, {name: table.forward[one].rms} if name else {})


def _beside(table: Table, data: int, sizes: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    seen = table.forward.get(data)
    if seen is not None and seen.finite and seen.rms > 0:
        yield from (
            (name, size, seen.rms) for name, size in sizes.items() if table.graph.by_parameter[name].trainable
        )


def _maker(table: Table, index: int) -> str:
    """The first parameter that a node is made of."""
    made = (one for one in table.graph.nodes[: index + 1] if table.makers[index] >> one.index & 1)
    return next((name for one in made for name in one.parameters), "")
