"""`isogain compare models.py:make --batch digits.npz`: the same model from several starts, best first."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from isogain.cli.options import AsJson, Batch, Inputs, Kwargs, LossOf, Mode, Seed, Target
from isogain.errors import InspectError

__all__ = ["register"]

SCHEMES = ("default", "he_normal", "xavier_normal", "orthogonal", "init_")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("compare")(compare)


def compare(
    target: Target,
    inputs: Inputs = None,
    batch: Batch = None,
    kwargs: Kwargs = None,
    loss: LossOf = None,
    schemes: Annotated[
        list[str] | None,
        typer.Option(
            "--scheme",
            help="current, default, init_ or a name of the catalog; repeatable. " + ", ".join(SCHEMES),
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds.")] = 3,
    train: Annotated[int, typer.Option("--train", min=0, help="Steps of a short run; needs a loss.")] = 0,
    optimizer: Annotated[str, typer.Option("--optimizer", help="Of the short run.")] = "adamw",
    as_json: AsJson = False,
    seed: Seed = 0,
    mode: Mode = "keep",
) -> None:
    """Start copies of a model by several schemes and rank them by what trains.

    Example:  isogain compare models.py:make --batch digits.npz --loss cross_entropy --train 50
    """
    import isogain.torch as igt
    from isogain.cli.subject import subject

    about = subject(target, inputs, batch, kwargs, loss, seed, mode)
    if about.inputs is None:
        raise InspectError("compare needs a batch: --input f32[32,784] draws one, --batch FILE reads one")
    found = igt.compare(
        about.model, about.inputs, schemes or SCHEMES, seeds, about.loss, train=train, optimizer=optimizer
    )
    typer.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False) if as_json else str(found))
