"""`drawn`: a constructor's own laws, drawn by isogain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from isogain.torch.draw.materialize import Places, places_of
from isogain.torch.own.beginning import begin
from isogain.torch.own.deferring import Building

__all__ = ["drawn"]


class _Drawing(Building):
    """Builds without memory, and draws once the whole model is there."""

    def __init__(self, seed: int, device: torch.device | str | None, threads: int | None) -> None:
        super().__init__()
        self.seed, self.device, self.threads = seed, device, threads

    def __exit__(self, kind: Any, *error: Any) -> None:
        super().__exit__(kind, *error)
        roots = self.roots if kind is None else []
        self.modules.clear()
        if roots:
            every = nn.ModuleList(roots)
            begin(every, _named(every), {}, seed=self.seed, device=self.device, threads=self.threads)


def _named(roots: nn.ModuleList) -> list[Places]:
    """Paths as in the largest model; those of others built beside it begin with their number."""
    return [replace(one, path=one.path.removeprefix("0.")) for one in places_of(roots)]


def drawn(*, seed: int, device: torch.device | str | None = None, threads: int | None = None) -> _Drawing:
    """A context in which models are built with the laws their library asks for, and isogain's numbers.

    Nothing is drawn, or even allocated, before the context ends; then every tensor gets memory on `device`
    (the CPU if none is named) once, and its values as `materialize_` gives them: keyed by seed and path, so
    neither the order of construction, nor threads, nor torch's global generator, which is left alone, changes
    a number.  Of several models built inside, the largest has plain paths, the others those with a number
    before.  DrawError at the end of the block where a start is not known.

    >>> with drawn(seed=0):
    ...     model = nn.Linear(784, 10)
    >>> model.weight.device
    device(type='cpu')
    """
    return _Drawing(seed, device, threads)
