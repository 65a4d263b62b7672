"""The lab: classic experiments on real digits as data, run by one engine, kept in a store that resumes.

    >>> from isogain import lab
    >>> [row.name for row in lab.experiments()][1]
    'mnist-training'

`lab.run("mnist-training")` trains what is missing and returns what the experiment says, an `Outcome`.
Running needs PyTorch (`pip install 'isogain[lab]'`), which is imported on first use; a list and an Outcome
do not.
"""

import importlib
from typing import TYPE_CHECKING, Any

from isogain.extras import missing
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table

if TYPE_CHECKING:
    from isogain.lab.listing import ExperimentRow, experiments
    from isogain.lab.public import demo, export, outcomes, run, run_experiment, unfinished

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"isogain.lab.{_room(name)}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing("torch", "the lab, which trains with PyTorch,", "lab") from error
    globals()[name] = value
    return value


def _room(name: str) -> str:
    """The module of a public name; what there is to run is known without a framework."""
    return "listing" if name in ("ExperimentRow", "experiments") else "public"


def __dir__() -> list[str]:
    return sorted(__all__)
