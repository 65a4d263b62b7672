"""`draw`, `draw_network` and the layer beneath them, `draw_law`."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

from isogain.checking import Checks, shown
from isogain.core.geometry.layout import LayoutLike
from isogain.core.names.catalog import get
from isogain.core.names.typed import InitializerName
from isogain.core.values.distributions import Law
from isogain.core.values.initializer import Initializer
from isogain.drawing.dtypes import Dtype, complex_parts
from isogain.drawing.engine import thread_count
from isogain.drawing.key import Key
from isogain.drawing.laws import writer
from isogain.drawing.regions import Region, RegionLike, checked_shape
from isogain.errors import DrawError
from isogain.memory import require_room

__all__ = ["draw", "draw_law", "draw_network", "law_of"]

Shape = Sequence[SupportsIndex] | SupportsIndex


def draw(
    init: InitializerName | str | Mapping[str, Any] | Initializer | Law,
    shape: Shape,
    *,
    layout: LayoutLike = None,
    seed: SupportsIndex = 0,
    path: str = "",
    dtype: DTypeLike = "float32",
    region: RegionLike = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    groups: int = 1,
    stride: int | Sequence[int] = 1,
    transposed: bool = False,
) -> NDArray[Any]:
    """Return a weight tensor drawn from an initializer, as an ndarray of `dtype`.

    `init` is a name of the catalog, an Initializer or a Law; the fans come from `shape` read through
    `layout` (with `groups`, and `stride` where `transposed`), "* in out" unless one is given.  A layout that
    is given holds for the rows of frameworks too, which otherwise read the bare shape as their framework
    does.  The value at a place is a pure function
    of (scheme version, seed, path, initializer, shape, place): Philox4x32-10 keyed by a hash of
    (version, seed, path) and counted by the place.  So neither the number of threads, nor the region,
    the process or the instruction set changes a bit.  float16 and bfloat16 are sampled in float32 and
    rounded once.

    With `region` (slices of the whole shape) only that box is made, and returned or written to `out`,
    an array of the box's shape and of `dtype`.  `seed` is any integer in [-2**127, 2**127); give each
    parameter of a model its own `path`, or they all start with the same numbers.

    Raises DrawError for a dtype, region, seed or `out` that cannot serve, InitializerError or
    LayoutError for an initializer that cannot serve the shape; `out` is then untouched.

    >>> w = draw("he_normal", (784, 512), seed=0, path="fc1.weight")
    >>> top = draw("he_normal", (784, 512), seed=0, path="fc1.weight", region=(slice(0, 10),))
    >>> bool((w[:10] == top).all())
    True

    Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    whole = checked_shape(shape)
    law = law_of(init, whole, layout=layout, groups=groups, stride=stride, transposed=transposed, dtype=dtype)
    return draw_law(law, whole, seed=seed, path=path, dtype=dtype, region=region, out=out, threads=threads)


def law_of(init: Any, shape: tuple[int, ...], *, dtype: DTypeLike = "float32", **geometry: Any) -> Law:
    """The Law that an initializer (or its name, or a Law) stands for at this shape."""
    if isinstance(init, Law):
        return init
    if not isinstance(init, str | Mapping | Initializer):
        raise DrawError(f"init must be a name of the catalog, an Initializer or a Law, got {shown(init)}")
    is_complex = complex_parts(dtype) is not None
    try:
        hash((init, *geometry.values()))
    except Exception:  # a mapping, a list of strides, or nothing that a law could be told of
        return get(init).law(shape, is_complex=is_complex, **geometry)
    return _remembered_law(init, shape, is_complex, **geometry)


@lru_cache(maxsize=512, typed=True)
def _remembered_law(init: Any, shape: tuple[int, ...], is_complex: bool, **geometry: Any) -> Law:
    return get(init).law(shape, is_complex=is_complex, **geometry)


def draw_law(
    law: Law,
    shape: Shape,
    *,
    seed: SupportsIndex = 0,
    path: str = "",
    dtype: DTypeLike = "float32",
    region: RegionLike = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Return numbers of one law, drawn exactly as `draw` draws them.

    >>> from isogain.core.values.distributions import NormalLaw
    >>> draw_law(NormalLaw(0.0, 1.0), (2, 3), seed=1, path="w").shape
    (2, 3)
    """
    whole = checked_shape(shape)
    box = Region.of(whole, region)
    key, workers = Key.of(seed, path), thread_count(threads)
    public = _public_dtype(dtype)
    _check_out(out, box.shape, public)
    write = writer(law, dtype, key, box, workers)
    result = _allocate(box.shape, public) if out is None else out
    write(result)
    return result


def draw_network(
    sizes: Sequence[int],
    *,
    init: Any = "he_normal",
    biases: Any = None,
    seed: SupportsIndex = 0,
    layout: str = "out in",
    dtype: DTypeLike = "float32",
    threads: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Return {"W1": ..., "b1": ..., "W2": ...} for a fully connected network of these layer sizes.

    Weight n has shape (sizes[n], sizes[n-1]) with layout "out in", the transpose of that with "in out".
    Biases are vectors of length sizes[n], zero unless `biases` names an initializer that needs no fans.
    Each array is drawn with its own name as `path`.

    >>> parameters = draw_network([784, 100, 10], init="he_normal", seed=0)
    >>> sorted(parameters), parameters["W1"].shape
    (['W1', 'W2', 'b1', 'b2'], (100, 784))

    Raises DrawError for fewer than two sizes or another layout.
    """
    widths = checked_shape(sizes)
    if len(widths) < 2:
        raise DrawError(f"a network needs an input and an output size, got sizes={shown(sizes)}")
    Checks(DrawError).choice("layout of a network", layout, ("out in", "in out"))
    common: dict[str, Any] = {"seed": seed, "dtype": dtype, "threads": threads}
    parameters: dict[str, NDArray[Any]] = {}
    for number, (fan_in, fan_out) in enumerate(itertools.pairwise(widths), start=1):
        shape = (fan_out, fan_in) if layout == "out in" else (fan_in, fan_out)
        parameters[f"W{number}"] = draw(init, shape, layout=layout, path=f"W{number}", **common)
        parameters[f"b{number}"] = _bias(biases, fan_out, f"b{number}", common)
    return parameters


def _bias(biases: Any, length: int, path: str, common: dict[str, Any]) -> NDArray[Any]:
    if biases is None:
        return _allocate((length,), _public_dtype(common["dtype"]), zero=True)
    return draw(biases, (length,), layout="out", path=path, **common)


def _public_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """The NumPy dtype a caller sees; bfloat16 is ml_dtypes' where that is installed."""
    part = complex_parts(dtype)
    if part is not None:
        return np.dtype(part.replace("float32", "complex64").replace("float64", "complex128"))
    wanted = Dtype.of(dtype)
    if wanted.name != "bfloat16":
        return wanted.storage
    try:
        import ml_dtypes
    except ImportError:
        raise DrawError(
            "dtype bfloat16 needs the package ml_dtypes to be a NumPy array: pip install ml_dtypes "
            "(PyTorch tensors are filled in bfloat16 without it)"
        ) from None
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16


def _check_out(out: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if out is None:
        return
    if not isinstance(out, np.ndarray):
        raise DrawError(f"out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape:
        raise DrawError(f"out has shape {out.shape}, the draw has shape {shape}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise DrawError(f"out has dtype {out.dtype}, the draw has dtype {dtype}")
    if not out.flags.writeable:
        raise DrawError("out is read-only; pass an array that may be written, or out=None")


def _allocate(shape: tuple[int, ...], dtype: np.dtype[Any], *, zero: bool = False) -> NDArray[Any]:
    require_room(math.prod(shape) * dtype.itemsize, f"an array of shape {shape} and dtype {dtype}", DrawError)
    try:
        return np.zeros(shape, dtype) if zero else np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        raise DrawError(f"no memory for an array of shape {shape} and dtype {dtype}: {error}") from error


if sys.byteorder != "little":  # the mapping is defined on any machine, but only tested on these
    raise ImportError("isogain.drawing supports little-endian machines only")
