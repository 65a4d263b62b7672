"""The lab: classic experiments on real digits as data, run by one engine, kept in a store that resumes.

    >>> from isogain import lab
    >>> [row.name for row in lab.experiments()][1]
    'mnist-training'

`lab.run("mnist-training")` trains what is missing and returns what the experiment says, an `Outcome`.
"""

from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table
from isogain.lab.public import (
    ExperimentRow,
    demo,
    experiments,
    export,
    outcomes,
    run,
    run_experiment,
    unfinished,
)

__all__ = [
    "Chart",
    "Claim",
    "Column",
    "ExperimentRow",
    "Outcome",
    "Rule",
    "Table",
    "demo",
    "experiments",
    "export",
    "outcomes",
    "run",
    "run_experiment",
    "unfinished",
]
