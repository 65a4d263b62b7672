"""`isogain catalog [NAME]`: every named scheme, or one of them whole."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Annotated

import typer
from rich.table import Table

from isogain.cli.options import AsJson
from isogain.cli.printing import show
from isogain.core.names.catalog import catalog as read_catalog
from isogain.core.names.rows import Row

__all__ = ["register"]

SCHEMA = "isogain.catalog/1"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("catalog")(catalog)


def catalog(
    name: Annotated[
        str | None, typer.Argument(help="A scheme, for example he_normal or caffe.xavier.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every initializer by what it is for, or show one: formula, source, needs, an example.

    Example:  isogain catalog torch.kaiming_normal_
    """
    rows = tuple(read_catalog()) if name is None else (read_catalog()[name],)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "rows": [row.to_dict() for row in rows]}, indent=2))
    elif name is None:
        _print_table(rows)
    else:
        _print_row(rows[0])


def _print_table(rows: tuple[Row, ...]) -> None:
    for group, members in groupby(rows, key=lambda row: row.group):
        table = Table("name", "law", title=group, title_justify="left", box=None, padding=(0, 2, 0, 0))
        table.columns[0].no_wrap = True
        for row in members:
            table.add_row(row.name, row.formula)
        show(table, "")
    show("isogain catalog NAME shows one: parameters, source, what it needs, an example.")


def _print_row(row: Row) -> None:
    show(row.name + row.signature, style="bold")
    table = Table.grid(padding=(0, 2))
    for heading, text in _facts(row):
        table.add_row(heading, text)
    show(f"  {row.formula}\n", f"{row.summary}\n", table)


def _facts(row: Row) -> list[tuple[str, str]]:
    facts = [
        ("source", row.source),
        ("for", row.group),
        ("needs", ", ".join(row.needs) or "nothing but a shape"),
    ]
    if row.aliases:
        facts.append(("also called", ", ".join(row.aliases)))
    facts.append(("in Python", row.call))
    if row.function is None:
        facts.append(("which is", repr(row.make(**row.example))))
    if row.uncertain:
        facts.append(("uncertain", row.uncertain))
    return facts
