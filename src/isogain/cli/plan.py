"""`isogain plan pkg.module:factory --input f32[32,784]`: what every parameter would start from, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isogain.cli.options import Batch, Exclude, Inputs, Kwargs, Mode, Recipe, Seed, Target

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("plan")(plan)


def plan(
    target: Target,
    inputs: Inputs = None,
    batch: Batch = None,
    kwargs: Kwargs = None,
    exclude: Exclude = None,
    recipe: Recipe = "default",
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the plan as JSON; - prints it.")
    ] = None,
    meta: Annotated[bool, typer.Option("--meta", help="Make the model without memory.")] = False,
    seed: Seed = 0,
    mode: Mode = "keep",
) -> None:
    """Decide a law for every parameter of a model; nothing is written into it.

    Without --input only the modules themselves are looked at, and what that leaves unknown is said.

    Example:  isogain plan models.py:make --input f32[32,784] --json plan.json
    """
    import isogain.torch as igt
    from isogain.cli.subject import subject
    from isogain.report.files import write_atomically

    about = subject(target, inputs, batch, kwargs, None, seed, mode, meta=meta)
    made = igt.plan(about.model, about.inputs, exclude=exclude or [], recipe=recipe)
    if as_json is not None and str(as_json) == "-":
        typer.echo(made.to_json(indent=2))
        return
    if as_json is not None:
        write_atomically(as_json, made.to_json(indent=2))
    typer.echo(made.table(full=True))
