"""How the command writes tables: as wide as the terminal, 100 columns elsewhere, no trailing blanks."""

from __future__ import annotations

import typer
from rich.console import Console, RenderableType

__all__ = ["show"]


def show(*parts: RenderableType, style: str | None = None) -> None:
    """Print texts and tables one under the other."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part, style=style, highlight=False, markup=False)
    typer.echo("\n".join(line.rstrip() for line in capture.get().split("\n")), nl=False)
