"""Matrices made on the device: the host's to rounding where they are large, bit for bit where they are small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton")
import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from device_samples import served_on_the_cpu  # noqa: E402
from isogain.drawing.key import Key  # noqa: E402
from isogain.torch.device import choice, launch, matrices  # noqa: E402


@pytest.fixture(autouse=True)
def large_from_four_kilobytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that matrices which go to the device are quick to interpret."""
    monkeypatch.setattr(matrices, "CACHED", 1 << 12)
    monkeypatch.setattr(launch, "BLOCKS", 1024)


def on_device(tensor: Any, init: Any, layout: str = "out in *") -> Any:
    with served_on_the_cpu(CACHED=1 << 12):
        return igt.fill_(tensor, init, seed=3, path="q", layout=layout)


def on_host(shape: tuple[int, ...], init: Any, dtype: str = "float32", layout: str = "out in *") -> Any:
    return ig.draw(init, shape, layout=layout, seed=3, path="q", dtype=dtype)


CASES = {
    "square": (ig.Orthogonal(), (40, 40)),
    "tall": (ig.Orthogonal(gain=1.5), (60, 35)),
    "wide": (ig.Orthogonal(), (35, 60)),
    "kernel": (ig.Orthogonal(), (12, 10, 3, 3)),
    "delta": (ig.DeltaOrthogonal(), (40, 40, 3, 3)),
    "mirrored": (ig.MirroredOrthogonal(), (81, 80)),
    "scaled": (ig.ScaledOrthogonal(), (60, 35)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_large_matrices_are_the_hosts_to_rounding(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    init, shape = CASES[name]
    made, own = [], matrices._Functions.haar_orthogonal
    counted = staticmethod(lambda *args: made.append(args) or own(*args))
    monkeypatch.setattr(matrices._Functions, "haar_orthogonal", counted)
    found = on_device(torch.empty(shape, dtype=getattr(torch, dtype)), init).numpy()
    assert made
    assert np.abs(found - on_host(shape, init, dtype)).max() < (2e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_float32_is_orthogonal_whatever_the_precision_of_products(precision: str) -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        with torch.autocast("cpu", torch.bfloat16):
            q = on_device(torch.empty(150, 150), ig.Orthogonal()).double()
    finally:
        torch.set_float32_matmul_precision(before)
    assert float((q.T @ q - torch.eye(150)).abs().max()) < 1e-6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_sixteen_bits_are_rounded_once(dtype: Any) -> None:
    wide = on_device(torch.empty(40, 40), ig.Orthogonal())
    assert torch.equal(on_device(torch.empty(40, 40, dtype=dtype), ig.Orthogonal()), wide.to(dtype))


def test_a_stack_of_small_matrices_has_the_hosts_bits() -> None:
    """The whole is large, but each of its matrices is one that the host's kernel makes."""
    found = on_device(torch.empty(6, 20, 20), ig.Orthogonal(), "stack out in")
    assert found.numpy().tobytes() == on_host((6, 20, 20), ig.Orthogonal(), layout="stack out in").tobytes()


def test_a_construction_of_numpys_is_left_to_the_host() -> None:
    law = ig.ConvolutionOrthogonal().law((24, 24, 3), layout="out in *")
    with served_on_the_cpu(CACHED=1 << 12):
        assert choice.drawer(torch.empty(24, 24, 3), law, "float32", Key.of(0, "w")) is None


def test_strides_are_kept() -> None:
    tensor = torch.empty(35, 60).t()
    on_device(tensor, ig.Orthogonal())
    assert tensor.stride() == (1, 60)
    assert np.abs(tensor.numpy() - on_host((60, 35), ig.Orthogonal())).max() < 2e-6
