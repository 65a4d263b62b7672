"""The runs of an experiment, cut into computations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from isogain.lab.spec import Arm, Experiment

__all__ = ["ARMS_AT_ONCE", "Group", "Run", "groups"]

ARMS_AT_ONCE = 8
"""More arms of one structure than this are trained in several computations, for the caches' sake."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class Run:
    """One arm at one seed."""

    arm: Arm
    seed: int


Group = tuple[Run, ...]


def groups(experiment: Experiment) -> list[Group]:
    """All runs, cut into computations; seeds outermost, so that early results cover every arm."""
    by_network: dict[object, list[Arm]] = {}
    for arm in experiment.arms:
        by_network.setdefault(arm.network, []).append(arm)
    return [
        tuple(Run(arm, seed) for seed in seeds for arm in arms)
        for seeds in _cut(experiment.seeds, experiment.seed_block)
        for alike in by_network.values()
        for arms in _cut(alike, ARMS_AT_ONCE)
    ]


def _cut(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Parts of at most `size`, as equal as can be."""
    parts = -(-len(items) // size)
    edges = [len(items) * part // parts for part in range(parts + 1)]
    yield from (items[low:high] for low, high in pairwise(edges))
