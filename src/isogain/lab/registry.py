"""Every experiment by name: a description, and the analysis that turns its runs into an Outcome.

Adding one is one file in `isogain.lab.studies` with one decorated function.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from isogain.errors import LabError
from isogain.lab.outcome import Outcome
from isogain.lab.results import Results
from isogain.lab.spec import Experiment

__all__ = ["Study", "register", "studies", "study"]

Analyse = Callable[[Results], Outcome]


@dataclass(frozen=True)
class Study:
    """An experiment and its analysis."""

    experiment: Experiment
    analyse: Analyse


_STUDIES: dict[str, Study] = {}


def register(experiment: Experiment) -> Callable[[Analyse], Analyse]:
    """Decorates the analysis of `experiment`, which is known by its name from then on."""
    if experiment.name in _STUDIES:
        raise LabError(f"two experiments are called {experiment.name!r}")

    def keep(analyse: Analyse) -> Analyse:
        _STUDIES[experiment.name] = Study(experiment, analyse)
        return analyse

    return keep


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


@cache
def _load_all() -> None:
    package = importlib.import_module("isogain.lab.studies")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"isogain.lab.studies.{module.name}")


def studies(names: str | Iterable[str] | None = None) -> list[Study]:
    """The studies of these names, or all of them.

    Raises LabError with the known names for one that is not there.
    """
    _load_all()
    if names is None:
        return sorted(_STUDIES.values(), key=_place)
    return [study(name) for name in ((names,) if isinstance(names, str) else names)]


def _place(known: Study) -> tuple[int, str]:
    name = known.experiment.name
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def study(name: str) -> Study:
    """The study of this name."""
    _load_all()
    if name not in _STUDIES:
        known = ", ".join(entry.experiment.name for entry in studies())
        raise LabError(f"no experiment is called {name!r}; there are {known}")
    return _STUDIES[name]
