"""What a crew asks of a place where jobs run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Place"]


class Place(Protocol):
    """Processes here, a Dask cluster, a Ray cluster."""

    ahead: int
    """How many jobs are begun and not done, at most."""
    width: int
    """How many run at a time."""
    lost: tuple[type[BaseException], ...]
    """What a job's result raises when the process that ran it died."""

    def begin(self, index: int, item: Any) -> Any:
        """Begins a job; gives a hashable handle of it."""

    def ready(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Waits until some of these are done; those."""

    def result(self, handle: Any) -> tuple[int, Any]:
        """What a job that is done came to."""

    def abandon(self, handles: Sequence[Any]) -> None:
        """Ends jobs that nobody waits for any more."""
