"""Roughly how long an experiment takes, from the arithmetic it does."""

from __future__ import annotations

from itertools import pairwise

from isogain.lab.grouping import Group, groups
from isogain.lab.spec import Experiment

__all__ = ["estimated_seconds"]

OPERATIONS_PER_SECOND = 5e10
"""What one core sustains on these matrix products."""
NUMBERS_PER_SECOND = 1.5e9
"""At which elementwise work goes through a layer's values."""
PASSES_OVER_VALUES = 10
LAYER_OVERHEAD_S = 60e-6
"""Calls of one layer of one group in one update."""
RUN_OVERHEAD_S = 0.03
"""Start, measures and storing of one run."""
CORES = 2
FULL_BATCH = 300
"""Examples taken for 'all of them' where the data set is not at hand."""


def estimated_seconds(experiment: Experiment) -> float:
    """Seconds on two cores, to a factor of two or so."""
    updates = max(experiment.iterations, 1)
    training = sum(updates * _update_seconds(experiment, group) for group in groups(experiment))
    return (training + RUN_OVERHEAD_S * experiment.runs) / CORES


def _update_seconds(experiment: Experiment, group: Group) -> float:
    """One update of one group on one core."""
    batch = experiment.batches.size or FULL_BATCH
    passes = 4 if experiment.record.loss == "after" else 3
    sizes = group[0].arm.network.sizes
    weights = sum(width * outputs for width, outputs in pairwise(sizes))
    products = 2 * weights * batch * passes * len(group) / OPERATIONS_PER_SECOND
    values = sum(sizes[1:]) * batch * PASSES_OVER_VALUES * len(group) / NUMBERS_PER_SECOND
    return products + values + LAYER_OVERHEAD_S * (len(sizes) - 1)
