"""Outcomes as one versioned JSON document, for programs."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from isogain._version import __version__
from isogain.lab.outcome import Outcome

__all__ = ["SCHEMA", "SCHEMA_VERSION", "to_json"]

SCHEMA = "isogain.outcomes"
SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; a new field alone does not raise it."""


def to_json(outcomes: Iterable[Outcome], *, indent: int | None = 2) -> str:
    """A JSON document `{"schema": "isogain.outcomes", "schema_version": 1, "outcomes": [...], ...}`.

    JSON has no infinity and no NaN: they are written as the strings "Infinity", "-Infinity" and
    "NaN", which Python's `float` and JavaScript's `Number` read back.
    """
    document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "isogain": __version__,
        "outcomes": [_plain(outcome.to_dict()) for outcome in outcomes],
    }
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Mappings, sequences and NumPy's numbers as what JSON knows."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _finite(float(value))
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return [_plain(item) for item in value]


def _finite(number: float) -> float | str:
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")
