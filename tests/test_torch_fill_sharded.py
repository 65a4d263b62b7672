"""Sharded models have the unsharded model's weights: one hash over 1 to 4 processes and every placement."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

from many_processes import run_on  # noqa: E402
from torch_fill_processes import expected, run  # noqa: E402


def test_every_sharding_gathers_to_one_hash() -> None:
    found = run_on(run, 4)
    whole = expected()
    strided = {name: found.pop(name) for name in list(found) if name.startswith("strided")}
    assert set(strided.values()) == {"equal"}
    assert "_StridedShard" in next(iter(strided)) or "S" in next(iter(strided))
    assert len(found) == 4 * (4 * 3 + 4) + 2
    wrong = [name for name, value in found.items() if value != whole[name.split()[0]]]
    assert not wrong
