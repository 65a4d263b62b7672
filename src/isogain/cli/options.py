"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsJson",
    "Batch",
    "Exclude",
    "Html",
    "Inputs",
    "Kwargs",
    "Lang",
    "LossOf",
    "Mode",
    "Open",
    "Recipe",
    "Seed",
    "Target",
]

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
Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]

Target = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="pkg.module:factory or file.py:factory, a callable that makes the model; hf:GPT2Config, or a "
        "Hugging Face config.json.",
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", help="A batch to draw: f32[32,3,32,32], ids=i64[8,128]<50257; repeat for several inputs."
    ),
]
Batch = Annotated[
    Path | None,
    typer.Option("--batch", metavar="FILE", help="A batch to read: .npz, .safetensors or .pt, labels last."),
]
LossOf = Annotated[
    str | None,
    typer.Option("--loss", help="cross_entropy, mse or bce, of the batch's labels; or pkg.module:function."),
]
Kwargs = Annotated[
    list[str] | None,
    typer.Option("--kwargs", help="Keyword arguments of the factory: width=64,depth=3, or a JSON object."),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", help="Parameters to keep, with * and ?; repeatable.")
]
Recipe = Annotated[str, typer.Option("--recipe", help="The set of rules to ask first.")]
Seed = Annotated[int, typer.Option("--seed", help="For the inputs and the factory's own draws.")]
Mode = Annotated[str, typer.Option("--mode", help="train, eval or keep.")]
