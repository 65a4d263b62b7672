"""What an experiment says once it is over, as plain data: the only thing the report has to know.

An experiment's `analyse` function returns one Outcome.  Everything in it is JSON: the page, the
terminal summary, the exported tables and the tests read the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from isogain.rendering import Shown, rendered

__all__ = ["Chart", "Claim", "Column", "Outcome", "Outcomes", "Rule", "Table"]

Row = Mapping[str, Any]
ChartKind = Literal["lines", "histograms", "dots", "regions", "heatmap"]


@dataclass(frozen=True)
class Column:
    """One column of a Table: the row's key, a heading, and how a number is written."""

    key: str
    label: str
    format: str = ".3g"
    low: str | None = None
    """Key of the lower end of this column's interval, if it has one."""
    high: str | None = None


@dataclass(frozen=True)
class Table(Shown):
    """Numbers with their intervals."""

    shown_as: ClassVar[str] = "table"

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""

    def records(self) -> Iterable[Row]:
        """Its rows."""
        return self.rows

    def __str__(self) -> str:
        text: str = rendered("outcome.text", self.outcome())
        return text

    def __repr__(self) -> str:
        return f"<Table {self.title!r}: {len(self.rows)} rows, {len(self.columns)} columns>"


@dataclass(frozen=True)
class Rule:
    """A reference line across a chart: 'ln 10, chance' at y = 2.3026."""

    value: float
    label: str
    axis: Literal["x", "y"] = "y"


@dataclass(frozen=True)
class Chart(Shown):
    """A picture as data: drawn in a notebook.

    kind `lines`: y over x by `color`, band from `low` to `high` when given;
    `histograms`: `y` (density or share) over bins [`x`, `x2`), small multiples by facets;
    `dots`: y with an interval [`low`, `high`] at each (categorical or numeric) x;
    `regions`: decision boundaries: `rows` are a grid x, y, `value` (probability), `points` the data;
    `heatmap`: `value` over categorical or binned x, y.
    """

    shown_as: ClassVar[str] = "chart"
    kind: ChartKind
    title: str
    rows: tuple[Row, ...]
    x: str
    y: str
    x_title: str = ""
    y_title: str = ""
    x2: str | None = None
    value: str | None = None
    value_title: str = ""
    color: str | None = None
    color_title: str = ""
    dash: str | None = None
    """For `lines`: key whose value sets the dash of the line, first seen is solid (measured, theory)."""
    low: str | None = None
    high: str | None = None
    facet_row: str | None = None
    facet_column: str | None = None
    log_x: bool = False
    log_y: bool = False
    log_value: bool = False
    """For `heatmap`: colours by powers, numbers as they are."""
    rules: tuple[Rule, ...] = ()
    points: tuple[Row, ...] = ()
    """For `regions`: rows of x, y, label and the facet keys."""
    order: tuple[str, ...] = ()
    """The order of the colour's (or the facet columns') categories; first seen otherwise."""
    independent_x: bool = False
    """Every facet has its own x range (histograms of very different widths)."""
    caption: str = ""
    alt: str = ""
    """What the picture shows, in words, for those who cannot see it."""

    def records(self) -> Iterable[Row]:
        """Its rows."""
        return self.rows

    def __str__(self) -> str:
        words = (self.title, self.alt or self.caption, f"{len(self.rows)} rows; .to_frame() has them")
        return "\n".join(filter(None, words))

    def __repr__(self) -> str:
        return f"<Chart {self.title!r}: {self.kind}, {len(self.rows)} rows>"


@dataclass(frozen=True)
class Claim:
    """Something a source asserts, and what this run says about it."""

    claim: str
    verdict: Literal["holds", "holds in part", "does not hold", "not settled"]
    evidence: str


@dataclass(frozen=True)
class Outcome(Shown):
    """Question, answer, pictures, numbers, and how to repeat it, in the order of the page."""

    experiment: str
    """The name that `isogain lab run NAME` takes."""
    title: str
    question: str
    answer: str
    charts: tuple[Chart, ...]
    tables: tuple[Table, ...]
    claims: tuple[Claim, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Data set with sha256, network, optimizer, seeds, versions: all it takes to repeat it."""
    command: str = ""
    notes: tuple[str, ...] = ()
    elapsed_s: float = 0.0

    def outcome(self) -> Outcome:
        """Itself."""
        return self

    def records(self) -> Iterable[Row]:
        """The rows of its first table."""
        return self.tables[0].rows if self.tables else ()

    def __str__(self) -> str:
        text: str = rendered("outcome.text", self)
        return text

    def __repr__(self) -> str:
        return f"<Outcome of {self.experiment}: {self.answer}>"

    def to_dict(self) -> dict[str, Any]:
        """The whole outcome as JSON-ready dictionaries and lists."""
        return asdict(self)


class Outcomes(list[Outcome]):
    """Outcomes one after the other: a list that shows itself in a notebook."""

    def to_html(self, path: str | Path) -> Path:
        """Writes one page of them all; returns its absolute path (needs isogain[lab])."""
        page: Path = rendered("outcomes.page", self, path)
        return page

    def __str__(self) -> str:
        return "\n".join(f"{one.title}: {one.answer}" for one in self)

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))
