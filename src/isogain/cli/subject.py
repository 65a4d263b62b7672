"""What a command is about: a model, a batch and a loss, made of the words it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, get_args

from isogain.cli.batch import given
from isogain.cli.target import load, made, settings_of

__all__ = ["Subject", "subject"]


class Subject(NamedTuple):
    """A model, what it is called with, and the loss."""

    model: Any
    inputs: Any
    loss: Any


def subject(
    target: str, inputs: list[str] | None, batch: Path | None, kwargs: list[str] | None, loss: str | None,
    seed: int, mode: str, *, meta: bool = False,
) -> Subject:  # fmt: skip
    """The Subject of a command.  Raises InspectError for words that name none."""
    model = made(target, settings_of(kwargs), seed, mode, meta=meta)
    return Subject(model, given(model, inputs or [], batch, seed), _loss(loss))


def _loss(text: str | None) -> Any:
    """A loss by its name, or the function that 'pkg.module:name' names."""
    from isogain.torch.call.losses import LossName, wants_targets

    if text is None or text in get_args(LossName):
        return text
    if ":" not in text:
        wants_targets(text)  # says which names there are
    return load(text)
