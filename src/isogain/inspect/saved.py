"""Reports read back from the JSON that `to_json` wrote: enough of them to be compared and shown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from isogain.errors import InspectError
from isogain.inspect.differences import Difference, Inspected, difference
from isogain.inspect.findings import Finding, Verdict
from isogain.inspect.formats import Scales
from isogain.inspect.layers import Layer
from isogain.inspect.table import Backward, Channels, Forward, Spectrum

__all__ = ["SavedReport", "load_report"]

SCHEMA = "isogain.inspect/1"
PARTS = {
    "forward": Forward,
    "backward": Backward,
    "scales": Scales,
    "spectrum": Spectrum,
    "channels": Channels,
}
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class SavedReport:
    """A report as its JSON has it: verdict, findings, layers; what was measured beside them is not kept."""

    verdict: Verdict
    cause: str
    findings: tuple[Finding, ...]
    layers: tuple[Layer, ...]
    settings: Mapping[str, str]

    def diff(self, other: Inspected) -> Difference:
        """What changed from this report to `other`."""
        return difference(self, other)

    def __repr__(self) -> str:
        return f"<SavedReport {self.verdict}: {len(self.findings)} findings, {len(self.layers)} layers>"


def load_report(path: str | Path) -> SavedReport:
    """The report whose `to_json` was written to this file.

    Raises InspectError for a file that cannot be read, or that holds no report.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InspectError(f"{path} cannot be read as the JSON of a report: {error}") from error
    schema = data.get("schema") if isinstance(data, dict) else type(data).__name__
    if schema != SCHEMA:
        raise InspectError(f"{path} is no report: its schema is {schema!r}, this isogain reads {SCHEMA!r}")
    try:
        return SavedReport(
            data["verdict"], data["cause"],
            tuple(_made(Finding, one) for one in data["findings"]),
            tuple(_made(Layer, one) for one in data["layers"]), dict(data["settings"]),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise InspectError(f"{path} is no whole report: {error} is missing or not what it was") from error


def _made(kind: type[Kind], data: Mapping[str, Any]) -> Kind:
    """A dataclass of its fields' JSON; None was a number that is not finite, unless a part is missing."""
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _value(name, value) for name, value in data.items() if name in known})


def _value(name: str, value: Any) -> Any:
    if name in PARTS:
        return None if value is None else _made(PARTS[name], value)  # type: ignore[arg-type]
    if value is None:
        return math.nan
    return tuple(value) if isinstance(value, list) else value
