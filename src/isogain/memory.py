"""How much memory there is, asked before a large array is made: an overcommitted one ends the process."""

from __future__ import annotations

import math
import os
from pathlib import Path

from isogain.errors import IsogainError

__all__ = ["require_room", "room"]

SMALL = 1 << 28
"""Below it nobody asks: the question takes as long as a small draw."""
GROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use."""


def require_room(size: int, what: str, error: type[IsogainError]) -> None:
    """Raise the error where `size` bytes, that `what` takes, are more than there are."""
    if size < SMALL or size <= (free := room()):
        return
    raise error(
        f"no memory for {what}: it takes {_gibibytes(size)} GiB and {_gibibytes(free)} GiB are free; draw it "
        "part by part (region=), or in a smaller shape or dtype"
    )


def _gibibytes(size: float) -> str:
    return f"{size / 2**30:.3g}" if size < 1e300 else "over 1e290"


def room() -> float:
    """Bytes this process may still take, infinite where the system does not say."""
    return min(_machine(), _container())


def _machine() -> float:
    try:
        facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return 1024.0 * sum(int(facts[name].split()[0]) for name in ("MemAvailable", "SwapFree"))
    except (OSError, ValueError, KeyError):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def _container() -> float:
    """The limit of the control group, less what is used and cannot be given back."""
    try:
        limit = int((GROUP / "memory.max").read_text())
        used = int((GROUP / "memory.current").read_text())
        facts = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        return float(limit - used + int(facts.get("inactive_file", 0)))
    except (OSError, ValueError):  # none, or "max"
        return math.inf
