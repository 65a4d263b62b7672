"""Jobs as tasks of Ray, which starts a lost one over by itself.

Not by Ray's backend for joblib: that gives nothing back before all is done, so an interrupt or a lost machine
would cost every job of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["caller", "joined", "on_ray"]

RETRIES = 3
Call = Callable[[int, Any], Any]
"""Begins the job of this index; gives what to wait for."""


def joined(address: str | None) -> int:
    """Join the cluster at this address, or begin one here unless there is one; its number of processors."""
    import ray

    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, include_dashboard=None if address else False)
    return int(dict(ray.cluster_resources()).get("CPU", 1))  # type: ignore[no-untyped-call]


def caller(perform: Callable[..., Any], digest: str, payload: Any, gpus: bool) -> Call:
    """What begins a job: a task of one processor, and one GPU where `gpus`."""
    import ray

    there = ray.put(payload)
    task = ray.remote(perform).options(num_cpus=1, num_gpus=int(gpus), max_retries=RETRIES)
    return lambda index, item: task.remote(digest, there, index, item)


def on_ray(
    call: Call, ahead: int, todo: Sequence[tuple[int, Any]], go_on: Callable[[], bool]
) -> Iterator[tuple[int, Any]]:
    """Results as they are ready, never more than `ahead` jobs begun and not done."""
    import ray

    running: list[Any] = []
    items = iter(todo)
    while True:
        while len(running) < ahead and go_on() and (one := next(items, None)) is not None:
            running.append(call(*one))
        if not running:
            return
        ready, running = ray.wait(running, num_returns=1)
        yield from ray.get(ready)
