"""`isogain atlas [NAME]`: what the models and layers of other libraries start with."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from isogain.cli.options import AsJson
from isogain.cli.printing import show
from isogain.core.names.defaults import default
from isogain.errors import InitializerError
from isogain.libraries import ModelStart
from isogain.libraries import atlas as read_atlas

__all__ = ["register"]

SCHEMA = "isogain.libraries/1"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("atlas")(atlas)


def atlas(
    name: Annotated[
        str | None,
        typer.Argument(help="A model (timm/resnet10t), a layer (torch.nn.Linear), or words to search for."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of the atlas, or show one model or layer: laws, and the lines that wrote them.

    Example:  isogain atlas transformers/gpt2
    """
    found = list(read_atlas()) if name is None else _found(name)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "models": [one.to_dict() for one in found]}, indent=2))
    elif len(found) == 1:
        show(str(found[0]))
    elif found:
        show(*[f"{one.model}  {one.version}  {one.verdict}" for one in found])
        show("isogain atlas NAME shows one: its laws, and the lines that wrote them.")
    else:
        show(str(default(str(name))))


def _found(name: str) -> list[ModelStart]:
    """The model of this name, or those that the words find; none for a layer."""
    table = read_atlas()
    exact = [one for one in table if one.model.lower() == name.lower()]
    if exact:
        return exact[-1:]
    found = list(table.search(name))
    if not found:
        try:
            default(name)
        except InitializerError:
            table.named(name)  # whose refusal names the nearest models
    return found
