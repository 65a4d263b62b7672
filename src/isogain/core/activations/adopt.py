"""Any elementwise callable as an activation: called in its own framework, differentiated, its kinks found.

A framework is recognised when the user has already imported it (`sys.modules`); none is imported here.
"""

from __future__ import annotations

import importlib
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from isogain.core.activations.functions import Function
from isogain.core.activations.quadrature import Floats
from isogain.errors import IsogainError

__all__ = ["ActivationError", "adopt", "find_kinks"]

SPAN = 64.0
"""Kinks are looked for on [-SPAN, SPAN]."""
MOST_KINKS = 64
STEP = 2.0**-12
SHORTEST = 9
"""log2 of the least size in which a JAX function is called."""


class ActivationError(IsogainError):
    """An activation's name or parameters are wrong, or a callable is not an elementwise function."""


def adopt(callable_: Callable[..., Any], name: str) -> tuple[Function, Function, tuple[float, ...], bool]:
    """(function, derivative, kinks, jumps?) of a callable on arrays of any framework, checked."""
    function, derivative = _in_its_framework(callable_, name)
    try:
        _check(function, name)
        kinks, jumps = find_kinks(function, name)
    except ActivationError:
        raise
    except Exception as error:  # the user's code: it took nine numbers, and not others
        raise ActivationError(
            f"activation {name!r} raised {type(error).__name__}: {error}; isogain needs a function that maps "
            "any array to an array of the same shape"
        ) from error
    return function, derivative or finite_difference(function, kinks), kinks, jumps


def _in_its_framework(callable_: Callable[..., Any], name: str) -> tuple[Function, Function | None]:
    """The callable on float64 NumPy arrays, and its derivative where the framework gives one."""
    probe = np.linspace(-2.0, 2.0, 9)
    failures = []
    for wrap in (_numpy, _torch, _jax, _scalar):
        wrapped = wrap(callable_)
        if wrapped is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = wrapped[0](probe)
        except Exception as error:  # the user's code may raise anything; the next framework may do better
            failures.append(f"{wrap.__name__[1:]}: {type(error).__name__}: {error}".split("\n")[0])
            continue
        if isinstance(result, np.ndarray) and result.dtype.kind in "fiub" and result.shape == probe.shape:
            return wrapped
        failures.append(f"{wrap.__name__[1:]}: gave {type(result).__name__} of shape {np.shape(result)}")
    raise ActivationError(
        f"activation {name!r} is not an elementwise function of real arrays: an array of shape (9,) gave "
        f"{'; '.join(failures)}. Pass a function that maps an array to an array of the same shape"
    )


def _numpy(callable_: Callable[..., Any]) -> tuple[Function, None] | None:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(callable_, torch.nn.Module):
        return None
    return (lambda x: _floats(callable_(x))), None


def _floats(result: Any) -> Any:
    """A NumPy array in float64; anything else as it is, for another framework or a refusal."""
    if isinstance(result, np.ndarray) and result.dtype.kind in "fiub":
        return result.astype(np.float64)
    return result


def _torch(callable_: Callable[..., Any]) -> tuple[Function, Function] | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    dtype = torch.float64
    if isinstance(callable_, torch.nn.Module):
        dtype = next((p.dtype for p in callable_.parameters() if p.is_floating_point()), dtype)

    def function(x: Floats) -> Any:
        with torch.no_grad():
            result = callable_(torch.as_tensor(np.array(x), dtype=dtype))
        return result.double().numpy() if isinstance(result, torch.Tensor) else result

    def derivative(x: Floats) -> Floats:
        leaf = torch.as_tensor(np.array(x), dtype=dtype).requires_grad_(True)
        with torch.enable_grad():
            total = callable_(leaf).sum()
        if not total.requires_grad:
            return np.zeros_like(x)
        (gradient,) = torch.autograd.grad(total, leaf)
        return np.asarray(gradient.double().numpy())

    return function, derivative


def _jax(callable_: Callable[..., Any]) -> tuple[Function, Function] | None:
    jax = sys.modules.get("jax")
    if jax is None:
        return None

    def run(function: Callable[..., Any], x: Floats) -> Any:
        # JAX compiles anew for every shape: sizes are rounded up to few of them
        padded = np.zeros(1 << max(SHORTEST, (x.size - 1).bit_length()))
        padded[: x.size] = np.ravel(x)
        with _double_precision(jax):
            result = function(jax.numpy.asarray(padded))
        if not isinstance(result, jax.Array) or result.shape != padded.shape:
            return result
        return np.asarray(result, dtype=np.float64)[: x.size].reshape(x.shape)

    gradient = jax.grad(lambda leaf: callable_(leaf).sum())
    return (lambda x: run(callable_, x)), (lambda x: np.asarray(run(gradient, x)))


def _double_precision(jax: Any) -> Any:
    """A context in which JAX computes in float64, whatever the user's setting; it leaves that alone."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return importlib.import_module("jax.experimental").enable_x64(True)


def _scalar(callable_: Callable[..., Any]) -> tuple[Function, None]:
    """A function of one number (`math.tanh`), called element by element."""

    def function(x: Floats) -> Any:
        values = [callable_(float(value)) for value in x.ravel()]
        if not all(isinstance(value, (int, float, np.floating)) for value in values):
            return values
        return np.array(values, dtype=np.float64).reshape(x.shape)

    return function, None


def _check(function: Function, name: str) -> None:
    """Refuse what is not a function of each element alone, or not finite."""
    x = np.random.default_rng(0).standard_normal(257) * np.geomspace(0.01, 8, 257)
    first = function(x)
    if not np.isfinite(first).all():
        raise ActivationError(
            f"activation {name!r} is not finite: it gives {first[~np.isfinite(first)][0]} "
            f"at {x[~np.isfinite(first)][0]:.4g}; isogain needs one that is finite for every real number"
        )
    # a float32 function may round differently from one place of a vector to another
    tolerance = 1e-5 * (1 + np.abs(first))
    if (np.abs(function(x) - first) > tolerance).any():
        raise ActivationError(
            f"activation {name!r} gives two answers for the same input; "
            "pass its deterministic form (for a torch module, after .eval())"
        )
    shuffled = np.random.default_rng(1).permutation(257)
    elementwise = np.abs(function(x[shuffled]) - first[shuffled]) <= tolerance[shuffled]
    alone = np.abs(np.concatenate([function(x[:1]), function(x[1:2])]) - first[:2]) <= tolerance[:2]
    if not (elementwise.all() and alone.all()):
        raise ActivationError(
            f"activation {name!r} is not elementwise: an output depends on more than its own input "
            "(as in softmax or a norm); only functions of one element have a moment map"
        )


def noise_of(function: Function) -> float:
    """Rounding noise of the function's values near 0, relative to their size (float32 inside: 1e-7)."""
    x = np.random.default_rng(2).uniform(-3, 3, 199)
    step = 2.0**-21
    second = function(x - step) - 2 * function(x) + function(x + step)
    smooth = function(x - 2 * step) - 2 * function(x) + function(x + 2 * step)
    # a smooth function has `smooth` = 4 `second`; noise breaks that
    scatter = float(np.quantile(np.abs(smooth - 4 * second), 0.9)) / 5
    return max(scatter, 1e-15)


def find_kinks(function: Function, name: str) -> tuple[tuple[float, ...], bool]:
    """Where the function or its slope jumps, inside [-64, 64], and whether a value jumps.

    Cells of 1/4096 whose second difference stands out from what their neighbours' smoothness allows
    are halved until the kink is bracketed to rounding.
    """
    noise = noise_of(function)
    grid = np.arange(-SPAN, SPAN + STEP / 2, STEP)
    values = function(grid)
    if not np.isfinite(values).all():
        inside = np.isfinite(values)
        grid, values = grid[inside], values[inside]
    bend = np.abs(np.diff(values, 2))
    # a smooth function's second differences change little from cell to cell; a kink's stands alone
    usual = np.minimum(np.roll(bend, 3), np.roll(bend, -3))
    scale = np.abs(values[1:-1])
    suspects = np.flatnonzero(bend > 8 * usual + 40 * noise * (1 + scale) + STEP * 1e-4)
    kinks: list[float] = []
    jumps = False
    for cluster in np.split(suspects, np.flatnonzero(np.diff(suspects) > 3) + 1):
        if not len(cluster):
            continue
        place, jumped = _bracket(function, grid[cluster[0]], grid[min(cluster[-1] + 2, len(grid) - 1)], noise)
        if place is not None:
            kinks.append(place)
            jumps |= jumped
        if len(kinks) > MOST_KINKS:
            raise ActivationError(
                f"activation {name!r} has more than {MOST_KINKS} kinks between -{SPAN:g} and {SPAN:g}; "
                "its moments cannot be bounded in reasonable time. Pass a function with fewer pieces"
            )
    return tuple(kinks), jumps


def _bracket(function: Function, low: float, high: float, noise: float) -> tuple[float | None, bool]:
    """Narrow one suspect cell to the place of its kink, or None where the function proves smooth."""
    start = high - low
    rough = max(2e-7, 4 * math.sqrt(noise))
    while high - low > rough:
        parts = np.linspace(low, high, 17)
        bend = np.abs(np.diff(function(parts), 2))
        worst = int(np.argmax(bend))
        low, high = float(parts[worst]), float(parts[worst + 2])
    width = high - low
    slopes = _one_sided_slopes(function, low, high, max(32 * width, 1e-5))
    left_value, left_slope, right_value, right_slope = slopes
    change = abs(right_slope - left_slope)
    middle = (low + high) / 2
    size = 1 + abs(left_value)
    gap = right_value - left_value
    if abs(gap) > 0.01 * start + 1e3 * noise * size:
        return _tidy(_jump(function, low, high)), True
    if change < 1e-3 * (abs(left_slope) + abs(right_slope)) + 1e-5:
        return None, False
    # the two straight sides meet at the kink
    meeting = middle + gap / (left_slope - right_slope)
    return _tidy(meeting if low - width <= meeting <= high + width else middle), False


def _jump(function: Function, low: float, high: float) -> float:
    """The place of a jump of value, to rounding."""
    for _ in range(60):
        middle = (low + high) / 2
        below, here, above = function(np.array([low, middle, high]))
        low, high = (middle, high) if abs(here - below) < abs(here - above) else (low, middle)
    return (low + high) / 2


def _one_sided_slopes(
    function: Function, low: float, high: float, step: float
) -> tuple[float, float, float, float]:
    """Value (carried to the middle) and slope to the left of `low` and to the right of `high`."""
    f = function(np.array([low - 2 * step, low - step, low, high, high + step, high + 2 * step]))
    left = (3 * f[2] - 4 * f[1] + f[0]) / (2 * step)
    right = (-3 * f[3] + 4 * f[4] - f[5]) / (2 * step)
    half = (high - low) / 2
    return float(f[2] + half * left), float(left), float(f[3] - half * right), float(right)


def _tidy(place: float) -> float:
    """The short decimal a place obviously stands for, else the place."""
    short = round(place, 5) + 0.0
    return short if abs(place - short) < 2e-8 * (1 + abs(place)) else place


def finite_difference(function: Function, kinks: tuple[float, ...]) -> Function:
    """Fourth-order central differences whose stencil stays on one side of every kink."""
    step = max(1e-3, 0.5 * noise_of(function) ** 0.2)
    places = np.array(kinks)

    def derivative(x: Floats) -> Floats:
        h = np.full_like(x, step)
        if len(places):
            room = np.abs(x[..., None] - places).min(axis=-1)
            h = np.maximum(np.minimum(h, room / 2.01), 1e-6)
        with np.errstate(over="ignore", invalid="ignore"):
            near, far = function(x + h) - function(x - h), function(x + 2 * h) - function(x - 2 * h)
        return np.asarray((8 * near - far) / (12 * h))

    return derivative
