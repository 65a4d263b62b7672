"""Jobs as tasks of Dask, which begins those of a lost worker again by itself.

Not by joblib's backend: that leaves finished results on the workers, so that a lost worker's are computed
anew.  Here each is fetched when it is ready, and forgotten there.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from isogain.jobs.working import Parcel, work

__all__ = ["OnDask"]


class OnDask:
    """The workers of one client's cluster."""

    def __init__(self, parcel: Parcel, client: Any, workers: int) -> None:
        from distributed import KilledWorker

        self.lost: tuple[type[BaseException], ...] = (KilledWorker,)
        self.client = client
        self.width = sum(client.ncores().values())
        few = 0 < workers < self.width  # else Dask itself lets no more run than there are processors
        self.ahead = workers if few else 2 * self.width
        self.parcel = _kept(client, parcel)

    def begin(self, index: int, item: Any) -> Any:
        """Anywhere."""
        return self.client.submit(work, self.parcel, index, item, pure=False)

    def ready(self, handles: Sequence[Any]) -> Sequence[Any]:
        """One or more."""
        from distributed import wait

        with self.client.as_current():
            return list(wait(list(handles), return_when="FIRST_COMPLETED").done)  # type: ignore[no-untyped-call]

    def result(self, handle: Any) -> tuple[int, Any]:
        """Fetched here, and forgotten there."""
        try:
            found: tuple[int, Any] = handle.result()
        finally:
            handle.release()
        return found

    def abandon(self, handles: Sequence[Any]) -> None:
        """Those that run end when they are done, for nobody."""
        self.client.cancel(list(handles))
        self.parcel.release()


def _kept(client: Any, parcel: Parcel) -> Any:
    """The parcel as the result of a task: one that is lost with its worker is made again, scattered data are
    not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(Parcel, *parcel, pure=False)
