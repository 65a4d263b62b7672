"""`isogain playground`: the page with knobs, written to a file or opened."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from isogain.cli.options import Html

__all__ = ["register"]


class Language(StrEnum):
    """Languages of the page."""

    english = "en"
    chinese = "zh"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("playground")(playground)


def playground(
    html: Html = None,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the page.")] = Language.english,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    turned: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KNOB=VALUE", help="Where a knob stands: activation=tanh, depth=10."),
    ] = None,
) -> None:
    """Write a page on which every knob of an untrained network can be turned, and open it.

    Example:  isogain playground --open
    Example:  isogain playground --html playground.html --lang zh --set activation=tanh --set law=lecun_normal
    """
    from isogain.playground.shown import Playground

    page = Playground({"lang": lang.value, **_knobs(turned)})
    path = page.to_html(html or Path("isogain-playground.html"))
    typer.echo(f"Page  {path}")
    if show:
        typer.launch(path.as_uri())


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
