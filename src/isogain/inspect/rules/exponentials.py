"""Exponentials of numbers far too large: of logarithms (variances, scales), and of squares (bells)."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Fix
from isogain.inspect.looks import Decays
from isogain.inspect.mending import sized, smaller_inputs, zeroed
from isogain.inspect.rules.kernels import rescaled, scales_of
from isogain.inspect.signals import Forward
from isogain.inspect.table import Table

__all__ = ["loud_logarithms", "narrow_bells"]

LOUD = (3.0, 8.0)
"""Root mean square of logarithms from which on exponentials spread over a factor exp(6), and exp(16)."""
QUIET = 0.1
"""What they are brought to: exponentials near 1."""

GONE = 16.0
"""Exponent from which on next to nothing is left of a bell exp(-z): 1e-7."""
ALIKE = 0.01
"""1 - cosine between samples that tells them apart; of the layer behind bells, as a ratio of lengths."""


def narrow_bells(table: Table) -> Iterator[Finding]:
    """Bells (radial functions, Gabor waves) so narrow, or so far away, that hardly a number meets one."""
    for look in table.looks:
        node = None if look.node is None else table.node(look.node)
        reader = None if node is None else table.graph.following(node.index, ("weight",), 3)
        if node is None or reader is None or not isinstance(look.seen, Decays) or table.in_loss(node):
            continue
        if not look.seen.median > GONE or not _alike(table, node, reader, look.seen.slowest > GONE):
            continue
        yield Finding(
            "vanishing-forward", "warning", place(node),
            f"half of the exponents are below -{look.seen.median:.3g}",
            "exponents near 0 for some units of each sample",
            f"the exponentials at {place(node)} are 0 nearly everywhere, so {place(reader)} reads next to "
            "nothing, and the same for every sample: bells are too narrow, or lie elsewhere than the numbers "
            "that they are for (a width, centres or inputs in another unit)",
            paths=(place(node), place(reader)),
            mends=(smaller_inputs(table), *_wider(table, node, look.seen)),
        )  # fmt: skip
        return


def _wider(table: Table, node: Node, seen: Decays) -> tuple[Fix, ...]:
    """A learnt length scale at which the usual exponent is 1."""
    return rescaled(table, scales_of(table, node, True) or (), 1 / seen.median)


def _alike(table: Table, bells: Node, reader: Node, nearly_all: bool) -> bool:
    """Whether a layer reads the same for every sample, though inputs differ or as all bells are gone."""
    inputs = (table.forward.get(one.index) for one in table.behind(bells.index) if one.kind == "input")
    differ = any(one is not None and one.distance > ALIKE for one in inputs)
    seen = table.forward.get(reader.index)
    bar = ALIKE if nearly_all else ALIKE**2
    return (differ or nearly_all) and seen is not None and seen.distance < bar


def loud_logarithms(table: Table) -> Iterator[Finding]:
    """Weights whose results are exponentiated, straight or halved, and far too large for that."""
    found = [(w, table.forward[w.index]) for w in _makers(table) if table.forward[w.index].rms > LOUD[0]]
    if not found:
        return
    weight, seen = max(found, key=lambda pair: pair[1].rms)
    severity: Severity = "critical" if seen.rms > LOUD[1] else "warning"
    paths = tuple(place(one) for one, _ in found)
    yield Finding(
        "exploding-forward", severity, pattern(paths),
        f"exponentials of numbers of root mean square {seen.rms:.3g}",
        "logarithms near 0, whose exponentials are near 1",
        f"{place(weight)} makes logarithms up to {seen.maximum:.3g}: the variances or scales that become of "
        "them drown everything else",
        paths=paths, mends=_mends(table, found),
    )  # fmt: skip


def _makers(table: Table) -> list[Node]:
    """The measured, finite weights right in front of an exponential."""
    exponentials = (n for n in table.graph.nodes if n.op == "exp" and not _of_the_loss(table, n))
    before = (table.graph.preceding(node.index, ("weight",), 2) for node in exponentials)
    found = {one.index: one for one in before if one is not None and one.index in table.forward}
    return [one for one in found.values() if table.forward[one.index].finite]


def _of_the_loss(table: Table, node: Node) -> bool:
    """Whether the loss alone reads it, the caller's or the model's own: what asks for this size says so."""
    own = table.loss_from is not None and table.loss_node is not None and table.loss_node < table.loss_from
    ends = (
        own and table.makers[table.loss_node or 0] >> node.index & 1 and node.index not in table.graph.outputs
    )
    return table.in_loss(node) or bool(ends and not table.graph.weighed_later(node.index))


def _mends(table: Table, found: list[tuple[Node, Forward]]) -> tuple[Fix, ...]:
    """Biases at 0 where they make the numbers large; weights smaller; both."""
    biases = [one.weight.bias for one, _ in found if one.weight and one.weight.bias in table.parameters]
    loud = [name for name in biases if name and table.parameters[name].rms > LOUD[0]]
    level, smaller = zeroed(table, loud), sized(table, dict(_factors(found)))
    return level, smaller, level + smaller


def _factors(found: list[tuple[Node, Forward]]) -> Iterator[tuple[str, float]]:
    for node, seen in found:
        if node.weight is not None:
            yield node.weight.name, QUIET / seen.rms
