"""Jobs that need no framework, so that worker processes start quickly."""

from __future__ import annotations

import os
from typing import Any


def suicidal(shared: Any, item: int) -> int:
    """One job that ends its process whenever it is run."""
    if item == 1:
        os._exit(1)
    return item


def identity_of_shared(shared: Any, item: int) -> tuple[int, int]:
    """In which process, and which object there."""
    return os.getpid(), id(shared)


def killing(log: str, item: int) -> int:
    """Job 1 ends its process the first time, once another job has begun beside it."""
    from pathlib import Path

    file = Path(log)
    with file.open("a") as lines:
        lines.write(f"{item}\n")
    if item == 0:  # works until its neighbour is dead
        _until(lambda: file.read_text().split().count("1") == 2)
    if item == 1 and file.read_text().split().count("1") == 1:
        _until(lambda: "0" in file.read_text().split())
        os._exit(1)
    return item


def _until(said: Any) -> None:
    import time

    while not said():
        time.sleep(0.01)
