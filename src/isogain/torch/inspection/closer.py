"""What is asked of some parameters alone: stacks of maps, recurrent weights, rows that an index takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from isogain.graph import Node
from isogain.inspect.looks import Choices, Look
from isogain.inspect.table import ParameterState
from isogain.torch.measure.choices import rows_reached
from isogain.torch.measure.parameters import Asked
from isogain.torch.measure.powers import kept_by
from isogain.torch.measure.stacks import stacked

__all__ = ["closer_states"]

AGAIN = 8
"""Times a matrix is applied from which it may be a recurrence of many steps."""


def closer_states(
    asked: Sequence[Asked], states: Mapping[str, ParameterState], nodes: Sequence[Node], looks: Sequence[Look]
) -> dict[str, ParameterState]:
    """The states, by name, with what concerns some of them."""
    uses = {node.weight.name: node.weight for node in nodes if node.weight is not None}
    times = Counter(node.weight.name for node in nodes if node.weight is not None)
    chosen = {name for look in looks if isinstance(look.seen, Choices) for name in look.parameters}

    def closer(one: Asked) -> ParameterState:
        state = states[one.name]
        if not state.on_device or state.empty:
            return state
        slices = stacked(one.parameter, one.gradient, uses.get(one.name))
        kept = kept_by(one.parameter) if times[one.name] >= AGAIN else math.nan
        taken = one.name in chosen and one.gradient is not None
        if slices is None and math.isnan(kept) and not taken:
            return state
        reached = rows_reached(one.gradient) if taken and one.gradient is not None else None
        return replace(state, slices=slices, kept=kept, reached=reached)

    return {one.name: closer(one) for one in asked}
