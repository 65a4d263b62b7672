"""An experiment and its analysis, known by name once its file was imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isogain.errors import LabError
from isogain.lab.outcome import Outcome
from isogain.lab.results import Results
from isogain.lab.spec import Experiment

__all__ = ["STUDIES", "Study", "register"]

Analyse = Callable[[Results], Outcome]


@dataclass(frozen=True)
class Study:
    """An experiment and its analysis."""

    experiment: Experiment
    analyse: Analyse


STUDIES: dict[str, Study] = {}


def register(experiment: Experiment) -> Callable[[Analyse], Analyse]:
    """Decorates the analysis of `experiment`, which is known by its name from then on."""
    if experiment.name in STUDIES:
        raise LabError(f"two experiments are called {experiment.name!r}")

    def keep(analyse: Analyse) -> Analyse:
        STUDIES[experiment.name] = Study(experiment, analyse)
        return analyse

    return keep
