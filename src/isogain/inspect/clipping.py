"""Weights that are cut off at bounds far below their size, and what would make the bounds fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import pattern
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.looks import Clipped, Look
from isogain.inspect.mending import filled, is_matrix
from isogain.inspect.table import Table

__all__ = ["DEVIATIONS", "MOST", "CutWeight", "cut_weights", "longer_steps", "why_cut"]

MOST = 0.9
"""Share of numbers beyond the bounds from which on what is left of them is their sign."""
DEVIATIONS = 2.5
"""Of them up to which bounds reach: what is beyond is rare, and steps are short."""
STEPS = 4


@dataclass(frozen=True)
class CutWeight:
    """A weight that is used as it was cut off, and the parameters that scale it before."""

    name: str
    steps: tuple[str, ...]
    seen: Clipped


def cut_weights(table: Table) -> list[CutWeight]:
    """Those of which nine numbers in ten lie beyond; where a norm restores the size, signs still tell."""
    return [found for look in table.looks if (found := _cut(table, look)) is not None]


def _cut(table: Table, look: Look) -> CutWeight | None:
    seen = look.seen
    if look.node is not None or not isinstance(seen, Clipped) or not seen.share > MOST:
        return None
    known = [name for name in look.parameters if name in table.parameters]
    weight = next((name for name in known if is_matrix(table, name) and _sized(table, name)), None)
    if weight is None:
        return None
    return CutWeight(weight, tuple(name for name in known if name != weight), seen)


def _sized(table: Table, name: str) -> bool:
    """Whether layers read it whose size nothing restores."""
    users: list[Node] = [n for n in table.graph.nodes if n.weight is not None and n.weight.name == name]
    return bool(users) and all(table.graph.following(n.index, ("norm",), STEPS) is None for n in users)


def why_cut(found: Sequence[CutWeight]) -> str:
    """The sentence that names them."""
    seen, names = found[0].seen, pattern(tuple(one.name for one in found))
    return (
        f"{names} is cut off at {seen.limit:.3g}, and its numbers are {seen.rms / seen.limit:.3g} times as "
        "large: what is used of it is its sign, at a size that no step of its own changes, and it gets no "
        "gradient; the steps of a quantiser are too small"
    )


def longer_steps(table: Table, found: Sequence[CutWeight]) -> Fix:
    """Learnt steps as long as they have to be; what is no parameter stands in the code."""
    changes: list[Change] = []
    for one in found:
        if len(one.steps) == 1 and table.parameters[one.steps[0]].constant:
            factor = DEVIATIONS * one.seen.rms / one.seen.limit
            changes += filled(table, one.steps, factor * table.parameters[one.steps[0]].mean).changes
    return Fix(tuple(changes))
