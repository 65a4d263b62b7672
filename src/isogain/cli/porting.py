"""`isogain translate` and `isogain default`: another framework's call, and what a layer starts from."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from isogain.cli.options import AsJson
from isogain.cli.printing import show
from isogain.core.names.defaults import default as read_default
from isogain.core.names.translation import translate as find_call
from isogain.errors import InitializerError

__all__ = ["register"]

SCHEMA = "isogain.translation/1"
Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Its arguments, for example a=2.236.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("translate")(translate)
    app.command("default")(default)


def translate(
    name: Annotated[
        str, typer.Argument(help="An initializer, for example torch.kaiming_uniform_, or a layer's weight.")
    ],
    arguments: Arguments = None,
    to: Annotated[
        str, typer.Option("--to", help="The framework whose call is wanted, for example paddle.")
    ] = "isogain",
    layout: Annotated[
        str | None, typer.Option(help="How the weight lies in its own framework, for example 'in out'.")
    ] = None,
    shape: Annotated[str | None, typer.Option(help="Its shape there, for example 512,784.")] = None,
    transposed: Annotated[
        bool, typer.Option("--transposed", help="The weight of a transposed convolution.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the call of another framework that gives the same law, or the nearest and what differs.

    Example:  isogain translate torch.kaiming_uniform_ a=2.2360679775 --to paddle
    """
    sizes = None if shape is None else [_value("--shape", one) for one in shape.split(",")]
    found = find_call(name, to=to, layout=layout, shape=sizes, transposed=transposed, **_told(arguments))
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, **found.to_dict()}, indent=2))
    else:
        show(str(found))


def default(
    layer: Annotated[str, typer.Argument(help="A layer with its library, for example torch.nn.Linear.")],
    arguments: Arguments = None,
) -> None:
    """Print what a library's own layer starts from, parameter by parameter.

    Example:  isogain default keras.layers.LSTM
    """
    show(str(read_default(layer, **_told(arguments))))


def _told(arguments: list[str] | None) -> dict[str, Any]:
    """name=value pairs; a value is JSON where it can be read as that, and a word otherwise."""
    told = {}
    for text in arguments or []:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise InitializerError(f"an argument is written name=value, got {text!r}")
        told[name] = _value(name, value)
    return told


def _value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
