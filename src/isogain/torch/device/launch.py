"""A recipe, a key and a region become numbers in a contiguous tensor of the device: the kernel's launches."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch

from isogain.drawing import polynomials as fits
from isogain.drawing.key import Key
from isogain.drawing.recipe import Recipe
from isogain.drawing.regions import Region
from isogain.torch.device import kernels

__all__ = ["fill"]

BLOCKS: Final = 128
"""Philox blocks of one chunk: four a thread of the warp that makes it, so that it stores 16 bytes at once."""
OPTIONS: Final = {"num_warps": 1, "enable_fp_fusion": False}
"""One warp reads the table by shuffles and asks for deep values without a barrier; products stay unfused."""
PROGRAMS: Final = 1 << 14
"""At most; each goes on to further chunks, and loads the table once."""


def fill(out: torch.Tensor, key: Key, recipe: Recipe, region: Region) -> None:
    """Write the region, row-major, into a contiguous tensor of its size on a device that Triton serves."""
    flat = (out.view(torch.int16) if out.dtype == torch.bfloat16 else out).view(-1)
    place, run = 0, region.run
    with _on(out.device):
        for first, step, count in region.even_runs():
            _launch(flat[place : place + count * run], key, recipe, (first, step, count, run))
            place += count * run


def _on(device: torch.device) -> Any:
    """Triton launches on the current device."""
    return nullcontext() if device.type == "cpu" else getattr(torch, device.type).device(device)


def _launch(out: torch.Tensor, key: Key, recipe: Recipe, runs: tuple[int, int, int, int]) -> None:
    first, step, count, length = runs
    chunks = _chunks(first, count, length, BLOCKS * 16 // recipe.dtype.working.itemsize)
    words = [word - (word >> 31 << 32) for word in (key.word0, key.word1, key.stream)]
    aligned = (first | step | length) % 16 == 0
    kernels.draw[(min(count * chunks, PROGRAMS),)](
        out, _table(out.device), count * chunks, chunks, first, step, length, *words, *_numbers(recipe),
        KIND=int(recipe.kind), BLOCKS=BLOCKS, ALIGNED=aligned, SINGLE=count == 1, **OPTIONS,
    )  # fmt: skip


def _chunks(first: int, count: int, length: int, size: int) -> int:
    """How many chunks a run touches, at most where there are several."""
    if count == 1:
        return (first + length - 1) // size - first // size + 1
    return (length + size - 2) // size + 1


def _numbers(recipe: Recipe) -> list[Any]:
    """The recipe's numbers; of float64 their bits, since Triton passes numbers in float32."""
    if recipe.dtype.working == np.float64:
        return np.array(recipe.numbers).view(np.int64).tolist()  # type: ignore[no-any-return]
    return list(recipe.numbers)


@lru_cache(maxsize=64)
def _table(device: torch.device) -> torch.Tensor:
    return torch.tensor(fits.QUANTILE32, dtype=torch.float32, device=device)
