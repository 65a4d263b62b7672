"""The application: its commands, and the one place where an error becomes an exit status."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from isogain._version import __version__
from isogain.cli import (
    atlas,
    catalog,
    compare,
    diff,
    init,
    inspect,
    lab,
    plan,
    playground,
    porting,
    theory,
    trying,
)
from isogain.cli.blame import place_of
from isogain.errors import IsogainError
from isogain.extras import EXTRAS, way_out

__all__ = ["app", "main"]

USAGE, INTERRUPTED = 2, 130
LAB = ("demo", "lab", "try")
"""Commands that need the lab's extra, whichever package is the first to be missed."""


class Whole(TyperGroup):
    """Lists commands with their whole sentences."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        names = self.list_commands(ctx)
        found = [(name, self.get_command(ctx, name)) for name in names]
        rows = [
            (name, one.get_short_help_str(1000)) for name, one in found if one is not None and not one.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Guarded(Whole):
    """Turns what a user can mend into one message without a trace, and Ctrl-C into status 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except IsogainError as error:
            raise _stop(f"error: {error}{place_of(error.__cause__)}", USAGE) from error
        except ModuleNotFoundError as error:
            raise _stop(f"error: {_missing(error, ctx.invoked_subcommand)}", USAGE) from error
        except KeyboardInterrupt as error:
            hint = "interrupted; what was finished is kept, and the same command goes on from there"
            raise _stop(hint, INTERRUPTED) from error
        except BrokenPipeError as error:  # the reader (head, less) has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error


def _missing(error: ModuleNotFoundError, command: str | None) -> str:
    """The extra that a command needs; what is no package of ours is passed on as it is."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    extra = "lab" if command in LAB else EXTRAS[package]
    return f"isogain {command} needs the package {package}: {way_out(extra)}"


def _stop(message: str, status: int) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(status)


app = typer.Typer(
    name="isogain",
    cls=Guarded,
    help="Choose, draw and verify the initial weights of neural networks.\n\nStart with: isogain demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isogain {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose, draw and verify the initial weights of neural networks."""


lab.register(app)
catalog.register(app)
atlas.register(app)
inspect.register(app)
diff.register(app)
compare.register(app)
plan.register(app)
init.register(app)
porting.register(app)
theory.register(app)
playground.register(app)
trying.register(app)


def main() -> None:
    """Run the command line; the exit status is 0 fine, 1 findings, 2 usage or input, 130 interrupted."""
    app()
