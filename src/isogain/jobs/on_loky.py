"""Jobs in processes of this machine (joblib's loky), each the only one of its executor.

An executor whose process dies ends its other processes as well: so each has one, and a death costs the job
that it was running alone.  Processes stay warm for the next crew.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from isogain.jobs.working import Absent, Parcel, work

__all__ = ["OnLoky"]

IDLE_S = 300
"""A process that nobody needed for so long ends."""
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR")
_WARM: list[Hand] = []


class Hand:
    """One process."""

    def __init__(self) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        alone = {f"{library}_NUM_THREADS": "1" for library in ONE_THREAD}
        self.executor = ProcessPoolExecutor(1, timeout=IDLE_S, env=alone)
        self.holds = ""
        """The digest of what it was sent."""

    def begin(self, parcel: Parcel, index: int, item: Any) -> Future[Any]:
        """Sends a job, and what all jobs share unless it is there."""
        sent = parcel.slip if self.holds == parcel.digest else parcel
        self.holds = parcel.digest
        future: Future[Any] = self.executor.submit(work, sent, index, item)
        return future

    def end(self) -> None:
        """Ends the process at once."""
        self.executor.shutdown(wait=True, kill_workers=True)


class OnLoky:
    """So many processes."""

    def __init__(self, parcel: Parcel, count: int) -> None:
        self.lost: tuple[type[BaseException], ...] = (BrokenProcessPool,)
        self.parcel = parcel
        self.ahead = self.width = count
        self.free = [_WARM.pop() if _WARM else Hand() for _ in range(count)]
        self.busy: dict[Future[Any], tuple[Hand, int, Any]] = {}

    def begin(self, index: int, item: Any) -> Future[Any]:
        """In a free process."""
        hand = self.free.pop()
        future = hand.begin(self.parcel, index, item)
        self.busy[future] = (hand, index, item)
        return future

    def ready(self, handles: Sequence[Future[Any]]) -> Sequence[Future[Any]]:
        """One or more."""
        return list(wait(handles, return_when=FIRST_COMPLETED).done)

    def result(self, handle: Future[Any]) -> tuple[int, Any]:
        """Its process is free again, or another one where it died."""
        hand, index, item = self.busy.pop(handle)
        try:
            found: tuple[int, Any] = handle.result()
        except Absent:  # idle for too long, it ended and began anew
            hand.holds = ""
            found = hand.begin(self.parcel, index, item).result()
        except BrokenProcessPool:
            hand.end()
            hand = Hand()
            raise
        finally:
            self.free.append(hand)
        return found

    def abandon(self, handles: Sequence[Future[Any]]) -> None:
        """Ends the processes that work on these, and keeps the others warm."""
        for handle in handles:
            self.busy.pop(handle)[0].end()
        _WARM.extend(self.free)
        self.free = []
