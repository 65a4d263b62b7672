"""vanishing-forward at a sum: what comes from the data is lost beside something learnt that is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from isogain.graph import Node
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["drowned_data"]

LOUD = (10.0, 1000.0)
"""Size of a learnt constant over that of the data it is added to, to warn and to call it critical."""


@dataclass(frozen=True)
class Drowned:
    """What data give to a sum, and what they do not."""

    quiet: float
    loud: float
    maker: str
    """The parameter that makes the loud one; none for a constant."""
    data: str = ""
    """The parameter that makes the quiet one, where that has to change."""


def drowned_data(table: Table) -> Iterator[Finding]:
    """Tokens beside positions, or a signal beside an offset: far too quiet for what is added to them."""
    data = sum(1 << node.index for node in table.graph.nodes if node.kind == "input")
    found = [one for node in table.graph.nodes if node.kind == "add" for one in _summands(table, node, data)]
    worst = max(found, key=lambda one: one.loud / one.quiet, default=None)
    if worst is not None and worst.loud > LOUD[0] * worst.quiet:
        yield _finding(table, worst)


def _finding(table: Table, found: Drowned) -> Finding:
    name, share = found.maker or found.data, found.quiet / found.loud
    severity: Severity = "critical" if found.loud > LOUD[1] * found.quiet else "warning"
    why = f"{name} drowns what it is added to: a norm behind the sum leaves {share:.1g} of the data"
    if not found.maker:
        why = (
            f"what {name} makes drowns in the constant added to it: a norm behind the sum leaves {share:.1g}"
        )
    return Finding(
        "vanishing-forward", severity, name,
        f"root mean square {found.quiet:.3g} of the data beside {found.loud:.3g} that is the same for every "
        "sample",
        "of one size, or the data the larger", why,
        paths=(name,), mends=(sized(table, {name: share if found.maker else 1 / share}), RESTART),
    )  # fmt: skip


def _summands(table: Table, node: Node, inputs: int) -> Iterator[Drowned]:
    fed = [one for one in node.inputs if table.makers[one] & inputs]
    # without a norm an offset takes nothing from the data: a bias far from 0 may be meant
    if not fed or table.in_loss(node) or table.graph.following(node.index, ("norm",), 3) is None:
        return
    if len(node.inputs) == 1:
        sizes = {name: table.parameters[name].rms for name in node.parameters if name in table.parameters}
        yield from _beside(table, fed[0], sizes) if sizes else _beside_a_constant(table, node, fed[0])
    for one, data in product(node.inputs, fed):
        if not table.makers[one] & (inputs | table.makers[data]) and one in table.forward:
            name = _maker(table, one)
            yield from _beside(table, data, {name: table.forward[one].rms} if name else {})


def _beside(table: Table, data: int, sizes: Mapping[str, float]) -> Iterator[Drowned]:
    seen = table.forward.get(data)
    if seen is not None and seen.finite and seen.rms > 0:
        for name, size in sizes.items():
            use = table.graph.by_parameter[name]
            # what the data's summand was made with is no stranger to it: a class token that asks the patches
            if use.trainable and not any(table.makers[data] >> one & 1 for one in use.nodes):
                yield Drowned(seen.rms, size, name)


def _beside_a_constant(table: Table, node: Node, data: int) -> Iterator[Drowned]:
    """A table of places that is no parameter; of one number added to all, the spread says that it is none."""
    seen, summed = table.forward.get(data), table.forward.get(node.index)
    before = table.graph.preceding(data, ("embedding", "weight"), 2)
    made = table.node(data) if table.node(data).weight is not None else before
    if seen is None or summed is None or made is None or made.weight is None or not 0 < seen.rms < math.inf:
        return
    yield Drowned(seen.rms, math.sqrt(max(summed.std**2 - seen.rms**2, 0.0)), "", made.weight.name)


def _maker(table: Table, index: int) -> str:
    """The first parameter that a node is made of."""
    return next((name for one in table.behind(index) for name in one.parameters), "")
