"""What experiments there are: a list, which needs no framework."""

from __future__ import annotations

from dataclasses import dataclass

from isogain.lab.spec import Experiment
from isogain.lab.studies import studies
from isogain.lab.timing import estimated_seconds
from isogain.rendering import Line

__all__ = ["ExperimentRow", "Experiments", "experiments"]


@dataclass(frozen=True)
class ExperimentRow(Line):
    """One experiment of the list."""

    name: str
    title: str
    question: str
    runs: int
    """Networks trained or probed in full."""
    quick_runs: int
    """The same in the shortened version."""
    estimated_s: float
    """A rough time on two cores; the shortened version takes `quick_estimated_s`."""
    quick_estimated_s: float

    def __str__(self) -> str:
        return f"{self.name}: {self.question} {self.runs} runs, about {self.estimated_s:.0f} s"


class Experiments(Line, tuple[ExperimentRow, ...]):
    """Rows that print one a line."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def experiments() -> tuple[ExperimentRow, ...]:
    """Every experiment there is, in the order they are best read.

    >>> [row.name for row in experiments()][:2]
    ['activation-distributions', 'mnist-training']
    """
    return Experiments(_row(study.experiment) for study in studies())


def _row(experiment: Experiment) -> ExperimentRow:
    quick = experiment.reduced()
    return ExperimentRow(
        experiment.name,
        experiment.title,
        experiment.question,
        experiment.runs,
        quick.runs,
        estimated_seconds(experiment),
        estimated_seconds(quick),
    )
