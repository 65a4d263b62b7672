"""A report read back from its JSON: verdict, findings, layers, coverage; enough to compare it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from isogain.errors import InspectError
from isogain.graph import Graph
from isogain.inspect.findings import Finding
from isogain.inspect.formats import Scales
from isogain.inspect.report import SCHEMA, Layer, Report
from isogain.inspect.signals import Backward, Channels, Forward, Spectrum
from isogain.inspect.table import Coverage, Table

__all__ = ["StoredReport", "load_report", "read_report"]

T = TypeVar("T")
PARTS: Mapping[str, type] = {
    "forward": Forward, "backward": Backward, "scales": Scales, "spectrum": Spectrum, "channels": Channels,
}  # fmt: skip


@dataclass(frozen=True)
class StoredReport(Report):
    """A Report whose layers were written down; how they are connected was not."""

    rows: tuple[Layer, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every measured operation in order of execution."""
        return self.rows


def read_report(text: str) -> StoredReport:
    """The report that `Report.to_json` wrote.

    Raises InspectError for text that is none.
    """
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA:
            raise InspectError(f"its schema is {content['schema']!r}, and reports are {SCHEMA!r}")
        return _report(content)
    except InspectError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise InspectError(
            f"this is no report as to_json() writes it: {type(error).__name__} {error}"
        ) from error


def load_report(path: str | Path) -> StoredReport:
    """The report whose `to_json` was written to this file.

    Raises InspectError for a file that cannot be read, or that holds no report.
    """
    try:
        return read_report(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InspectError(f"cannot read {path}: {error.strerror}") from error
    except (InspectError, UnicodeDecodeError) as error:
        raise InspectError(f"{path}: {error}") from error


def _report(content: Mapping[str, Any]) -> StoredReport:
    loss = content["loss"]
    table = Table(
        Graph((), ()), {}, {}, {}, coverage=_restored(Coverage, content["coverage"]),
        loss_value=math.nan if loss["value"] is None else loss["value"], loss_source=loss["source"],
        batch=content["batch"], settings=content["settings"],
    )  # fmt: skip
    findings, accepted = (
        tuple(_restored(Finding, one) for one in content[name]) for name in ("findings", "accepted")
    )
    return StoredReport(table, findings, accepted, tuple(_restored(Layer, one) for one in content["layers"]))


def _restored(kind: type[T], content: Mapping[str, Any]) -> T:
    """A dataclass of its fields; what JSON has no word for, a number that is not finite, is nan."""
    known = {one.name: str(one.type) for one in fields(kind)}  # type: ignore[arg-type]
    return kind(
        **{name: _value(name, known[name], value) for name, value in content.items() if name in known}
    )


def _value(name: str, type_: str, value: Any) -> Any:
    if isinstance(value, Mapping) and name in PARTS:
        return _restored(PARTS[name], value)
    if isinstance(value, list):
        return tuple(value)
    return math.nan if value is None and type_ == "float" else value
