"""The roles of a weight's axes: which are outputs, inputs, receptive field, groups, stacks.

A layout is a string, read left to right over the axes:

=============  =====================================================================
``out``        units the layer produces
``in``         units each output reads
``*``          the receptive field: none, one or more axes (kernel height, width, ...)
``group``      one axis entry per group of a grouped or depthwise operation
``stack``      independent maps side by side (experts, heads, layers); never in a fan
``lookup``     rows picked one at a time (embedding tables); every output reads one
``(3 out)``    packed segments: three maps joined along one axis (query, key, value)
=============  =====================================================================

``out`` and ``in`` may appear more than once (``in out out``: width to heads times head size).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.checking import LARGEST, Checks, shown
from isogain.errors import LayoutError

__all__ = ["DEFAULT_LAYOUT", "Axis", "Geometry", "Layout", "LayoutLike", "implied"]

DEFAULT_LAYOUT = "* in out"
CHECKS = Checks(LayoutError)
ROLES = ("out", "in", "*", "group", "stack", "lookup")
MOST_AXES = 64
"""As NumPy has it."""
CANONICAL = ("stack", "out", "in", "*")
_TOKEN = re.compile(r"\(\s*(\d+)\s+(out|in)\s*\)|(\S+)")


@dataclass(frozen=True)
class Axis:
    """One axis of a layout: its role, and into how many packed segments it falls."""

    role: str
    segments: int = 1

    def __str__(self) -> str:
        return self.role if self.segments == 1 else f"({self.segments} {self.role})"


@dataclass(frozen=True)
class Layout:
    """The parsed form of a layout string; `str(layout)` gives the string back.

    >>> Layout.parse("(3 out) in").axes
    (Axis(role='out', segments=3), Axis(role='in', segments=1))
    """

    axes: tuple[Axis, ...]
    implied: bool = field(default=False, repr=False)
    """Whether nobody said it: a framework's own rows then read the bare shape, as their framework does."""

    def __post_init__(self) -> None:
        axes = CHECKS.series("Layout: axes", self.axes, "Axis; Layout.parse reads a string")
        if not all(isinstance(axis, Axis) for axis in axes):
            raise LayoutError(f"Layout: axes are Axis, got {shown(axes)}; Layout.parse reads a string")
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "implied", CHECKS.flag("Layout: implied", self.implied))

    @staticmethod
    def parse(text: str | Layout) -> Layout:
        """The layout a string describes; LayoutError names the word it cannot read."""
        if isinstance(text, Layout):
            return text
        if not isinstance(text, str) or not text.strip():
            raise LayoutError(f"layout must be a string such as 'out in *' or '* in out', got {shown(text)}")
        return _parsed(text)

    def __str__(self) -> str:
        return " ".join(map(str, self.axes))

    def resolve(self, shape: Sequence[int]) -> tuple[Axis, ...]:
        """One Axis per dimension of `shape`, with '*' spread over as many as are left."""
        shape = CHECKS.series("shape", shape, "integers")
        has_star = any(axis.role == "*" for axis in self.axes)
        spare = len(shape) - (len(self.axes) - has_star)
        if spare < 0 or (spare > 0 and not has_star):
            raise LayoutError(
                f"layout {shown(str(self))} describes {len(self.axes) - has_star}"
                f"{' or more' if has_star else ''} axes, but the shape {shown(shape)} has {len(shape)}; "
                f"give a layout with one word per axis ({_suggest(len(shape))})"
            )
        spread: list[Axis] = []
        for axis in self.axes:
            spread.extend([axis] * spare if axis.role == "*" else [axis])
        return tuple(spread)


@lru_cache(maxsize=512)
def _parsed(text: str) -> Layout:
    layout = Layout(tuple(_axis(match, text) for match in _TOKEN.finditer(text)))
    if sum(axis.role == "*" for axis in layout.axes) > 1:
        raise LayoutError(f"layout {shown(text)}: '*' stands for all receptive axes and may appear once")
    return layout


LayoutLike = str | Layout | None
"""A layout as an argument; None is the library's default, which nobody said."""


def implied(text: str | Layout = DEFAULT_LAYOUT) -> Layout:
    """The layout of a library's own layers, where the user named none.

    >>> implied() == Layout.parse(DEFAULT_LAYOUT), str(implied())
    (False, '* in out')
    """
    return _implied(Layout.parse(text))


@lru_cache(maxsize=256)
def _implied(layout: Layout) -> Layout:
    return replace(layout, implied=True)


def _axis(match: re.Match[str], text: str) -> Axis:
    if match[1]:
        count = int(match[1]) if len(match[1]) < 19 else 0
        if not count:
            raise LayoutError(f"layout {shown(text)}: {match[0][:40]} must have 1 to 10**18 segments")
        return Axis(match[2], count)
    if match[3] not in ROLES:
        raise LayoutError(
            f"layout {shown(text)}: cannot read {shown(match[3])}; the words are {', '.join(ROLES)} "
            "and packed segments such as (3 out)"
        )
    return Axis(match[3])


def _suggest(ndim: int) -> str:
    examples = {
        0: "a scalar has no axes to describe",
        1: "'out' for a bias",
        2: "'out in' for torch, 'in out' for x @ w",
        3: "'out in *' for a 1-D convolution, 'stack in out' for experts",
    }
    return "for example " + examples.get(ndim, "'out in *' for torch, '* in out' for Keras and JAX")


@dataclass(frozen=True)
class Geometry:
    """A weight's shape together with how its layer uses it.

    `groups` cuts the axis that holds all groups together (`out`; `in` when `transposed`);
    `stride` is the step along each receptive axis.  Raises LayoutError when they do not fit.
    """

    shape: tuple[int, ...]
    layout: Layout
    groups: int = 1
    stride: int | tuple[int, ...] = 1
    transposed: bool = False

    @staticmethod
    def of(
        shape: Sequence[int],
        layout: LayoutLike = None,
        *,
        groups: int = 1,
        stride: int | Sequence[int] = 1,
        transposed: bool = False,
    ) -> Geometry:
        """A checked Geometry from what a user writes."""
        read = implied() if layout is None else Layout.parse(layout)
        flags = CHECKS.whole("groups", groups), _steps(stride), CHECKS.flag("transposed", transposed)
        return Geometry(_checked_shape(shape), read, *flags)

    def split(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The shape with packed and grouped axes cut in two, and the role of each piece.

        A cut axis becomes (stack, out) or (stack, in): the segments are maps of their own.
        """
        sizes: list[int] = []
        roles: list[str] = []
        grouped_role = "in" if self.transposed else "out"
        axes = self.layout.resolve(self.shape)
        grouped = next((k for k, axis in enumerate(axes) if axis.role == grouped_role), None)
        if self.groups > 1 and grouped is None:
            raise LayoutError(f"groups={self.groups} needs an {grouped_role!r} axis in {str(self.layout)!r}")
        for k, (size, axis) in enumerate(zip(self.shape, axes, strict=True)):
            parts = axis.segments * (self.groups if k == grouped else 1)
            if parts > 1:
                self._check_divides(size, parts, axis)
                sizes += [parts, size // parts]
                roles += ["stack", axis.role]
            else:
                sizes.append(size)
                roles.append("stack" if axis.role in ("group", "lookup") else axis.role)
        return tuple(sizes), tuple(roles)

    def _check_divides(self, size: int, parts: int, axis: Axis) -> None:
        if size % parts:
            what = f"groups={self.groups}" if axis.segments == 1 else f"the segments of '{axis}'"
            raise LayoutError(f"shape {self.shape}: an axis of {size} does not divide by {parts} ({what})")

    @property
    def told(self) -> bool:
        """Whether somebody said which axes are outputs and which are inputs."""
        reads = any(map(self.has_role, ("in", "group", "lookup")))
        return not self.layout.implied and self.has_role("out") and reads

    def bare(self) -> Geometry:
        """The same axes in the same roles, without groups, segments and strides.

        That is all a framework's rule can be told: it knows of nothing but axes.
        """
        roles = tuple(Axis(axis.role) for axis in self.layout.axes)
        return Geometry(self.shape, Layout(roles, self.layout.implied))

    def roles(self) -> tuple[str, ...]:
        """The role of every axis."""
        return tuple(axis.role for axis in self.layout.resolve(self.shape))

    def has_role(self, role: str) -> bool:
        """Whether any axis plays this role."""
        return role in self.roles()

    def canonical_sizes(self) -> tuple[int, int, int, tuple[int, ...]]:
        """(stack, out, in, receptive axes): the sizes after every axis is sorted by role."""
        sizes, roles = self.split()

        def product(role: str) -> int:
            return math.prod(size for size, r in zip(sizes, roles, strict=True) if r == role)

        receptive = tuple(size for size, role in zip(sizes, roles, strict=True) if role == "*")
        return product("stack"), product("out"), product("in"), receptive

    def from_canonical(self, canonical: NDArray[Any]) -> NDArray[Any]:
        """An array of shape (stack, out, in, *receptive), laid out as this weight is."""
        sizes, places = self._canonical_pieces
        laid_out = canonical.reshape(sizes).transpose(places).reshape(self.shape)
        return np.ascontiguousarray(laid_out) if isinstance(laid_out, np.ndarray) else laid_out

    @cached_property
    def _canonical_pieces(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The sizes of all pieces in canonical order, and where each piece of the weight is among them."""
        sizes, roles = self.split()
        order = sorted(range(len(roles)), key=lambda k: CANONICAL.index(roles[k]))
        return tuple(sizes[k] for k in order), tuple(order.index(k) for k in range(len(order)))

    def strides(self) -> tuple[int, ...]:
        """The stride along every receptive axis."""
        receptive = self.canonical_sizes()[3]
        if isinstance(self.stride, int):
            return (self.stride,) * len(receptive)
        if len(self.stride) != len(receptive):
            raise LayoutError(
                f"stride {self.stride} has {len(self.stride)} entries, but {str(self.layout)!r} leaves "
                f"{len(receptive)} receptive axes in the shape {self.shape}"
            )
        return self.stride


def _steps(stride: int | Sequence[int]) -> int | tuple[int, ...]:
    if isinstance(stride, (list, tuple)) or (isinstance(stride, np.ndarray) and stride.ndim):
        return tuple(CHECKS.whole("stride, on every axis,", step) for step in stride)
    return CHECKS.whole("stride", stride)


def _checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    try:
        entries = tuple(islice(shape, MOST_AXES + 1))
        sizes = tuple(int(size) for size in entries)
        whole = all(0 <= size <= LARGEST for size in sizes) and sizes == entries
    except Exception as error:
        raise LayoutError(f"a shape is a sequence of integers, got {shown(shape)}") from error
    CHECKS.require(whole, f"a shape is a sequence of non-negative integers, got {shown(entries)}")
    CHECKS.require(len(sizes) <= MOST_AXES, f"a shape has at most {MOST_AXES} axes, got {shown(shape)}")
    return sizes
