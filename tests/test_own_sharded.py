"""An own start is the same bits on any sharding."""

from __future__ import annotations

import socket

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

import torch.multiprocessing as processes  # noqa: E402

from own_processes import run, whole  # noqa: E402


def test_sharded_own_starts_gather_to_the_bits_of_one_process() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with processes.Manager() as manager:
        results = manager.dict()
        processes.spawn(run, (port, results), nprocs=2)
        found = dict(results)
    assert found == dict.fromkeys(("fully_shard", "columns"), whole())
