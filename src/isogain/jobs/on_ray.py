"""Jobs as tasks of Ray, which starts a lost one over by itself.

Not by Ray's backend for joblib: that gives nothing back before all is done, so an interrupt or a lost machine
would cost every job of the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isogain.jobs.working import Parcel, work

__all__ = ["OnRay"]

RETRIES = 3


class OnRay:
    """The cluster at this address, the one in use, or a new one here."""

    def __init__(self, parcel: Parcel, address: str | None, workers: int, gpus: bool) -> None:
        import ray
        from ray.exceptions import WorkerCrashedError

        if not ray.is_initialized():
            ray.init(address=address, log_to_driver=False, include_dashboard=None if address else False)
        self.lost: tuple[type[BaseException], ...] = (WorkerCrashedError,)
        self.width = int(dict(ray.cluster_resources()).get("CPU", 1))  # type: ignore[no-untyped-call]
        few = 0 < workers < self.width  # else Ray itself lets no more run than there are processors
        self.ahead = workers if few else 2 * self.width
        self.parcel = ray.put(parcel)
        self.task = ray.remote(work).options(num_cpus=1, num_gpus=int(gpus), max_retries=RETRIES)

    def begin(self, index: int, item: Any) -> Any:
        """A task of one processor, and one GPU where asked for."""
        return self.task.remote(self.parcel, index, item)

    def ready(self, handles: Sequence[Any]) -> Sequence[Any]:
        """One."""
        import ray

        return list(ray.wait(list(handles), num_returns=1)[0])

    def result(self, handle: Any) -> tuple[int, Any]:
        """Fetched here."""
        import ray

        found: tuple[int, Any] = ray.get(handle)
        return found

    def abandon(self, handles: Sequence[Any]) -> None:
        """Those that run are told to end."""
        import ray

        for handle in handles:
            ray.cancel(handle)
