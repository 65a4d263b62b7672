"""What results hold, as Outcomes: the one form that page, notebook and terminal draw."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from isogain.core.names.catalog import Catalog
from isogain.lab.outcome import Chart, Column, Outcome, Table

if TYPE_CHECKING:
    from isogain.torch.start.compare import Comparison

__all__ = ["catalog_outcome", "comparison_outcome", "of_chart", "of_table"]


def of_chart(chart: Chart) -> Outcome:
    """A chart alone."""
    return Outcome("chart", "", "", "", (chart,), ())


def of_table(table: Table) -> Outcome:
    """A table alone."""
    return Outcome("table", "", "", "", (), (table,))


def catalog_outcome(catalog: Catalog) -> Outcome:
    """How many rows each group has, and the rows."""
    groups = Counter(row.group for row in catalog)
    columns = tuple(Column(key, key, "") for key in ("name", "formula", "group", "source"))
    rows = tuple(
        {key: getattr(row, key) for key in ("name", "formula", "group", "source")} for row in catalog
    )
    counted = ", ".join(f"{count} {group}" for group, count in groups.items())
    return Outcome(
        "catalog", f"{len(catalog)} named initializers", "Which initializers are there?", f"{counted}.", (),
        (Table("Initializers", columns, rows),), command="isogain catalog",
    )  # fmt: skip


def comparison_outcome(comparison: Comparison) -> Outcome:
    """The ranking as a table, and how evenly each start learns as a picture."""
    rows = tuple(_ranked(record) for record in comparison.records())
    columns = [
        Column("scheme", "start", ""), Column("verdict", "verdict", ""),
        Column("critical", "critical findings a seed", ".2g"), Column("warnings", "warnings a seed", ".2g"),
        Column("unevenness", "uneven by (decades)", ".2f"), Column("loss", "loss after the run", ".4g"),
        Column("error", "why not", ""),
    ]  # fmt: skip
    used = tuple(column for column in columns if any(row[column.key] not in (None, "") for row in rows))
    return Outcome(
        "compare", "Starts compared", "From which of these starts does the model train best?",
        f"{comparison.best} comes first of {len(rows)}.", (_chart(rows),) if _drawable(rows) else (),
        (Table("Best first", used, rows, "A decade is a factor of 10."),),
    )  # fmt: skip


def _ranked(record: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def _drawable(rows: tuple[dict[str, Any], ...]) -> bool:
    return any(row["unevenness"] is not None for row in rows)


def _chart(rows: tuple[dict[str, Any], ...]) -> Chart:
    return Chart(
        "dots", "How far what is learnt first is ahead of the rest", rows, "scheme", "unevenness",
        y_title="decades", color="scheme", color_title="start",
        caption="The median over seeds; 0 is even. A decade is a factor of 10.",
        alt="One point for each start, by how unevenly it learns.",
    )  # fmt: skip
