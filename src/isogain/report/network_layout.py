"""Where boxes and arrows go: layer by layer from top to bottom, by grandalf (Sugiyama's method).

grandalf comes with the extra `lab`; without it nothing is drawn, and `missing` says what to install.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MISSING", "Placed", "available", "place"]

MISSING = "The network is drawn here where grandalf is installed: pip install 'isogain[lab]'."
ACROSS, DOWN = 18, 22
"""px between boxes, and between rows of them."""
Point = tuple[float, float]


@dataclass
class _Size:
    """A box as grandalf wants it: its size, and where it was put (its middle)."""

    w: float
    h: float
    xy: Point = (0.0, 0.0)


@dataclass
class _Path:
    """An arrow: the points it passes."""

    points: list[Point] = field(default_factory=list)

    def setpath(self, points: Sequence[Any]) -> None:
        """What grandalf calls with the route."""
        self.points = [tuple(point) for point in points]


@dataclass(frozen=True)
class Placed:
    """The middle of every box, the points of every arrow, and the size of the whole."""

    middles: Mapping[int, Point]
    paths: Mapping[tuple[int, int], tuple[Point, ...]]
    width: float
    height: float


def available() -> bool:
    """Whether the layout library is installed."""
    return importlib.util.find_spec("grandalf") is not None


def place(sizes: Mapping[int, Point], edges: Sequence[tuple[int, int]]) -> Placed:
    """Boxes of these sizes in rows, each below all that it reads; unconnected parts side by side."""
    from grandalf.graphs import Edge, Graph, Vertex

    vertices = {key: Vertex(key) for key in sizes}
    for key, vertex in vertices.items():
        vertex.view = _Size(*sizes[key])
    arrows = [Edge(vertices[source], vertices[target]) for source, target in edges]
    for arrow in arrows:
        arrow.view = _Path()
    graph = Graph(list(vertices.values()), arrows)
    left, middles, paths = 0.0, dict[int, Point](), dict[tuple[int, int], tuple[Point, ...]]()
    for component in graph.C:
        _arrange(component)
        shift = left - min(v.view.xy[0] - v.view.w / 2 for v in component.sV)
        middles |= {v.data: (v.view.xy[0] + shift, v.view.xy[1]) for v in component.sV}
        for arrow in component.sE:
            moved = tuple((x + shift, y) for x, y in arrow.view.points)
            paths[arrow.v[0].data, arrow.v[1].data] = moved
        left = max(v.view.xy[0] + shift + v.view.w / 2 for v in component.sV) + 2 * ACROSS
    return _from_the_corner(sizes, middles, paths)


def _arrange(component: Any) -> None:
    """grandalf's own layout of one connected part; a lone box has nothing to lay out."""
    from grandalf.layouts import SugiyamaLayout

    if len(component.sV) == 1:
        return
    layout = SugiyamaLayout(component)
    layout.xspace, layout.yspace = ACROSS, DOWN
    layout.init_all(optimize=True)
    layout.draw(6)


def _from_the_corner(
    sizes: Mapping[int, Point],
    middles: Mapping[int, Point],
    paths: Mapping[tuple[int, int], tuple[Point, ...]],
) -> Placed:
    """Everything moved so that it begins at (0, 0)."""
    points = [point for path in paths.values() for point in path]
    left = min([x - sizes[k][0] / 2 for k, (x, _) in middles.items()] + [x for x, _ in points], default=0.0)
    top = min((y - sizes[k][1] / 2 for k, (_, y) in middles.items()), default=0.0)
    right = max([x + sizes[k][0] / 2 for k, (x, _) in middles.items()] + [x for x, _ in points], default=0.0)
    bottom = max((y + sizes[k][1] / 2 for k, (_, y) in middles.items()), default=0.0)
    return Placed(
        {key: (x - left, y - top) for key, (x, y) in middles.items()},
        {key: tuple((x - left, y - top) for x, y in path) for key, path in paths.items()},
        right - left, bottom - top,
    )  # fmt: skip
