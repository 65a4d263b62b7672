"""An experiment and its analysis, known by name once its file was imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isogain.errors import LabError
from isogain.lab.axes import Axes
from isogain.lab.datasets import Dataset
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
    vary: Vary | None = None
    """The same question along axes of the caller's, and its own analysis; None where it takes none."""

    def along(self, axes: Axes, data: Dataset) -> Study:
        """This study on these axes; LabError if it takes none."""
        if self.vary is None:
            takes = ", ".join(study.experiment.name for study in STUDIES.values() if study.vary)
            raise LabError(f"{self.experiment.name} takes no axes of one's own; those that do: {takes}")
        return self.vary(self, axes, data)


Vary = Callable[[Study, Axes, Dataset], Study]
STUDIES: dict[str, Study] = {}


def register(experiment: Experiment, vary: Vary | None = None) -> Callable[[Analyse], Analyse]:
    """Decorates the analysis of `experiment`, which is known by its name from then on.

    `vary` makes the same study along axes of the caller's.
    """
    if experiment.name in STUDIES:
        raise LabError(f"two experiments are called {experiment.name!r}")

    def keep(analyse: Analyse) -> Analyse:
        STUDIES[experiment.name] = Study(experiment, analyse, vary)
        return analyse

    return keep
