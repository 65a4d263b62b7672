"""One job on each visible GPU: a process takes one that no other process has, and keeps it while it lives."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

__all__ = ["devices_of", "leased"]

_HELD: list[Any] = []
"""Open lock files: a lock lasts as long as its process."""


def devices_of(device: str | None) -> int | None:
    """How many jobs the visible devices of this kind take at a time; None for processors."""
    if device is None or torch.device(device).type != "cuda":
        return None
    return 1 if torch.device(device).index is not None else max(torch.cuda.device_count(), 1)


@cache
def leased(device: str | None) -> torch.device | None:
    """The device of this process: of several GPUs the first that is free."""
    if device is None:
        return None
    wanted = torch.device(device)
    if wanted.type != "cuda" or wanted.index is not None:
        return wanted
    return torch.device("cuda", free_place(torch.cuda.device_count(), Path(tempfile.gettempdir())))


def free_place(count: int, folder: Path) -> int:
    """The first of so many places whose lock nobody holds; the first where all are held."""
    import fcntl

    for place in range(count):
        file = (folder / f"isogain-gpu-{place}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _HELD.append(file)
        return place
    return 0
