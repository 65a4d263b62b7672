"""One file an experiment: its description, and the analysis that answers its question from the runs.

Adding one is one such file, and its name in the list here.
"""

from __future__ import annotations

from collections.abc import Iterable

from isogain.errors import LabError
from isogain.lab.registry import STUDIES, Study
from isogain.lab.studies import (
    activation_distributions,
    activations,
    batch_normalization,
    clipping,
    decision_boundary,
    mnist_training,
    strategies,
    ten_thousand_layers,
    trainable_depth,
)

__all__ = ["studies", "study"]

FILES = (
    activation_distributions,
    activations,
    batch_normalization,
    clipping,
    decision_boundary,
    mnist_training,
    strategies,
    ten_thousand_layers,
    trainable_depth,
)
"""Whose import makes the studies."""

ORDER = (
    "activation-distributions",
    "mnist-training",
    "decision-boundary",
    "strategies",
    "activations",
    "batch-normalization",
    "clipping",
)
"""How the classics are told; whatever else is registered follows by name."""


def studies(names: str | Iterable[str] | None = None) -> list[Study]:
    """The studies of these names, or all of them.

    Raises LabError with the known names for one that is not there.
    """
    if names is None:
        return sorted(STUDIES.values(), key=_place)
    return [study(name) for name in ((names,) if isinstance(names, str) else names)]


def _place(known: Study) -> tuple[int, str]:
    name = known.experiment.name
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def study(name: str) -> Study:
    """The study of this name."""
    if name not in STUDIES:
        known = ", ".join(entry.experiment.name for entry in studies())
        raise LabError(f"no experiment is called {name!r}; there are {known}")
    return STUDIES[name]
