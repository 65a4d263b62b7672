"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "Html", "Lang"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read, and nothing else.")]


def _speak(context: typer.Context, code: str | None) -> str | None:
    """The language of what is written from here to the end of the command."""
    if code is not None:
        from isogain.report.words import speak

        speak(code)
        context.call_on_close(lambda: speak(""))
    return code


Lang = Annotated[
    str | None,
    typer.Option(
        "--lang", metavar="en|zh", callback=_speak, help="Language of labels on pages and figures.",
    ),
]  # fmt: skip
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page here.")]
