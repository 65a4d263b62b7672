"""`isogain inspect pkg.module:factory --input f32[32,3,32,32]`: a verdict in the terminal, and for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isogain.cli.opening import page_asked, shown_page
from isogain.cli.options import Batch, Html, Inputs, Kwargs, Lang, LossOf, Mode, Open, Seed, Target
from isogain.errors import InspectError

__all__ = ["register"]

LEVELS = ("info", "warning", "critical", "never")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("inspect")(inspect)


def inspect(
    target: Target,
    inputs: Inputs = None,
    batch: Batch = None,
    kwargs: Kwargs = None,
    loss: LossOf = None,
    html: Html = None,
    lang: Lang = None,
    open_it: Open = False,
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
    seed: Seed = 0,
    mode: Mode = "keep",
) -> None:
    """Look at a model's start: what is wrong, why, and how to mend it.

    Status 0 fine, 1 findings at or above --fail-on, 2 usage or input error.  [tool.isogain.inspect] of
    pyproject.toml holds `fail-on` and `accept` (a list of codes or code:path, with * and ?).

    Example:  isogain inspect models.py:make --input f32[32,784] --html start.html
    """
    from isogain.cli.settings import read_settings
    from isogain.cli.subject import subject

    settings = read_settings(Path.cwd())
    level = fail_on or settings.fail_on
    if level not in LEVELS:
        raise InspectError(f"--fail-on is one of {', '.join(LEVELS)}, got {level!r}")
    page = page_asked(html, open_it, "inspect")
    about = subject(target, inputs, batch, kwargs, loss, seed, mode)
    report = _looked(about).accept(settings.accept)
    if page is not None:
        shown_page(report.to_html(page), open_it)
    _write(report, target, as_json, sarif, junit)
    if str(as_json) != "-":
        typer.echo(str(report))
    if level != "never" and report.reaches(level):
        raise typer.Exit(1)


def _looked(about: Any) -> Any:
    import isogain.torch as igt

    if about.inputs is None:
        from isogain.torch.record.guessing import likely

        kind, shape = likely(about.model) or ("f32", (32, 784))
        example = f"{kind}[{','.join(map(str, shape))}]"
        raise InspectError(f"inspect needs a batch: --input '{example}' draws one, --batch FILE reads one")
    return igt.inspect(about.model, about.inputs, about.loss)


def _write(report: Any, target: str, as_json: Path | None, sarif: Path | None, junit: Path | None) -> None:
    from isogain.report.ci import to_junit, to_sarif
    from isogain.report.files import write_atomically

    if as_json is not None and str(as_json) == "-":
        typer.echo(report.to_json(indent=2))
    elif as_json is not None:
        write_atomically(as_json, report.to_json(indent=2))
    if sarif is not None:
        write_atomically(sarif, to_sarif(report, target))
    if junit is not None:
        write_atomically(junit, to_junit(report, target))
