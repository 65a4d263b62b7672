"""The lab: classic experiments on real digits as data, run by one engine, kept in a store that resumes.

    >>> from isogain import lab
    >>> [row.name for row in lab.experiments()][1]
    'mnist-training'

`lab.run("mnist-training")` trains what is missing and returns what the experiment says, an `Outcome`.
Running needs PyTorch (`pip install 'isogain[lab]'`), which is imported on first use; an Outcome does not.
"""

import importlib
from typing import TYPE_CHECKING, Any

from isogain.extras import missing
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module("isogain.lab.public"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing("torch", "the lab, which trains with PyTorch,", "lab") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
