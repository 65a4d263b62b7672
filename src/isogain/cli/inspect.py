"""`isogain inspect pkg.module:factory --input f32[32,3,32,32]`: a verdict in the terminal, and for CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from isogain.cli.options import Html, Lang
from isogain.errors import InspectError

__all__ = ["register"]

LEVELS = ("info", "warning", "critical", "never")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("inspect")(inspect)


def inspect(
    target: Annotated[str, typer.Argument(help="pkg.module:factory, a callable that makes the model.")],
    inputs: Annotated[
        list[str],
        typer.Option("--input", help="f32[32,3,32,32], ids=i64[8,128]<50257; repeat for several inputs."),
    ],
    kwargs: Annotated[str, typer.Option("--kwargs", help="JSON: keyword arguments of the factory.")] = "{}",
    loss: Annotated[str | None, typer.Option("--loss", help="pkg.module:function of the output.")] = None,
    html: Html = None,
    lang: Lang = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the report as JSON; - prints it.")
    ] = None,
    sarif: Annotated[
        Path | None, typer.Option("--sarif", help="Write SARIF 2.1.0 for code scanning.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML.")] = None,
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="info, warning, critical or never; default critical.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For the inputs and the factory's own draws.")] = 0,
    mode: Annotated[str, typer.Option("--mode", help="train, eval or keep.")] = "keep",
) -> None:
    """Look at a model's start: what is wrong, why, and how to mend it.

    Status 0 fine, 1 findings at or above --fail-on, 2 usage or input error.  [tool.isogain.inspect] of
    pyproject.toml holds `fail-on` and `accept` (a list of codes or code:path, with * and ?).

    Example:  isogain inspect mypackage.models:make --input f32[32,784] --html start.html
    """
    from isogain.cli.inspect_settings import read_settings
    from isogain.cli.inspect_target import run

    settings = read_settings(Path.cwd())
    level = fail_on or settings.fail_on
    if level not in LEVELS:
        raise InspectError(f"--fail-on is one of {', '.join(LEVELS)}, got {level!r}")
    if mode not in ("train", "eval", "keep"):
        raise InspectError(f"--mode is train, eval or keep, got {mode!r}")
    report = run(target, inputs, _arguments(kwargs), loss, seed, mode).accept(settings.accept)
    _write(report, target, html, as_json, sarif, junit)
    if str(as_json) != "-":
        typer.echo(str(report))
    if level != "never" and report.reaches(level):
        raise typer.Exit(1)


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InspectError(f"--kwargs is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InspectError(f"--kwargs must be a JSON object, got {text!r}")
    return found


def _write(
    report: Any, target: str, html: Path | None, as_json: Path | None, sarif: Path | None, junit: Path | None
) -> None:
    from isogain.report.ci import to_junit, to_sarif
    from isogain.report.files import write_atomically

    if html is not None:
        typer.echo(f"page  {report.to_html(html)}", err=True)
    if as_json is not None and str(as_json) == "-":
        typer.echo(report.to_json(indent=2))
    elif as_json is not None:
        write_atomically(as_json, report.to_json(indent=2))
    if sarif is not None:
        write_atomically(sarif, to_sarif(report, target))
    if junit is not None:
        write_atomically(junit, to_junit(report, target))
