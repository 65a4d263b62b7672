"""One file an experiment: its description, and the analysis that answers its question from the runs.

Adding one is one such file, and its name in the list here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from isogain.checking import nearest
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

__all__ = ["figures_of", "studies", "study"]

FIGURE = re.compile(r"(?<!\d)\d+-\d+(?!\d)")
RANGE = re.compile(r"\b(\d+-\d+)(?: to (\d+-\d+))?\b")

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
    """The study of this name, or the one that redraws this figure of its source: "figure 6-14", "6-14"."""
    if name in STUDIES:
        return STUDIES[name]
    asked = FIGURE.search(name)
    found = [one for one in studies() if asked and asked.group() in figures_of(one.experiment.source)]
    if not found:
        known = [entry.experiment.name for entry in studies()]
        hint = nearest(name, known) or f"there are {', '.join(known)}"
        raise LabError(f"no experiment is called {name!r}; {hint}")
    return found[0]


def figures_of(source: str) -> tuple[str, ...]:
    """The figures a source names by chapter and number, whole ranges too.

    >>> figures_of("figures 6-10 to 6-12, and 6-18")
    ('6-10', '6-11', '6-12', '6-18')
    """
    found: list[str] = []
    for first, last in RANGE.findall(source):
        chapter, low = first.split("-")
        high = last.split("-")[1] if last else low
        found += [f"{chapter}-{number}" for number in range(int(low), int(high) + 1)]
    return tuple(found)
