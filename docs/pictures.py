"""The catalog's pictures: one image for each group, every row as its matrix beside its histogram.

`make docs` writes them to docs/images/catalog-*.png (needs altair and vl-convert, as the lab does).
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert

import isogain as ig
from isogain.core.names.rows import GROUPS, Row
from isogain.errors import IsogainError

SHAPES = (((24, 16), "out in"), ((24, 24), "out in"), ((8, 6, 3, 3), "out in *"), ((24,), "out"))
LARGE = (((300, 200), "out in"), ((300, 300), "out in"), ((24, 24, 3, 3), "out in *"), ((4000,), "out"))
KERNELS = {"DeltaOrthogonal", "ConvolutionOrthogonal", "Dirac", "Bilinear"}
"""Initializers whose point is a kernel: they are shown with one."""
COLUMNS = 4
SKIPPED = {"biases and constants", "fixed scales"}
"""Groups whose pictures would say nothing that their formulas do not."""


def slug(group: str) -> str:
    """The name of a group in a file name."""
    return re.sub(r"[^a-z]+", "-", group).strip("-")


def pictured() -> dict[str, tuple[Row, ...]]:
    """Group -> its rows that can be drawn from a shape alone."""
    groups = groupby(ig.catalog(), key=lambda row: row.group)
    found = {group: tuple(filter(telling, rows)) for group, rows in groups}
    return {group: rows for group, rows in found.items() if group in GROUPS and group not in SKIPPED and rows}


def telling(row: Row) -> bool:
    """Whether a picture says more than the formula: not one number everywhere, nor a function of data."""
    return row.function is None and not isinstance(ig.get(row.name, **row.example), ig.Constant | ig.Zeros)


def drawn(row: Row, shapes: tuple) -> np.ndarray:
    """An example of the row at the first of these shapes that it can fill; of complex numbers, both parts."""
    initializer = ig.get(row.name, **row.example)
    kernel = type(initializer).__name__ in KERNELS
    wanted = [one for one in shapes if not kernel or len(one[0]) == 4]
    for dtype in ("float32", "complex64"):
        for shape, layout in wanted:
            try:
                values = ig.draw(initializer, shape, layout=layout, dtype=dtype, path=row.name)
            except IsogainError:
                continue
            return values if dtype == "float32" else np.stack([values.real[0], values.imag[0]])
    raise SystemExit(f"{row.name} fills none of the shapes {[shape for shape, _ in shapes]}")


def as_image(values: np.ndarray) -> np.ndarray:
    """Two axes: kernels side by side, a vector as one line repeated."""
    if values.ndim == 4:
        return values.transpose(0, 2, 1, 3).reshape(values.shape[0] * 3, -1)
    return np.atleast_2d(values).repeat(1 if values.ndim > 1 else 4, axis=0)


def heatmap(row: Row) -> alt.Chart:
    """The matrix: blue below 0, red above, white at 0."""
    image = as_image(drawn(row, SHAPES)).astype(float)
    reach = float(np.abs(image).max()) or 1.0
    y, x = np.indices(image.shape)
    data = [
        {"x": int(a), "y": int(b), "w": float(w)}
        for a, b, w in zip(x.ravel(), y.ravel(), image.ravel(), strict=True)
    ]
    return (
        alt.Chart(
            alt.Data(values=data), width=min(5 * image.shape[1], 120), height=min(5 * image.shape[0], 120)
        )
        .mark_rect()
        .encode(
            x=alt.X("x:O", axis=None),
            y=alt.Y("y:O", axis=None),
            color=alt.Color(
                "w:Q",
                scale=alt.Scale(
                    domain=[-reach, 0, reach], range=["#2b6cb0", "#ffffff", "#c05621"], interpolate="rgb"
                ),
                legend=None,
            ),
        )
        .properties(title=alt.Title(row.name, fontSize=12, anchor="start"))
    )


def histogram(row: Row) -> alt.Chart:
    """How the values of a large draw are spread."""
    values = drawn(row, LARGE).ravel().astype(float)
    reach = float(np.abs(values).max()) or 1.0
    low = 0.0 if values.min() >= 0 and values.max() > 0 else -reach
    high = 0.0 if values.max() <= 0 and values.min() < 0 else reach
    counts, edges = np.histogram(values, bins=31, range=(low, high))
    data = [
        {"x": float(a), "x2": float(b), "n": float(n / values.size)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    axis = alt.Axis(values=[low, high], format=".2~g", title=None, grid=False, labelFlush=True)
    return (
        alt.Chart(alt.Data(values=data), width=120, height=36)
        .mark_rect(color="#4a5568")
        .encode(
            x=alt.X("x:Q", scale=alt.Scale(domain=[low, high]), axis=axis),
            x2="x2:Q",
            y=alt.Y("n:Q", axis=None),
        )
    )


def picture(rows: tuple[Row, ...]) -> bytes:
    """The PNG of one group."""
    cells = [alt.vconcat(heatmap(row), histogram(row), spacing=4) for row in rows]
    lines = [
        alt.hconcat(*cells[k : k + COLUMNS], spacing=24).resolve_scale(color="independent")
        for k in range(0, len(cells), COLUMNS)
    ]
    chart = alt.vconcat(*lines, spacing=18, background="#ffffff").configure_view(stroke="#cbd5e0")
    return vl_convert.vegalite_to_png(chart.resolve_scale(color="independent").to_json(), scale=1.0)


def write(folder: Path) -> list[Path]:
    """Write every group's picture; return the paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for group, rows in pictured().items():
        path = folder / f"catalog-{slug(group)}.png"
        path.write_bytes(picture(rows))
        paths.append(path)
    return paths
