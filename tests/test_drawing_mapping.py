"""The mapping from (seed, path, place) to bits is frozen: known answers, golden vectors, accuracy."""

from __future__ import annotations

import hashlib
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import isogain as ig
from drawing_samples import DTYPES, LAWS, instruction_set, stretch
from isogain.core.values.distributions import ComplexDiscLaw, NormalLaw, SparseLaw, UniformLaw
from isogain.drawing import SCHEME_VERSION, Key, draw_law, reference, variates
from isogain.drawing.native import instruction_sets
from isogain.errors import DrawError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "drawing.json").read_text())

# Random123 1.14, kat_vectors: counter, key -> output of philox4x32-10
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def _words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN_ANSWERS)
def test_philox_gives_the_published_known_answers(counter: str, key: str, output: str) -> None:
    state = tuple(np.array([word], np.uint32) for word in _words(counter))
    k0, k1 = _words(key)
    assert [int(word[0]) for word in reference.philox(state, (k0, k1))] == _words(output)


def test_key_is_blake2b_of_version_seed_length_and_path() -> None:
    text = "encoder.0.weight"
    message = b"\2\0\0\0" + (-5).to_bytes(16, "little", signed=True) + len(text).to_bytes(8, "little")
    digest = hashlib.blake2b(message + text.encode(), digest_size=12, person=b"isogain").digest()
    key = Key.of(-5, text)
    assert SCHEME_VERSION == 2
    assert np.array([key.word0, key.word1, key.stream], "<u4").tobytes() == digest


def test_keys_of_nearby_seeds_and_paths_differ() -> None:
    seeds = [0, 1, -1, 2**32, 2**64, 2**127 - 1, -(2**127)]
    paths = ["", "a", "b", "ab", "a.b", "w" * 300, "ä", "a\0"]
    assert len({Key.of(seed, path) for seed in seeds for path in paths}) == len(seeds) * len(paths)
    assert Key.of(np.int64(7), "a") == Key.of(7, "a")


@pytest.mark.parametrize("seed", [1.0, "1", None, True, 2**127, -(2**127) - 1])
def test_a_seed_that_is_no_integer_in_range_is_refused(seed: object) -> None:
    with pytest.raises(DrawError, match="seed"):
        Key.of(seed, "w")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAWS)
def test_golden_vectors(name: str, dtype: str) -> None:
    """First values, and a digest of two thousand values from an odd place; made once, never remade."""
    expected = GOLDEN[f"{name} {dtype}"]
    for kernel in instruction_sets():
        with instruction_set(kernel):
            first = stretch(LAWS[name], dtype, 0, 4, seed=2026, path="golden")
            many = stretch(LAWS[name], dtype, 2**33 - 1001, 2000, seed=-1, path="golden")
        assert [value.tobytes().hex() for value in first] == expected["first"], kernel
        assert hashlib.blake2b(many.tobytes(), digest_size=16).hexdigest() == expected["digest"], kernel


def test_golden_vectors_of_composite_laws() -> None:
    sparse = draw_law(SparseLaw(0.1, 3, 10, 0), (10, 40), seed=1, path="s")
    disc = draw_law(ComplexDiscLaw(1.0, 2.0), (50,), seed=1, path="c", dtype="complex64")
    orthogonal_stream = draw_law(NormalLaw(0.0, 1.0), (64,), seed=1, path="q", dtype="float64")
    for name, array in (("sparse", sparse), ("disc", disc), ("stream64", orthogonal_stream)):
        assert hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest() == GOLDEN[name], name


def test_draw_of_a_named_initializer_is_its_law_on_the_same_stream() -> None:
    w = ig.draw("he_normal", (784, 100), seed=3, path="fc1.weight")
    z = draw_law(NormalLaw(0.0, 1.0), (784, 100), seed=3, path="fc1.weight")
    assert np.allclose(w, z * math.sqrt(2 / 784), rtol=3e-7, atol=0)


def test_layout_of_the_stream_is_as_documented() -> None:
    """Element i of a float32 draw is word (i // 16) % 4 of block 16 (i // 64) + i % 16."""
    key = Key.of(9, "layout")
    u = draw_law(UniformLaw(-1.0, 1.0), (4096,), seed=9, path="layout")
    for i in (0, 15, 16, 63, 64, 1000, 4095):
        block = 16 * (i // 64) + i % 16
        counter = tuple(np.array([word], np.uint32) for word in (block, 0, key.stream, 0))
        word = int(reference.philox(counter, (key.word0, key.word1))[(i // 16) % 4][0])
        signed = word - 2**32 if word >= 2**31 else word
        assert float(u[i]) == (2 * (signed >> 8) + 1) / 2**24


EDGES = np.concatenate([2 ** np.arange(32), 2 ** np.arange(1, 33) - 1, 2**32 - 2 ** np.arange(32)]).astype(
    np.uint32
)
SAMPLE = np.concatenate([EDGES, np.random.default_rng(5).integers(0, 2**32, 200_000, np.uint32)])


def test_radius_is_accurate_to_a_few_units_in_the_last_place() -> None:
    """Against log and log1p in extended precision, both ends of the unit interval included."""
    g = (SAMPLE.view(np.int32).astype(np.longdouble) + 0.5) * np.longdouble(2) ** -32
    exact = -2 * np.where(g > 0, np.log(np.abs(g)), np.log1p(np.minimum(g, 0)))
    assert np.max(np.abs(variates.radius_squared(SAMPLE) / exact - 1)) < 6 * 2.0**-24
    low = SAMPLE[::-1].copy()
    g = (SAMPLE.view(np.int32).astype(np.longdouble) * 2**32 + low + 0.5) * np.longdouble(2) ** -64
    exact = -2 * np.where(g > 0, np.log(np.abs(g)), np.log1p(np.minimum(g, 0)))
    assert np.max(np.abs(variates.radius_squared(SAMPLE, low) / exact - 1)) < 6 * 2.0**-53


def test_angle_is_accurate_and_covers_the_circle() -> None:
    for low, unit in ((None, 2.0**-24), (SAMPLE[::-1].copy(), 2.0**-53)):
        cosine, sine = variates.angle(SAMPLE, low)
        t = ((SAMPLE << np.uint32(2)) | np.uint32(2)).view(np.int32).astype(np.longdouble) / 2**32
        if low is not None:
            top = ((SAMPLE << np.uint32(2)) | (low >> np.uint32(30))).view(np.int32).astype(np.longdouble)
            t = (top * 2**32 + ((low << np.uint32(2)) | np.uint32(2))) / np.longdouble(2) ** 64
        exact = [np.cos(t * np.pi / 2), np.sin(t * np.pi / 2)]
        swap = (SAMPLE >> np.uint32(30)) & 1 == 1
        sign = np.where(SAMPLE >> np.uint32(31), -1, 1)
        first = sign * np.where(swap, exact[1], exact[0])
        second = sign * np.where(swap, exact[0], exact[1])
        assert np.max(np.abs(cosine - first)) < 2 * unit
        assert np.max(np.abs(sine - second)) < 2 * unit
        assert np.all(cosine != 0)
        assert np.all(sine != 0)


def test_quantile_is_accurate_and_never_zero() -> None:
    """Every float of the two octaves next to the middle, and a sample of the others."""
    for exponent in range(16, 31):
        step = 1 if exponent > 28 else 61
        bits = ((exponent + 127) << 23) + np.arange(0, 1 << 23, step, np.int32)
        tail = bits.view(np.float32)
        z = variates.quantile(tail)
        exact = -special.ndtri((tail.astype(np.float64) + 0.5) / 2**32)
        assert np.max(np.abs(z - exact)) < 5e-7
        assert np.max(np.diff(z)) < 5e-7
    assert z.min() > variates.quantile(np.array([2.0**31], np.float32))[0] > 0


def test_quantile_deep_in_the_tail() -> None:
    tail = (2.0 ** -np.linspace(16, 57, 10_000) * 2**32).astype(np.float32)
    z = variates.deep_quantile(tail)
    assert np.max(np.abs(z + special.ndtri(tail.astype(np.float64) / 2**32))) < 3e-6
    assert abs(z[0] - variates.quantile(np.array([variates.DEEP]))[0]) < 1e-5


def test_fused_multiply_add_is_rounded_once() -> None:
    """Against exact rational arithmetic, ties and cancellation included."""
    rng = np.random.default_rng(1)
    a, b, c = (rng.integers(-(2**24), 2**24, 20_000).astype(np.float32) for _ in range(3))
    c *= np.float32(2.0) ** rng.integers(-30, 50, c.size).astype(np.float32)
    found = variates.fma(a, b, c)
    for x, y, z, result in zip(a, b, c, found, strict=True):
        exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        near = [np.nextafter(result, np.float32(s), dtype=np.float32) for s in (-np.inf, np.inf)]
        error = abs(Fraction(float(result)) - exact)
        for other in near:
            distance = abs(Fraction(float(other)) - exact)
            assert error < distance or (error == distance and result.view(np.uint32) % 2 == 0)
