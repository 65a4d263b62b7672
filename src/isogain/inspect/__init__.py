"""Findings by rule over a table of measurements; no framework is known here."""

from __future__ import annotations

from isogain.inspect.differences import Difference
from isogain.inspect.findings import CODES, Finding
from isogain.inspect.judge import judge
from isogain.inspect.reading import load_report, read_report
from isogain.inspect.report import Report
from isogain.inspect.table import Table

__all__ = ["CODES", "Difference", "Finding", "Report", "Table", "judge", "load_report", "read_report"]
