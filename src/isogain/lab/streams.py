"""Every random choice of the lab as a pure function of names and seeds: no global state, on any machine.

The numbers are raw Philox output, whose meaning NumPy fixes for good, keyed by a BLAKE2 hash of what
they are for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isogain.lab.spec import Batches

__all__ = ["batch_indices", "permutation", "raw", "torch_seed"]

_KEY = "isogain lab 1"


def raw(count: int, *names: object) -> NDArray[np.uint64]:
    """`count` uniformly random 64-bit integers, the same ones for the same names."""
    text = "/".join(map(str, (_KEY, *names)))
    words = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), dtype="<u8")
    return np.random.Philox(key=words.astype(np.uint64)).random_raw(count)


def permutation(count: int, *names: object) -> NDArray[np.int64]:
    """The numbers 0 ... count - 1 in a random order."""
    return np.argsort(raw(count, "permutation", *names), kind="stable").astype(np.int64)


def torch_seed(*names: object) -> int:
    """A seed for a torch.Generator of its own."""
    return int(raw(1, "torch", *names)[0] >> np.uint64(1))


def batch_indices(
    batches: Batches, examples: int, iterations: int, seed: int
) -> Iterator[NDArray[np.int64] | None]:
    """For each update the indices of its examples; None stands for all of them."""
    if batches.size is None:
        yield from (None for _ in range(iterations))
    elif batches.replacement:
        yield from _drawn(batches.size, examples, iterations, seed)
    else:
        yield from _dealt(min(batches.size, examples), examples, iterations, seed)


def _drawn(size: int, examples: int, iterations: int, seed: int) -> Iterator[NDArray[np.int64]]:
    numbers = raw(size * iterations, "batches", seed) >> np.uint64(32)
    chosen = (numbers * np.uint64(examples)) >> np.uint64(32)
    yield from chosen.astype(np.int64).reshape(iterations, size)


def _dealt(size: int, examples: int, iterations: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """A fresh shuffle an epoch; a remainder smaller than a batch is left out."""
    in_epoch = examples // size
    for epoch in range(-(-iterations // in_epoch)):
        order = permutation(examples, "batches", seed, epoch)
        for step in range(min(in_epoch, iterations - epoch * in_epoch)):
            yield order[step * size : (step + 1) * size]
