"""saturated-units where numbers are cut off at bounds: short ranges of quantisers, clamped answers."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.clipping import DEVIATIONS, MOST, cut_weights, longer_steps, why_cut
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Fix
from isogain.inspect.looks import Clipped
from isogain.inspect.mending import sized, zeroed
from isogain.inspect.table import Table

__all__ = ["clipped_signals", "clipped_weights"]

STEPS = 4
PLAIN = 0.3
"""Bound from which on numbers within it are of a signal's usual size."""


def clipped_weights(table: Table) -> Iterator[Finding]:
    """Weights of which nine numbers in ten lie beyond the bounds that they are cut off at."""
    if found := cut_weights(table):
        names = tuple(one.name for one in found)
        steps = tuple(name for one in found for name in one.steps)
        yield _finding(
            found[0].seen, pattern(names), (*names, *steps), why_cut(found), (longer_steps(table, found),)
        )


def clipped_signals(table: Table) -> Iterator[Finding]:
    """Signals that are trained through and cut off in nearly all their numbers."""
    for look in table.looks:
        node, seen = None if look.node is None else table.node(look.node), look.seen
        if node is None or not isinstance(seen, Clipped) or not seen.share > MOST or table.in_loss(node):
            continue
        if node.learnt and node.inputs:
            maker = table.graph.preceding(node.index, ("weight",), STEPS)
            makers = (place(maker),) if maker is not None else ()
            yield _finding(
                seen, place(node), tuple(dict.fromkeys((place(node), *makers))),
                f"what {place(node)} reads is {seen.rms / seen.limit:.3g} times as large as the bounds "
                "that it is cut off at: only signs are handed on, and no gradient comes back; a quantiser's "
                "step is too small, or what makes the numbers too large",
                _quieter(table, maker, seen),
            )  # fmt: skip
            return


def _quieter(table: Table, maker: Node | None, seen: Clipped) -> tuple[Fix, ...]:
    if maker is None or maker.weight is None or seen.limit < PLAIN:
        return ()  # numbers that small would be lost behind it
    smaller = sized(table, {maker.weight.name: seen.limit / DEVIATIONS / seen.rms})
    return smaller, smaller + zeroed(table, [maker.weight.bias] if maker.weight.bias else [])


def _finding(seen: Clipped, path: str, paths: tuple[str, ...], why: str, mends: tuple[Fix, ...]) -> Finding:
    return Finding(
        "saturated-units", "warning", path, f"{seen.share:.0%} of the numbers beyond the bounds",
        f"most of them within: bounds at {DEVIATIONS:g} times their size", why, paths=paths, mends=mends,
    )  # fmt: skip
