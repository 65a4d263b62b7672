"""docs/starts.md: the table between its markers, and the picture, from the stored runs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair

from isogain.lab import outcomes
from isogain.report.pictures import write_pictures
from starting import costs
from starting.rows import ROWS, Row
from starting.store import Key, Record
from starting.summary import Cell, cell, reached, verdict

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "starts.md"
PICTURE = ROOT / "docs" / "images" / "starts.png"
WORDS = {"better": "ahead of all", "level": "level with the best", "worse": "behind the best"}


def lines(records: Mapping[Key, Record], seeds: Sequence[int], rows: Sequence[Row]) -> list[str]:
    """The table in Markdown, a line for each row and optimizer."""
    table = [
        "| task | optimizer | must reach | isogain | reached | against the best of the others | the others "
        "| start, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return table + [
        _line(row, optimizer, _cells(row, records, optimizer, seeds))
        for row in rows
        for optimizer in row.rates
    ]


def _cells(
    row: Row, records: Mapping[Key, Record], optimizer: str, seeds: Sequence[int]
) -> dict[str, Cell | None]:
    return {start: cell(row, records, start, optimizer, seeds) for start in row.starts}


def _line(row: Row, optimizer: str, cells: Mapping[str, Cell | None]) -> str:
    ours = cells["isogain"]
    lower = row.task().measure == "loss"
    others = [found for start, found in cells.items() if found and start != "isogain"]
    head = f"| {row.title} | {'AdamW' if optimizer == 'adamw' else 'SGD'} | {row.goal}"
    told = ", ".join(f"{found.start} {_number(found)}" for found in others)
    missing = [start for start, found in cells.items() if not found and start != "isogain"]
    if missing:
        told = "; ".join(filter(None, (told, f"not run: {', '.join(missing)}" if others else "not run")))
    if ours is None:
        return f"{head} | not run | – | – | {told} | – |"
    yes = "yes" if reached(row, ours, others, lower) else "**no**"
    against = WORDS[_against(ours, others, lower)] if others else "–"
    spread = f"{_number(ours)} ({min(ours.scores):.3f}–{max(ours.scores):.3f})" if ours.scores else "diverged"
    return f"{head} | {spread} | {yes} | {against} | {told} | {_costs(row)} |"


def _costs(row: Row) -> str:
    """Seconds that the start itself takes, before training."""
    found = costs.stored().get(row.name, {})
    lsuv = f" (LSUV {found['LSUV']:.2f})" if "LSUV" in found else ""
    return f"{found['isogain']:.2f}{lsuv}" if found else "–"


def _against(ours: Cell, others: Sequence[Cell], lower: bool) -> str:
    """The verdict against whichever other start did best."""
    verdicts = {verdict(ours, other, lower) for other in others}
    return next(word for word in ("worse", "level", "better") if word in verdicts)


def _number(found: Cell) -> str:
    if not found.scores:
        return f"diverged {found.diverged}/{found.runs}"
    lost = f" ({found.diverged}/{found.runs} diverged)" if found.diverged else ""
    return f"{found.mean:.3f}{lost}"


def write(records: Mapping[Key, Record], seeds: Sequence[int], lab: str | None) -> None:
    """The table and the picture; and from a results folder of the lab, its deepest study."""
    _replace("measured", lines(records, seeds, list(ROWS.values())))
    picture(records, seeds).save(str(PICTURE), scale_factor=2)
    if lab:
        _replace("ten thousand", _ten_thousand(lab))


def _replace(part: str, content: Sequence[str]) -> None:
    """New lines between this part's markers."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    block = "\n".join([begin, *content, end])
    text = PAGE.read_text()
    PAGE.write_text(re.sub(re.escape(begin) + ".*" + re.escape(end), lambda _: block, text, flags=re.S))


def _ten_thousand(folder: str) -> list[str]:
    """The study's answer and table, and its pictures as files."""
    (outcome,) = outcomes(folder, "ten-thousand-layers")
    (table,) = outcome.tables
    pictures = write_pictures([outcome], PICTURE.parent)
    head = [column.label for column in table.columns]
    rows = [
        [_cell(row[column.key], column.format) for column in table.columns]
        for row in sorted(table.rows, key=lambda row: (row["start"], row["depth"]))
    ]
    return [
        f"{outcome.answer} All of it took {outcome.elapsed_s / 60:.1f} minutes on two cores.", "",
        *(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]), "",
        *(f"![{chart.alt}](images/{path.name})"
          for chart, path in zip(outcome.charts, pictures, strict=True)),
    ]  # fmt: skip


def _cell(value: Any, form: str) -> str:
    return "–" if value is None else format(value, form)


def picture(records: Mapping[Key, Record], seeds: Sequence[int]) -> altair.Chart:
    """Test accuracy of every start in the plain stacks, a dot a start."""
    rows = [point for row in ROWS.values() for point in _points(row, records, seeds)]
    names = list(dict.fromkeys(point["task"] for point in rows))
    starts = list(dict.fromkeys(("isogain", *(point["start"] for point in rows))))
    return (
        altair.Chart(altair.Data(values=rows), width=430, height={"step": 17})
        .mark_point(filled=True, size=70, opacity=0.85)
        .encode(
            x=altair.X("accuracy:Q", title="test accuracy, mean over seeds",
                       scale=altair.Scale(domain=[0, 1])),
            y=altair.Y("task:N", title=None, sort=names, axis=altair.Axis(grid=True, labelLimit=300)),
            color=altair.Color("start:N", sort=starts, title="start",
                               scale=altair.Scale(domain=starts, range=COLOURS[: len(starts)])),
            shape=altair.Shape("start:N", sort=starts, scale=altair.Scale(domain=starts)),
        )
    )  # fmt: skip


COLOURS = ["#d62728", "#4c78a8", "#72b7b2", "#54a24b", "#b279a2", "#9d755d", "#eeca3b", "#79706e"]


def _points(row: Row, records: Mapping[Key, Record], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The plain stacks only: deep networks without normalization or skips."""
    if row.reach is None:
        return []
    found = _cells(row, records, "sgd", seeds)
    return [
        {"task": row.title, "start": start, "accuracy": each.mean if math.isfinite(each.mean) else 0.1}
        for start, each in found.items()
        if each
    ]
