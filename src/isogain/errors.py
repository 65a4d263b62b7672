"""The one base error; every message names the value, the place and the way out."""

from __future__ import annotations

__all__ = [
    "DataError",
    "DrawError",
    "InitializerError",
    "InspectError",
    "IsogainError",
    "JobError",
    "LabError",
    "LayoutError",
    "ReportError",
    "TrialError",
]


class IsogainError(ValueError):
    """Base of every error isogain raises on purpose.

    It is a `ValueError`, so code written against NumPy or torch.nn.init that catches
    `ValueError` keeps working.
    """


class LayoutError(IsogainError):
    """A layout cannot be read, or does not fit a shape."""


class InitializerError(IsogainError):
    """An initializer's parameters, name or JSON are wrong, or it cannot serve a shape."""


class DrawError(IsogainError):
    """A draw cannot be made as asked: dtype, region, seed or `out`."""


class DataError(IsogainError):
    """A data set is missing, truncated, corrupt or not what it says it is."""


class ReportError(IsogainError):
    """A chart, table or page cannot be made of what it was given, or not be written where asked."""


class LabError(IsogainError):
    """An experiment is unknown or described wrongly, or a results store cannot be used."""


class InspectError(IsogainError):
    """A model cannot be inspected: it raised, or its inputs, loss or settings cannot be read."""


class JobError(IsogainError):
    """Jobs cannot be run as asked: an unknown backend, a cluster that does not answer, workers that die."""


class TrialError(IsogainError):
    """A trial cannot be made of what it was given: model, data, starts, loss, metric, rates or budget."""
