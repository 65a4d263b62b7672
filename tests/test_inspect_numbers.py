"""Numbers of signals that C works out where they lie: the same as NumPy makes of copies."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from isogain.torch.measure import numbers  # noqa: E402
from isogain.torch.measure.cuts import KEPT, SAMPLE, thinned, wanted  # noqa: E402
from isogain.torch.measure.measures import backwards, forwards  # noqa: E402
from isogain.torch.measure.notes import copied, felt, noted, numbers_of  # noqa: E402

pytestmark = pytest.mark.skipif(numbers._numbers is None, reason="no C kernel here")
SPECIAL = [0.0, -0.0, 1e-40, 1e-30, 3e38, math.inf, -math.inf, math.nan]


def drawn(seed: int, shape: tuple[int, ...], order: tuple[int, ...], step: int, special: list[float]) -> Any:
    """A tensor of a shape whose axes lie in another order in memory, at steps, with special values in it."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [shape[axis] * step for axis in order]
    values = torch.randn(sizes, generator=generator) * 10.0 ** (seed % 7 - 3) + seed % 3
    for k, value in enumerate(special):
        values.view(-1)[(7 * k * values.numel()) // 31 % values.numel()] = value
    inverse = [order.index(axis) for axis in range(len(order))]
    return values[tuple(slice(None, None, step) for _ in sizes)].permute(inverse)


@st.composite
def tensors(draw: Any) -> Any:
    shape = tuple(draw(st.lists(st.integers(1, 40), min_size=1, max_size=4)))
    if draw(st.booleans()):
        shape = (*shape, 700)  # beyond what is kept whole
    if math.prod(shape) > 100_000:
        shape = shape[-2:]
    order = tuple(draw(st.permutations(range(len(shape)))))
    special = draw(st.lists(st.sampled_from(SPECIAL), max_size=4))
    return drawn(draw(st.integers(0, 999)), shape, order, draw(st.integers(1, 2)), special)


def same(one: Any, other: Any) -> None:
    """Equal numbers, field by field, up to the order of sums in float64."""
    for name, value in vars(one).items():
        expected = vars(other)[name]
        if isinstance(value, float):
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-300, nan_ok=True), name
        elif hasattr(value, "__dataclass_fields__"):
            same(value, expected)
        else:
            assert value == expected, name


@settings(max_examples=120, deadline=None)
@given(tensors(), st.integers(1, 3), st.integers(-4, 3), st.sampled_from([32, 256]))
def test_signals_are_told_as_by_numpy(x: Any, batch: int, axis: int, rows: int) -> None:
    units = axis if -x.dim() <= axis < x.dim() else None
    what = wanted(x, batch, units, rows)
    note = noted(x, what)
    assert note.told is not None
    assert copied(x, what).told is None
    (ours,), (theirs,) = numbers_of([note], forwards), numbers_of([copied(x, what)], forwards)
    same(ours, theirs)


@settings(max_examples=80, deadline=None)
@given(tensors(), st.integers(0, 99), st.booleans())
def test_gradients_meet_the_signals_they_are_those_of(x: Any, seed: int, sparse: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    gradient = torch.randn(x.shape, generator=generator)
    gradient *= (torch.rand(x.shape, generator=generator) < 0.01) if sparse else 1
    kept = noted(x).told.kept
    assert np.array_equal(
        np.frombuffer(kept, np.float32), thinned(x.reshape(-1), KEPT).numpy(), equal_nan=True
    )
    whole = x.contiguous() if x.numel() <= SAMPLE else thinned(x.reshape(-1), KEPT)
    (ours,) = numbers_of([felt(gradient, kept)], backwards)
    (theirs,) = numbers_of([copied(gradient, signal=whole)], backwards)
    if not math.isfinite(float(x.abs().max())):  # of what is not finite nothing is told
        ours, theirs = (
            type(one)(**{**vars(one), "influence": 0.0, "varying": 0.0}) for one in (ours, theirs)
        )
    same(ours, theirs)


def test_by_hand() -> None:
    x = torch.tensor([[3.0, 0.0, -4.0], [0.0, 0.0, 8.0]])
    (found,) = numbers_of([noted(x, wanted(x, 2, -1, 32))], forwards)
    assert (found.minimum, found.maximum, found.zero_fraction) == (-4.0, 8.0, 0.5)
    assert found.mean == pytest.approx(7 / 6)
    assert found.rms == pytest.approx(math.sqrt(89 / 6))
    assert (found.scales.first, found.scales.counts, found.scales.zeros) == (1, (1, 1, 1), 3)
    assert found.distance == pytest.approx((9 + 144) / 89)
    assert found.channels.largest == pytest.approx(math.sqrt(40))
    assert found.channels.smallest == 0.0
    (slopes,) = numbers_of([felt(torch.ones(2, 3), noted(x).told.kept)], backwards)
    assert (slopes.rms, slopes.influence) == (1.0, pytest.approx(math.sqrt(89 / 6)))
    assert slopes.varying == pytest.approx(float(np.std(x.numpy())))


@pytest.mark.parametrize("kind", ["double", "half", "bfloat16", "scalar", "negated", "subclass"])
def test_what_lies_otherwise_is_copied(kind: str) -> None:
    x = torch.randn(4, 5)
    given = {
        "double": x.double(), "half": x.half(), "bfloat16": x.bfloat16(), "scalar": x[0, 0],
        "negated": torch.complex(x, x).conj().imag, "subclass": x.as_subclass(type("Own", (torch.Tensor,), {})),
    }[kind]  # fmt: skip
    assert noted(given).told is None
    (found,) = numbers_of([noted(given)], forwards)
    assert found.mean == pytest.approx(float(given.float().mean()), rel=1e-5)


def test_bad_arguments_are_refused() -> None:
    x = torch.randn(4, 5)
    limits = (1 << 14, 1 << 12, 16, 2048, 512)
    for sizes, axes in [
        ((4, 5), (2, False, -1)),
        ((4, 5), (0, False, 2)),
        ((4,), (0, True, -1)),
        ((), (0, False, -1)),
    ]:
        strides = (5, 1)[: len(sizes)]
        with pytest.raises(ValueError, match="axes do not fit"):
            numbers._numbers.signal(x.data_ptr(), sizes, strides, *axes, 32, limits)
    with pytest.raises(ValueError, match="sizes and strides"):
        numbers._numbers.slopes(x.data_ptr(), (4, 5), (5,), (8, 8), None)


def test_without_the_kernel_the_report_is_the_same() -> None:
    code = (
        "import sys, warnings; warnings.filterwarnings('ignore')\n"
        "if {without}: sys.modules['isogain.torch.measure._numbers'] = None\n"
        "import torch, isogain.torch as igt; torch.manual_seed(0); nn = torch.nn\n"
        "layers = [one for _ in range(12) for one in (nn.Linear(48, 48), nn.Tanh())]\n"
        "model = nn.Sequential(nn.Conv1d(3, 4, 3), nn.Flatten(), *layers, nn.Linear(48, 3))\n"
        "for layer in layers[::2]: nn.init.normal_(layer.weight, std=0.03)\n"
        "report = igt.inspect(model,\n"
        "    torch.randn(16, 3, 14), loss=lambda y: nn.functional.cross_entropy(y, torch.arange(16) % 3))\n"
        "print(report)"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code.format(without=one)], capture_output=True, text=True, check=True
        )
        for one in (False, True)
    ]
    assert told[0].stdout == told[1].stdout
    assert "vanish" in told[0].stdout
