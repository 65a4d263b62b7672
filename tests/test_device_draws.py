"""The kernel for devices gives the host's bits: every law, dtype and kind of region, in Triton's interpreter."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton")
import triton.language as tl  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from device_samples import both, same, served_on_the_cpu  # noqa: E402
from drawing_samples import DTYPES, LAWS  # noqa: E402
from isogain.core.values.distributions import ComplexLaw, NormalLaw, TruncatedNormalLaw, UniformLaw  # noqa: E402
from isogain.drawing.dtypes import Dtype  # noqa: E402
from isogain.drawing.key import Key  # noqa: E402
from isogain.drawing.recipe import Kind, recipe_for  # noqa: E402
from isogain.drawing.regions import Region  # noqa: E402
from isogain.torch.device import choice, kernels, launch  # noqa: E402

SAMPLES = LAWS | {
    "a slice on the right": TruncatedNormalLaw(0.0, 1.0, 1.0, 2.0),
    "a slice on the left": TruncatedNormalLaw(0.0, 1.0, -2.5, -2.0),
}
"""Two more, of uniform proposals that are often refused."""
KEY = Key.of(2026, "device")
NEGATIVE = Key(0x80000000, 0xFFFFFFFF, 0xDEADBEEF)
"""All three words have bit 31 set: as numbers Triton would take them for negative ones."""
CARRY = 2**34
"""Where the upper word of a float32 draw's block numbers becomes 4; for own blocks 2^32 already."""


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tile a chunk: the same code, quicker to interpret."""
    monkeypatch.setattr(launch, "BLOCKS", 16)


def box(*bounds: tuple[int, int], whole: tuple[int, ...]) -> Region:
    return Region.of(whole, [slice(low, high) for low, high in bounds])


@pytest.mark.parametrize("name", ["truncated_asymmetric", "truncated_far_slice", "a slice on the right"])
def test_many_refusals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many that a test of acceptance wrong by one in a thousand shows."""
    monkeypatch.setattr(launch, "BLOCKS", 8192)
    assert same(SAMPLES[name], "float32", KEY, Region.of((32768,)))


@triton.jit
def round_all(out, numbers, COUNT: tl.constexpr):
    place = tl.arange(0, COUNT)
    tl.store(out + place, kernels.stored(tl.load(numbers + place), out.dtype.element_ty))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_ties_are_rounded_to_even(dtype: Any) -> None:
    """Halfway between neighbours and next to it, on both sides, of either sign; torch's own rounding beside it."""
    near = torch.linspace(-6, 6, 512).to(dtype)
    ahead = torch.nextafter(near, torch.full_like(near, 9.0)).float()
    middle = (near.float() + ahead) / 2
    numbers = torch.stack(
        [middle, torch.nextafter(middle, ahead), torch.nextafter(middle, near.float()), ahead]
    ).view(-1)
    out = torch.empty(numbers.shape, dtype=dtype)
    round_all[(1,)](out.view(torch.int16) if dtype == torch.bfloat16 else out, numbers, COUNT=2048)
    assert torch.equal(out, numbers.to(dtype))


REGIONS = {
    "whole": Region.of((5, 13)),
    "scalar": Region.of(()),
    "one element": box((7, 8), whole=(1000,)),
    "rows": box((3, 5), (0, 32), whole=(20, 32)),
    "columns": box((0, 2), (16, 40), whole=(4, 128)),
    "three axes, two cut": box((1, 3), (2, 4), (1, 6), whole=(4, 5, 7)),
    "axes of one": box((0, 1), (1, 3), (0, 1), (2, 5), whole=(1, 6, 1, 9)),
    "a carry": box((CARRY - 20, CARRY + 20), whole=(2**40,)),
    "the last": box((2**61 - 20, 2**61), whole=(2**61,)),
    "far runs across chunks": box((2**27, 2**27 + 2), (101, 146), whole=(2**28, 150)),
}


def dtypes_of(law: str, region: str) -> tuple[str, ...]:
    """In turn, so that any two of law, dtype and region meet; all of them where ISOGAIN_WHOLE_CUBE asks for it."""
    turn = list(SAMPLES).index(law) + list(REGIONS).index(region)
    return DTYPES if os.environ.get("ISOGAIN_WHOLE_CUBE") else (DTYPES[turn % len(DTYPES)],)


CELLS = [(law, dtype, region) for law in SAMPLES for region in REGIONS for dtype in dtypes_of(law, region)]


def test_any_two_of_law_dtype_and_region_meet() -> None:
    for one, other in ((0, 1), (0, 2), (1, 2)):
        every = {(cell[one], cell[other]) for cell in CELLS}
        assert len(every) == len({pair[0] for pair in every}) * len({pair[1] for pair in every})
    assert {cell[1] for cell in CELLS} == {*DTYPES}


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("law", SAMPLES)
def test_every_law_dtype_and_kind_of_region(law: str) -> None:
    """By either key, so that words of either sign meet all of them."""
    keys = KEY, NEGATIVE
    cells = [one for one in CELLS if one[0] == law]
    wrong = [
        one for place, one in enumerate(cells)
        if not same(SAMPLES[law], one[1], keys[place % 2], REGIONS[one[2]])
    ]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_chunks_of_a_device(dtype: str) -> None:
    """The sizes that are launched on a GPU, aligned and not."""
    for region in (Region.of((640,)), box((CARRY - 301, CARRY + 302), whole=(2**40,))):
        assert same(LAWS["truncated_2"], dtype, KEY, region)


@pytest.mark.usefixtures("small_chunks")
def test_several_programs_share_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "PROGRAMS", 3)
    assert same(LAWS["normal"], "float32", KEY, Region.of((11, 64)))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "law", [LAWS["normal"], TruncatedNormalLaw(0.0, 1.0, -9.0, 9.0)], ids=["normal", "symmetric"]
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_deep_in_the_tail(law: Any, dtype: str) -> None:
    """The trial's two values past 4.17 sigma, each refined by a block of its own."""
    for place in (10, 1107):
        first = choice._TRIAL.start[0] + place
        found, expected = both(law, dtype, choice._TRIAL_KEY, box((first - 5, first + 5), whole=(2**40,)))
        assert abs(float(expected[5])) > 4.17
        assert found.tobytes() == expected.tobytes()


@pytest.mark.usefixtures("small_chunks")
def test_many_deep_values_in_one_chunk() -> None:
    """A law whose every value is deep: the bound's own tail probability is 2^-20."""
    kind, own = Kind.TRUNCATED_SYMMETRIC, recipe_for(TruncatedNormalLaw(0, 1, -4.9, 4.9), Dtype.of("float32"))
    assert own.kind is kind
    squeezed = own.__class__(kind, own.dtype, shape0=2.0**-20, shape1=2.0**12)
    out, expected = torch.empty(9), np.empty(9, np.float32)
    region = Region.of((9,))
    launch.fill(out, KEY, squeezed, region)
    choice.engine.fill(expected, KEY, squeezed, region)
    assert np.abs(expected).min() > 4.17
    assert out.numpy().tobytes() == expected.tobytes()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(("seed", "place"), [(0, 981862), (1, 268316), (5, 659994)])
def test_deep_in_the_tail_after_a_refusal(seed: int, place: int) -> None:
    """Elements whose normal is refused and whose kept proposal lies past 4.17 sigma."""
    law, key = TruncatedNormalLaw(0.0, 1.0, -0.5, 9.0), Key.of(seed, "retry")
    found, expected = both(law, "float32", key, box((place, place + 1), whole=(2**20,)))
    refused, _ = both(NormalLaw(0.0, 1.0), "float32", key, box((place, place + 1), whole=(2**20,)))
    assert float(refused[0]) < -0.5
    assert float(expected[0]) > 4.17
    assert found.tobytes() == expected.tobytes()


@pytest.mark.usefixtures("small_chunks")
def test_bounds_of_sixteen_bit_types_hold() -> None:
    """Clamped before the one rounding: 3.3 and 3.4 lie between bfloat16's numbers."""
    for law in (UniformLaw(3.3, 3.4), TruncatedNormalLaw(3.0, 1.0, 3.3, 3.4)):
        for dtype in ("bfloat16", "float16"):
            assert same(law, dtype, KEY, Region.of((64,)))


def test_subnormal_float16_is_rounded_as_on_the_host() -> None:
    assert same(NormalLaw(0.0, 3e-7), "float16", KEY, Region.of((300,)))


def test_kinds_of_the_kernel_are_those_of_the_recipes() -> None:
    for kind in Kind:
        assert kind is Kind.WORDS or getattr(kernels, kind.name).value == kind


VIEWS: dict[str, Any] = {
    "contiguous": lambda dtype: torch.empty(9, 20, dtype=dtype),
    "offset": lambda dtype: torch.empty(181, dtype=dtype)[1:].view(9, 20),
    "transposed": lambda dtype: torch.empty(20, 9, dtype=dtype).t(),
    "steps": lambda dtype: torch.empty(30, 50, dtype=dtype)[:27:3, 5:45:2],
    "parameter": lambda dtype: torch.nn.Parameter(torch.empty(9, 20, dtype=dtype)),
}


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64], ids=str)
def test_fill_takes_the_kernel_for_any_strides(dtype: Any) -> None:
    calls = []
    with served_on_the_cpu(_PIECE=100, _fill=lambda *args: (calls.append(args), fill(*args))):
        for name, make in VIEWS.items():
            tensor, plain = make(dtype), torch.empty(9, 20, dtype=dtype)
            calls.clear()
            assert igt.fill_(tensor, "he_normal", seed=1, path="w") is tensor
            assert calls, name
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(choice, "_SERVED", set())
                igt.fill_(plain, "he_normal", seed=1, path="w")
            assert torch.equal(tensor, plain), name


fill = choice._fill


@pytest.mark.usefixtures("small_chunks")
def test_autograd_sees_the_kernels_write() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 4))
    y = (weight * weight).sum()
    with served_on_the_cpu():
        igt.fill_(weight, "he_normal", seed=0)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.backward()


def test_a_kernel_is_tried_before_it_is_trusted() -> None:
    tensor = torch.empty(9, 20)
    with served_on_the_cpu(tried=True):
        igt.fill_(tensor, "he_normal", seed=1, path="w")
        assert list(choice._verdicts().values()) == [True]
    assert np.array_equal(tensor.numpy(), ig.draw("he_normal", (9, 20), layout="out in", seed=1, path="w"))


def test_a_kernel_that_gives_other_bits_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_fill", lambda out, *rest: out.fill_(1.0))
    tensor = torch.empty(9, 20)
    with served_on_the_cpu(tried=True), pytest.warns(RuntimeWarning, match="other bits than the host"):
        igt.fill_(tensor, "he_normal", seed=1, path="w")
    assert np.array_equal(tensor.numpy(), ig.draw("he_normal", (9, 20), layout="out in", seed=1, path="w"))


def test_a_device_where_nothing_compiles_is_filled_through_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(choice, "_fill", fail)
    tensor = torch.empty(9, 20)
    with served_on_the_cpu(tried=True):
        with pytest.warns(RuntimeWarning, match="no C compiler"):
            igt.fill_(tensor, "he_normal", seed=1, path="w")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is said once
            igt.fill_(tensor, "he_normal", seed=1, path="w")
    assert np.array_equal(tensor.numpy(), ig.draw("he_normal", (9, 20), layout="out in", seed=1, path="w"))


def test_laws_of_the_host_stay_there() -> None:
    like = torch.empty(20, 20)
    with served_on_the_cpu():
        for init in (ig.get("torch.eye"), ig.get("torch.sparse", sparsity=0.5)):
            law = init.law((20, 20), layout="out in *")
            assert choice.drawer(like, law, "float32", KEY) is None
    assert choice.drawer(like, NormalLaw(0, 1), "float32", KEY) is None  # the CPU has the C kernel
    assert choice.drawer(like, ComplexLaw(NormalLaw(0, 1)), "complex64", KEY) is None
