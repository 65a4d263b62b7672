"""An own start is the same bits on any sharding."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

from many_processes import run_on  # noqa: E402
from own_processes import run, whole  # noqa: E402


def test_sharded_own_starts_gather_to_the_bits_of_one_process() -> None:
    found = run_on(run, 2)
    assert found == dict.fromkeys(("fully_shard", "columns"), whole())
