"""Rows as a pandas DataFrame, where pandas is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isogain.errors import ReportError

__all__ = ["frame"]


def frame(records: Iterable[Mapping[str, Any]]) -> Any:
    """A DataFrame of the records, their keys its columns; ReportError where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise ReportError("to_frame() needs pandas, which is not installed: pip install pandas") from error
    return pandas.DataFrame([dict(record) for record in records])
