"""Which channels of a node's output, or which entries of a parameter, a tensor holds.

Every shape operation is called a second time, on labels: integers that say where each element comes from.
Labels are expanded along all axes that they do not depend on, so that views of them cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils import _pytree as pytree

from isogain.graph.selection import Stripes
from isogain.torch.call.operations import kind_of, plain_name

__all__ = ["Window", "followed"]

Tensor = torch.Tensor
LARGEST = 1 << 18
"""Elements of labels beyond which an operation that copies is not followed."""
_SAME = frozenset(
    ["to", "float", "half", "bfloat16", "double", "type", "clone", "contiguous", "type_as", "detach", "cpu",
     "cuda", "requires_grad", "masked_fill"]
)  # fmt: skip
_VIEWS = frozenset(
    ["transpose", "permute", "squeeze", "unsqueeze", "expand", "chunk", "split", "unbind", "narrow", "t", "T",
     "mT", "movedim", "swapaxes", "select", "tensor_split", "unflatten"]
)  # fmt: skip
_RESHAPES = frozenset(["view", "reshape", "flatten"])
_JOINS = frozenset(["cat", "concat", "concatenate", "stack"])


@dataclass(frozen=True)
class Window:
    """Labels of one tensor: where its elements lie on axes of what it comes from."""

    origin: int | str
    """A node, or the name of a parameter."""
    sizes: tuple[int, ...]
    """Entries of each axis that is followed: a node's channels, all axes of a parameter."""
    labels: tuple[Tensor, ...]
    """For each of them a tensor of the shape of what is followed."""

    @staticmethod
    def over(origin: int | str, shape: tuple[int, ...], axes: tuple[int, ...]) -> Window:
        """The whole of a tensor, followed along these axes."""
        labels = []
        for axis in axes:
            places = [1] * len(shape)
            places[axis] = shape[axis]
            labels.append(torch.arange(shape[axis], dtype=torch.int32).view(places).expand(shape))
        return Window(origin, tuple(shape[axis] for axis in axes), tuple(labels))

    def moved(self, origin: int) -> Window:
        """The same labels for a node that acts on each element by itself."""
        return Window(origin, self.sizes, self.labels)

    def entries(self, number: int = 0) -> NDArray[Any]:
        """Every entry of one axis that occurs, ascending."""
        thin = _thin(self.labels[number])
        found = np.unique(thin.numpy())
        return found[found >= 0]

    def stripes(self, number: int = 0) -> Stripes | None:
        """The same as stripes."""
        return Stripes.of(self.entries(number), self.sizes[number])

    def axis_of(self, number: int) -> int | None:
        """The one axis of the tensor along which an axis of the origin runs; None for none, or several."""
        thin = _thin(self.labels[number])
        found = [axis for axis, size in enumerate(thin.shape) if size > 1 and _varies(thin, axis)]
        return found[0] if len(found) == 1 else None

    def fixed(self, number: int) -> bool:
        """Whether one entry of an axis was taken."""
        return self.entries(number).size == 1 < self.sizes[number]


def _thin(labels: Tensor) -> Tensor:
    """Labels without the axes they are expanded along."""
    for axis, step in enumerate(labels.stride()):
        if step == 0 and labels.shape[axis] > 1:
            labels = labels.narrow(axis, 0, 1)
    return labels


def _varies(labels: Tensor, axis: int) -> bool:
    return bool((labels != labels.narrow(axis, 0, 1)).any())


def followed(
    name: str,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    window_of: Callable[[Tensor], Window | None],
    results: list[Tensor],
) -> list[Window | None]:
    """The Windows of an operation's results; None for what it does not hand on element by element."""
    plain, lost = plain_name(name), [None] * len(results)
    given = [t for t in pytree.tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    windows = [w for t in given if t.is_floating_point() and (w := window_of(t)) is not None]
    if not windows or len({window.origin for window in windows}) > 1 or not results:
        return list(lost)
    first = windows[0]
    if plain in _SAME or kind_of(name) not in ("shape", "concatenate"):
        same = len(windows) == 1 and len(results) == 1 and results[0].shape == first.labels[0].shape
        return [first] if same else list(lost)
    if plain in _JOINS and len(windows) != len(given):
        return list(lost)
    try:
        columns = [
            _relabelled(plain, func, args, kwargs, window_of, number, results)
            for number in range(len(first.sizes))
        ]
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return list(lost)
    if any(len(column) != len(results) for column in columns):
        return list(lost)
    found = [tuple(column[k] for column in columns) for k in range(len(results))]
    return [
        Window(first.origin, first.sizes, labels) if labels[0].shape == result.shape else None
        for labels, result in zip(found, results, strict=True)
    ]


def _relabelled(
    plain: str,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    window_of: Callable[[Tensor], Window | None],
    number: int,
    results: list[Tensor],
) -> list[Tensor]:
    """The operation on the labels of one axis."""

    def swapped(one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        if one.is_floating_point():
            window = window_of(one)
            if window is None:
                raise ValueError("a tensor that is not followed")
            return window.labels[number]
        return torch.zeros(one.shape, dtype=one.dtype) if one.is_meta else one.detach().cpu()

    given, named = pytree.tree_map(swapped, (args, kwargs))
    large = max(result.numel() for result in results) > LARGEST
    if plain in _RESHAPES and not _is_type(args):
        made = _reshaped(given[0], results[0].shape, large)
    elif plain == "pad":
        pad = given[1] if len(given) > 1 else named["pad"]
        _refuse(large)
        made = functional.pad(given[0], pad, value=-1)
    else:
        _refuse(large and plain not in _VIEWS and not _is_slice(plain, args))
        made = func(*given, **named)
    return [one for one in pytree.tree_leaves(made) if isinstance(one, Tensor)]


def _refuse(condition: bool) -> None:
    if condition:
        raise ValueError("too large to copy")


def _is_type(args: tuple[Any, ...]) -> bool:
    return any(isinstance(one, torch.dtype) for one in args)


def _is_slice(plain: str, args: tuple[Any, ...]) -> bool:
    """Whether an indexing takes a view."""
    index = args[1] if plain == "__getitem__" and len(args) > 1 else [None]
    return all(
        one is None or one is Ellipsis or isinstance(one, (int, slice))
        for one in (index if isinstance(index, tuple) else (index,))
    )


def _reshaped(labels: Tensor, shape: torch.Size, large: bool) -> Tensor:
    try:
        return labels.view(shape)
    except RuntimeError:
        _refuse(large)
        return labels.reshape(shape)
