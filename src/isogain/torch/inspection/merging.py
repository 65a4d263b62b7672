"""What the processes of a sharded or replicated model measured, each on its own batch, as one Table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from isogain.inspect.signals import Backward, Forward
from isogain.inspect.table import Table
from isogain.torch.call.processes import Processes

__all__ = ["together"]


def together(table: Table, processes: Processes) -> Table:
    """The Table of all of them: the first one's, with sizes, extremes and distances of all."""
    everyone = processes.all(table) if processes.groups else [table]
    if len(everyone) == 1:
        return table
    first = everyone[0]
    forward = _merged([one.forward for one in everyone], _forward)
    backward = _merged([one.backward for one in everyone], _backward)
    numbers = {node.index for node in first.graph.nodes if node.shape == ()} & backward.keys()
    backward |= {index: _of_mean(backward[index], len(everyone)) for index in numbers}
    loss = sum(one.loss_value for one in everyone) / len(everyone)
    return replace(first, forward=forward, backward=backward, loss_value=loss)


def _merged(seen: Sequence[Mapping[int, Any]], merge: Callable[[Sequence[Any]], Any]) -> dict[int, Any]:
    return {index: merge([one[index] for one in seen if index in one]) for index in seen[0]}


def _forward(seen: Sequence[Forward]) -> Forward:
    return replace(
        seen[0],
        mean=_mean(seen, "mean"), rms=_root(seen), zero_fraction=_mean(seen, "zero_fraction"),
        minimum=min(one.minimum for one in seen), maximum=max(one.maximum for one in seen),
        finite=all(one.finite for one in seen),
        distance=_mean(seen, "distance"), position_distance=_mean(seen, "position_distance"),
        dead_fraction=min(one.dead_fraction for one in seen),
        saturated_fraction=_mean(seen, "saturated_fraction"), shut_fraction=_mean(seen, "shut_fraction"),
        observations=sum(one.observations for one in seen), size=sum(one.size for one in seen),
    )  # fmt: skip


def _backward(felt: Sequence[Backward]) -> Backward:
    return replace(
        felt[0],
        rms=_root(felt), mean=_mean(felt, "mean"), largest=max(one.largest for one in felt),
        finite=all(one.finite for one in felt), influence=_mean(felt, "influence"),
        varying=_mean(felt, "varying"), size=sum(one.size for one in felt),
    )  # fmt: skip


def _of_mean(back: Backward, count: int) -> Backward:
    """Of a loss, which is one number on each: that of all is their mean, not more numbers of its kind."""
    return replace(
        back,
        rms=back.rms * count,
        mean=back.mean * count,
        largest=back.largest * count,
        size=back.size // count,
    )


def _mean(rows: Sequence[Any], name: str) -> float:
    return _weighted(rows, [getattr(one, name) for one in rows])


def _root(rows: Sequence[Any]) -> float:
    return math.sqrt(_weighted(rows, [one.rms**2 for one in rows]))


def _weighted(rows: Sequence[Any], values: Sequence[float]) -> float:
    """The mean over all elements, of which one process may have seen more than another."""
    total = sum(one.size for one in rows)
    if not total:
        return values[0]
    return float(sum(one.size * value for one, value in zip(rows, values, strict=True)) / total)
