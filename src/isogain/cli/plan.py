"""`isogain plan pkg.module:factory --input f32[32,784]`: what every parameter would start from, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("plan")(plan)


def plan(
    target: Annotated[str, typer.Argument(help="pkg.module:factory, a callable that makes the model.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="f32[32,1,28,28], ids=i64[8,128]<50257; repeat for several inputs."),
    ] = None,
    kwargs: Annotated[str, typer.Option("--kwargs", help="JSON: keyword arguments of the factory.")] = "{}",
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Parameters to keep, with * and ?; repeatable.")
    ] = None,
    recipe: Annotated[str, typer.Option("--recipe", help="The set of rules to ask first.")] = "default",
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the plan as JSON; - prints it.")
    ] = None,
    meta: Annotated[bool, typer.Option("--meta", help="Make the model without memory.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="For the inputs and the factory's own draws.")] = 0,
    mode: Annotated[str, typer.Option("--mode", help="train, eval or keep.")] = "keep",
) -> None:
    """Decide a law for every parameter of a model; nothing is written into it.

    Without --input only the modules themselves are looked at, and what that leaves unknown is said.

    Example:  isogain plan mypackage.models:make --input f32[32,784] --json plan.json
    """
    from isogain.cli.inspect import _arguments
    from isogain.cli.inspect_target import prepared

    model, given = prepared(target, inputs or [], _arguments(kwargs), seed, mode, meta=meta)
    _show(model, given if inputs else None, exclude or [], recipe, as_json)


def _show(model: Any, given: Any, exclude: list[str], recipe: str, as_json: Path | None) -> None:
    import isogain.torch as igt
    from isogain.report.files import write_atomically

    made = igt.plan(model, given, exclude=exclude, recipe=recipe)
    if as_json is not None and str(as_json) == "-":
        typer.echo(made.to_json(indent=2))
        return
    if as_json is not None:
        write_atomically(as_json, made.to_json(indent=2))
    typer.echo(made.table(full=True))
