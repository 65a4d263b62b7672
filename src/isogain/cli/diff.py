"""`isogain diff before.json after.json`: what changed from one report to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from isogain.cli.opening import page_asked, shown_page
from isogain.cli.options import AsJson, Html, Open

__all__ = ["register"]

SCHEMA = "isogain.diff/1"
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A report, as `isogain inspect --json FILE` wrote it.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("diff")(diff)


def diff(
    before: File,
    after: File,
    html: Html = None,
    open_it: Open = False,
    as_json: AsJson = False,
    fail_on_new: Annotated[
        bool, typer.Option("--fail-on-new", help="Status 1 where a finding is new (severity info aside).")
    ] = False,
) -> None:
    """Compare two reports: verdicts, findings that are gone or new, layers whose scale moved.

    Example:  isogain diff before.json after.json --html change.html
    """
    from isogain.inspect import load_report

    page = page_asked(html, open_it, "diff")
    found = load_report(before).diff(load_report(after))
    if page is not None:
        shown_page(found.to_html(page), open_it)
    typer.echo(_json(found) if as_json else str(found))
    if fail_on_new and any(finding.severity != "info" for finding in found.new):
        raise typer.Exit(1)


def _json(found: Any) -> str:
    content = {
        "schema": SCHEMA, "before": found.before, "after": found.after,
        "gone": [finding.to_dict() for finding in found.gone],
        "new": [finding.to_dict() for finding in found.new],
        "changed": [list(one) for one in found.changed],
    }  # fmt: skip
    return json.dumps(content, indent=2, allow_nan=False)
