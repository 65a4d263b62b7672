"""The C kernel repeats the reference bit for bit, in every instruction set this machine has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isogain
from drawing_samples import DTYPES, LAWS, instruction_set, stretch
from isogain.core.values.distributions import NormalLaw, UniformLaw
from isogain.drawing import draw_law, native
from isogain.drawing.polynomials import TABLES
from isogain.errors import DrawError

SETS = native.instruction_sets()[:-1]
needs_kernel = pytest.mark.skipif(not SETS, reason="no C kernel was built")


@needs_kernel
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAWS)
def test_native_repeats_the_reference(name: str, dtype: str) -> None:
    for start, count in ((0, 9000), (2**32 - 77, 5000), (2**40 + 1, 129)):
        with instruction_set("numpy"):
            expected = stretch(LAWS[name], dtype, start, count)
        for kernel in SETS:
            with instruction_set(kernel):
                found = stretch(LAWS[name], dtype, start, count)
            different = np.flatnonzero(
                found.view(f"u{found.itemsize}") != expected.view(f"u{found.itemsize}")
            )
            assert different.size == 0, (kernel, start, different[:5])


@needs_kernel
@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(LAWS)),
    dtype=st.sampled_from(DTYPES),
    start=st.integers(0, 2**61 - 1000),
    count=st.integers(1, 700),
    kernel=st.sampled_from(SETS or ("numpy",)),
)
def test_any_stretch_is_the_reference_s(name: str, dtype: str, start: int, count: int, kernel: str) -> None:
    with instruction_set("numpy"):
        expected = stretch(LAWS[name], dtype, start, count)
    with instruction_set(kernel):
        assert stretch(LAWS[name], dtype, start, count).tobytes() == expected.tobytes()


@needs_kernel
@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-42, 3e-45])
def test_small_numbers_of_every_dtype_agree(scale: float) -> None:
    """Subnormal float16, bfloat16 and float32 results are rounded alike."""
    for dtype in DTYPES:
        with instruction_set("numpy"):
            expected = stretch(NormalLaw(0.0, scale), dtype, 0, 4000)
        for kernel in SETS:
            with instruction_set(kernel):
                assert stretch(NormalLaw(0.0, scale), dtype, 0, 4000).tobytes() == expected.tobytes(), kernel


@needs_kernel
def test_flush_to_zero_of_the_calling_thread_changes_nothing() -> None:
    torch = pytest.importorskip("torch")
    expected = stretch(NormalLaw(0.0, 1e-42), "float32", 0, 1000)
    if not torch.set_flush_denormal(True):
        pytest.skip("this machine cannot flush")
    try:
        assert stretch(NormalLaw(0.0, 1e-42), "float32", 0, 1000).tobytes() == expected.tobytes()
    finally:
        torch.set_flush_denormal(False)


def test_rounding_to_16_bits_is_to_nearest_even_once() -> None:
    wide = stretch(NormalLaw(0.0, 1.0), "float32", 0, 20_000)
    assert np.array_equal(stretch(NormalLaw(0.0, 1.0), "float16", 0, 20_000), wide.astype(np.float16))
    torch = pytest.importorskip("torch")
    rounded = torch.from_numpy(wide).to(torch.bfloat16).view(torch.uint16).numpy()
    assert np.array_equal(stretch(NormalLaw(0.0, 1.0), "bfloat16", 0, 20_000), rounded)


def test_the_header_holds_the_same_coefficients() -> None:
    header = Path(isogain.__file__).parent / "drawing" / "_coefficients.h"
    tables = re.findall(r"(\w+)\[(\d+)\][^=]*= \{(.*?)\}", header.read_text(), re.S)
    found = {
        name: tuple(float.fromhex(n.strip(" \nf")) for n in body.split(",") if n.strip())
        for name, _, body in tables
    }
    assert found == TABLES


def test_an_instruction_set_that_is_not_there_is_named() -> None:
    with instruction_set("sse9"), pytest.raises(DrawError, match="ISOGAIN_ISA='sse9'"):
        draw_law(UniformLaw(0, 1), (3,))


def test_without_a_kernel_one_warning_says_so_and_the_numbers_are_the_same() -> None:
    program = (
        "import sys, warnings; sys.modules['isogain.drawing._native'] = None\n"
        "warnings.simplefilter('always')\n"
        "import isogain as ig\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    w = ig.draw('he_normal', (100, 7), seed=1, path='w'); ig.draw('he_normal', (9, 7))\n"
        "assert [str(w.message) for w in seen if 'without its C kernel' in str(w.message)].__len__() == 1, seen\n"
        "print(w.tobytes().hex())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == isogain.draw("he_normal", (100, 7), seed=1, path="w").tobytes().hex()
