"""Columns of notes brought to the host: those on a device in one transfer for each type, in their order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isogain.torch.measure import notes

KINDS = (torch.float32, torch.bfloat16, torch.float32, torch.float64, torch.bfloat16)


def _columns() -> list[list[torch.Tensor]]:
    made = torch.Generator().manual_seed(0)
    return [
        [torch.randn(*([3] * (k % 3)), 2 + k, generator=made).to(kind) for _ in range(k + 1)]
        for k, kind in enumerate(KINDS)
    ]


@pytest.mark.parametrize("away", [KINDS, (torch.bfloat16,), (torch.float64, torch.float32)], ids=str)
def test_one_transfer_for_each_type_gives_what_each_column_alone_does(
    away: tuple[torch.dtype, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which tensors lie on a device is the caller's to say, so the grouping is tried without one."""
    moved: list[torch.Tensor] = []
    array = notes._array
    monkeypatch.setattr(notes, "_array", lambda tensor: moved.append(tensor) or array(tensor))
    found = notes.to_host(_columns(), lambda tensor: tensor.dtype not in away)
    for column, one in zip(_columns(), found, strict=True):
        expected = np.stack([array(tensor) for tensor in column])
        assert (one.shape, one.dtype) == (expected.shape, expected.dtype)
        assert np.array_equal(one, expected)
    here = sum(kind not in away for kind in KINDS)
    assert len(moved) == here + len({*away})
