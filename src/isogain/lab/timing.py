"""Roughly how long an experiment takes, from the arithmetic it does."""

from __future__ import annotations

from itertools import pairwise

from isogain.lab.runner import groups
from isogain.lab.spec import Experiment

__all__ = ["estimated_seconds"]

OPERATIONS_PER_SECOND = 5e10
"""What one core sustains on these matrix products."""
LAYER_OVERHEAD_S = 60e-6
"""Calls and small array work of one layer of one group in one update."""
CORES = 2
FULL_BATCH = 300
"""Examples taken for 'all of them' where the data set is not at hand."""


def estimated_seconds(experiment: Experiment) -> float:
    """Seconds on two cores, to a factor of two or so."""
    batch = experiment.batches.size or FULL_BATCH
    passes = 4 if experiment.record.loss == "after" else 3
    total = 0.0
    for group in groups(experiment):
        sizes = group[0].arm.network.sizes
        weights = sum(width * outputs for width, outputs in pairwise(sizes))
        arithmetic = 2 * weights * batch * passes * len(group) / OPERATIONS_PER_SECOND
        total += max(experiment.iterations, 1) * (arithmetic + LAYER_OVERHEAD_S * (len(sizes) - 1))
    return total / CORES
