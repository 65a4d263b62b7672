"""vanishing-forward in products of embeddings that are nearly 0: each one's gradient is the other factor."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.inspect.causes import pattern
from isogain.inspect.chains import under_shapes
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["quiet_products"]

QUIET = 1e-3
"""Root mean square of both factors: their product, and what a step of descent changes of it, is 1e-6."""
SUM = 0.3
"""What the sum of products is brought to: seen, and no answer that has to be unlearnt."""


def quiet_products(table: Table) -> Iterator[Finding]:
    """Embeddings of users and items, of heads and tails: multiplied, and all far too small."""
    found: dict[str, float] = {}
    for node in table.graph.nodes:
        factors = [_table(table, one) for one in node.inputs] if node.kind in ("multiply", "product") else []
        if len(factors) > 1 and all(name and 0 < _size(table, name) < QUIET for name in factors):
            found |= {name: _size(table, name) for name in factors}
    if not found:
        return
    names = tuple(found)
    least = min(found.values())
    meant = {name: SUM**0.5 * _width(table, name) ** -0.25 for name in names}
    shares = {name: meant[name] / size for name, size in found.items()}
    yield Finding(
        "vanishing-forward", "warning", pattern(names), f"root mean square {least:.2g} of every factor",
        f"about {meant[names[0]]:.2g}, where the sum of their products is of size {SUM:g}",
        f"{pattern(names)} are multiplied with each other, and all are nearly 0: the gradient of each is as "
        "small as the other, so plain gradient descent stands still (a near saddle)",
        paths=names, mends=(sized(table, shares), RESTART),
    )  # fmt: skip


def _table(table: Table, index: int) -> str:
    """The trained table whose rows a factor is, shapes aside; '' for anything else."""
    node = under_shapes(table, table.node(index))
    use = table.graph.by_parameter.get(node.weight.name) if node.kind == "embedding" and node.weight else None
    return use.name if use is not None and use.trainable and use.name in table.parameters else ""


def _size(table: Table, name: str) -> float:
    return table.parameters[name].rms


def _width(table: Table, name: str) -> int:
    return table.graph.by_parameter[name].shape[-1]
