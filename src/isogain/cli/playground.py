"""`isogain playground`: the page with knobs, written to a file or opened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isogain.cli.opening import opened
from isogain.cli.options import Html, Lang, Open

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("playground")(playground)


def playground(
    html: Html = None,
    lang: Lang = None,
    open_page: Open = False,
    turned: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KNOB=VALUE", help="Where a knob stands: activation=tanh, depth=10."),
    ] = None,
) -> None:
    """Write a page on which every knob of an untrained network can be turned; --open shows it at once.

    Example:  isogain playground --open

    Example:  isogain playground --html playground.html --lang zh --set activation=tanh --set law=lecun_normal
    """
    from isogain.playground.shown import Playground

    page = Playground(_knobs(turned))
    if open_page and html is None:
        typer.echo(f"Page  {page.open()}")
        return
    path = page.to_html(html or Path("isogain-playground.html"))
    typer.echo(f"Page  {path}")
    opened(path, open_page)


def _knobs(pairs: list[str] | None) -> dict[str, Any]:
    """KNOB=VALUE pairs, numbers as numbers where the knob is one."""
    return dict(_knob(pair) for pair in pairs or [])


def _knob(pair: str) -> tuple[str, Any]:
    from isogain.playground.knobs import KNOBS

    name, equals, text = pair.partition("=")
    if not equals:
        raise typer.BadParameter(f"--set takes KNOB=VALUE, as in depth=10; got {pair!r}")
    knob = KNOBS.get(name)
    if knob is None or knob.kind == "choice":
        return name, text
    try:
        return name, int(text)
    except ValueError:
        return name, _float(name, text)


def _float(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--set {name} takes a number, got {text!r}") from None
