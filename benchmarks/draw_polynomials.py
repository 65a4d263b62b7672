"""Refit the polynomials of the drawing, compare them with the table, and write the C header.

    python benchmarks/draw_polynomials.py            the largest error of each fit
    python benchmarks/draw_polynomials.py --quantile the same for the thirty pieces of the normal quantile
    python benchmarks/draw_polynomials.py --header   rewrite src/isogain/drawing/_coefficients.h

Needs mpmath.  The table is frozen: a better fit would change everybody's weights.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import isogain
from isogain.drawing.polynomials import DEEP32, QUANTILE32, TABLES

HEADER = Path(isogain.__file__).parent / "drawing" / "_coefficients.h"


def write_header() -> None:
    """The table as C constants."""
    lines = [
        "/* Generated from polynomials.py by benchmarks/draw_polynomials.py; a test compares the two. */",
        "",
    ]
    for name, table in TABLES.items():
        kind, suffix = ("float", "f") if name.endswith("32") else ("double", "")
        aligned = " __attribute__((aligned(64)))" if name == "QUANTILE32" else ""
        lines.append(f"static const {kind} {name}[{len(table)}]{aligned} = {{")
        lines += [f"    {value.hex()}{suffix}," for value in table]
        lines.append("};")
    HEADER.write_text("\n".join(lines) + "\n")


def minimax(
    f: Callable[[Any], Any], degree: int, low: Any, high: Any, weight: Callable[[Any], Any]
) -> list[Any]:
    """Coefficients, lowest first, of the polynomial whose largest weighted error is least (Remez)."""
    import mpmath as mp

    count = degree + 2
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (count - 1)) for k in range(count)]
    grid = [low + (high - low) * mp.mpf(k) / 2000 for k in range(2001)]
    coefficients: list[Any] = []
    for _ in range(30):
        system, right = mp.matrix(count, count), mp.matrix(count, 1)
        for i, x in enumerate(points):
            for k in range(degree + 1):
                system[i, k] = x**k
            system[i, degree + 1], right[i] = (-1) ** i / weight(x), f(x)
        coefficients = list(mp.lu_solve(system, right))[: degree + 1]
        errors = [weight(x) * (mp.polyval(coefficients[::-1], x) - f(x)) for x in grid]
        extrema = _alternating_extrema(errors, count)
        if len(extrema) < count or all(
            abs(grid[i] - x) < 1e-12 for i, x in zip(extrema, points, strict=True)
        ):
            break
        points = [grid[i] for i in extrema]
    return coefficients


def _alternating_extrema(errors: list[Any], count: int) -> list[int]:
    found: list[int] = []
    for i, error in enumerate(errors):
        if found and (error > 0) == (errors[found[-1]] > 0):
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    while len(found) > count:
        found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
    return found


def compare() -> None:
    """Each function refitted at the table's degree, against the table."""
    import mpmath as mp

    mp.mp.dps = 40
    low, high = mp.sqrt(mp.mpf(1) / 2) - 1, mp.sqrt(2) - 1
    quarter, zero, widest = mp.mpf(1) / 4, mp.mpf(0), (high / (2 + high)) ** 2

    def log(x: Any) -> Any:
        return -2 * mp.log1p(x) / x if abs(x) > 1e-15 else -2 + x

    def atanh(y: Any) -> Any:
        return (2 * mp.atanh(mp.sqrt(y)) / mp.sqrt(y) - 2) / y if y > 1e-20 else mp.mpf(2) / 3

    def sine(y: Any) -> Any:
        return mp.sin(mp.pi / 2 * mp.sqrt(y)) / mp.sqrt(y) if y > 1e-30 else mp.pi / 2

    def cosine(y: Any) -> Any:
        return (mp.cos(mp.pi / 2 * mp.sqrt(y)) - 1) / y if y > 1e-20 else -(mp.pi**2) / 8

    def relative(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: 1 / abs(f(x))

    def absolute(x: Any) -> Any:
        return x if x > 0 else mp.mpf(10) ** -6

    fits = {
        "LOG32": (log, low, high, relative(log)),
        "LOG64": (atanh, zero, widest, lambda x: 1),
        **{f"SIN{bits}": (sine, zero, quarter, relative(sine)) for bits in (32, 64)},
        **{f"COS{bits}": (cosine, zero, quarter, absolute) for bits in (32, 64)},
    }
    for name, (f, start, stop, weight) in fits.items():
        table = TABLES[name]
        best = minimax(f, len(table) - 1, start, stop, weight)
        change = max(abs(float(new) - old) / abs(old) for new, old in zip(best, table, strict=True))
        error = max(
            abs(weight(x) * (mp.polyval(list(table)[::-1], x) - f(x)))
            for x in (start + (stop - start) * mp.mpf(k) / 997 for k in range(998))
        )
        print(f"{name}: largest error of the rounded table {mp.nstr(error, 3)}, refitted within {change:.1e}")


def compare_quantile(exponents: range = range(16, 31)) -> None:
    """Each half octave of the normal quantile refitted, against its row of the table; then the deep tail."""
    import mpmath as mp

    mp.mp.dps = 40
    quarter = mp.mpf(1) / 4
    for exponent, half in itertools.product(exponents, (0, 1)):
        middle = quarter * 5 + mp.mpf(half) / 2

        @cache
        def z(r: Any, middle: Any = middle, exponent: int = exponent) -> Any:
            return normal_quantile(((r + middle) * mp.mpf(2) ** exponent + 0.5) / mp.mpf(2) ** 32)

        row = [QUANTILE32[k][(2 * (exponent + 127) + half) % 32] for k in range(6)]
        _report(f"QUANTILE32 {exponent} {half}", z, row, -quarter, quarter)
    near, far = (1 / mp.sqrt(2 * bits * mp.log(2)) for bits in (mp.mpf(16), mp.mpf(57)))
    deep = cache(lambda x: normal_quantile(mp.exp(-1 / x**2 / 2)) - 1 / x)
    _report("DEEP32", deep, list(DEEP32), far, near)


def _report(name: str, f: Callable[[Any], Any], table: list[float], low: Any, high: Any) -> None:
    import mpmath as mp

    places = [low + (high - low) * mp.mpf(k) / 97 for k in range(98)]
    best = minimax(f, len(table) - 1, low, high, lambda x: 1)
    for text, fit in (("table", table), ("refitted", best)):
        error = max(abs(mp.polyval(list(fit)[::-1], x) - f(x)) for x in places)
        print(f"{name}: largest error {mp.nstr(error, 3)} ({text})", flush=True)


def normal_quantile(p: Any) -> Any:
    """z with P(Z > z) = p, for p below 1/2, by Halley's steps."""
    import mpmath as mp

    z = mp.sqrt(-2 * mp.log(p)) - mp.mpf(1) / 2
    for _ in range(60):
        step = (mp.erfc(z / mp.sqrt(2)) / 2 - p) * mp.sqrt(2 * mp.pi) * mp.exp(z * z / 2)
        step /= 1 + z * step / 2
        z += step
        if abs(step) < mp.mpf(10) ** -35:
            break
    return z


if __name__ == "__main__":
    if "--header" in sys.argv:
        write_header()
    else:
        compare_quantile() if "--quantile" in sys.argv else compare()
