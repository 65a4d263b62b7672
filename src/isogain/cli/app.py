"""The application: its commands, and the one place where an error becomes an exit status."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from isogain._version import __version__
from isogain.cli import atlas, catalog, inspect, lab, plan, porting, theory
from isogain.errors import IsogainError

__all__ = ["app", "main"]

USAGE, INTERRUPTED = 2, 130
EXTRAS = {
    "torch": "torch",
    "altair": "lab",
    "vl_convert": "lab",
    "jinja2": "lab",
    "mlxtend": "lab",
    "sklearn": "lab",
    "pyarrow": "lab",
}
"""The package a command may miss, and the extra of isogain that brings it."""


class Guarded(TyperGroup):
    """Turns what a user can mend into one message without a trace, and Ctrl-C into status 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except IsogainError as error:
            raise _stop(f"error: {error}", USAGE) from error
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            hint = f"pip install 'isogain[{extra}]'"
            raise _stop(f"error: this command needs the package {error.name}: {hint}", USAGE) from error
        except KeyboardInterrupt as error:
            hint = "interrupted; what was finished is kept, and the same command goes on from there"
            raise _stop(hint, INTERRUPTED) from error
        except BrokenPipeError as error:  # the reader (head, less) has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error


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
plan.register(app)
porting.register(app)
theory.register(app)


def main() -> None:
    """Run the command line; the exit status is 0 fine, 1 findings, 2 usage or input, 130 interrupted."""
    app()
