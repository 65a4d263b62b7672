"""How many inputs each output reads, and how many outputs each input feeds.

`fans` reads them off a Layout, exactly.  The frameworks' own rules, which look at the shape
alone, stand beside it in FRAMEWORK_RULES, for the dialects that reproduce them, defects included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isogain.checking import Checks
from isogain.core.geometry.layout import DEFAULT_LAYOUT, Geometry, LayoutLike
from isogain.errors import LayoutError

__all__ = ["FRAMEWORK_RULES", "MODES", "Fans", "axes_only_fans", "axis_fans", "fans", "geometry_fans"]

CHECKS = Checks(LayoutError)
MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")


@dataclass(frozen=True)
class Fans:
    """fan_in and fan_out of a weight; whole numbers unless a stride makes them averages."""

    fan_in: float
    fan_out: float
    receptive_size: int = 1

    def __post_init__(self) -> None:
        for name in ("fan_in", "fan_out"):
            number = CHECKS.number(f"Fans: {name}", getattr(self, name), least=0)
            object.__setattr__(self, name, _tidy(number))
        CHECKS.whole("Fans: receptive_size", self.receptive_size, least=0)

    def __repr__(self) -> str:
        return f"Fans(fan_in={self.fan_in}, fan_out={self.fan_out})"

    @property
    def fan_avg(self) -> float:
        """(fan_in + fan_out) / 2."""
        return (self.fan_in + self.fan_out) / 2

    @property
    def fan_geo_avg(self) -> float:
        """sqrt(fan_in * fan_out)."""
        return math.sqrt(self.fan_in * self.fan_out)

    def get(self, mode: str) -> float:
        """The fan a mode names: 'fan_in', 'fan_out', 'fan_avg' or 'fan_geo_avg'."""
        return float(getattr(self, CHECKS.choice("mode", mode, MODES)))


def _tidy(value: float) -> float:
    return int(value) if float(value).is_integer() else float(value)


def fans(
    shape: Sequence[int],
    layout: LayoutLike = DEFAULT_LAYOUT,
    *,
    groups: int = 1,
    stride: int | Sequence[int] = 1,
    transposed: bool = False,
) -> Fans:
    """The fans of a weight of this shape, used in this way.

    fan_in is the number of weights summed into one output, fan_out the number of outputs one input
    reaches: with k the receptive sizes and s the strides,

        ordinary      fan_in = in * prod(k)          fan_out = out * prod(k / s)
        transposed    fan_in = in * prod(k / s)      fan_out = out * prod(k)

    for one group, one segment, one member of a stack; averages over positions where k / s is broken,
    and away from the borders, where padding leaves fewer.  An embedding ('lookup out') has fan_in 1.

    Raises LayoutError when the layout does not fit the shape, or names no outputs or inputs.

    >>> fans((64, 32, 3, 3), layout="out in *", groups=4)
    Fans(fan_in=288, fan_out=144)
    """
    return geometry_fans(Geometry.of(shape, layout, groups=groups, stride=stride, transposed=transposed))


def geometry_fans(geometry: Geometry) -> Fans:
    """The fans of a Geometry (see `fans`)."""
    has_inputs = any(map(geometry.has_role, ("in", "group", "lookup")))
    if not geometry.has_role("out") or not has_inputs:
        raise LayoutError(
            f"the layout {str(geometry.layout)!r} gives the shape {geometry.shape} no fans; "
            "'out in' (torch) or 'in out' (x @ w), with '*' for a kernel, would; "
            "a bias has none: use Zeros, Constant, Normal or Uniform for it"
        )
    _, outputs, inputs, receptive = geometry.canonical_sizes()
    size = math.prod(receptive)
    reached = size / math.prod(geometry.strides())
    forward, backward = (reached, size) if geometry.transposed else (size, reached)
    return Fans(inputs * forward, outputs * backward, size)


def axis_fans(
    shape: Sequence[int], in_axis: Sequence[int], out_axis: Sequence[int], batch_axis: Sequence[int]
) -> Fans:
    """JAX's rule: named axes, all the others but `batch_axis` are the receptive field."""
    named = _different_axes(shape, (*in_axis, *out_axis, *batch_axis))
    bare = axes_only_fans(shape, in_axis, out_axis)
    receptive = math.prod(size for axis, size in enumerate(shape) if axis not in named)
    return Fans(bare.fan_in * receptive, bare.fan_out * receptive, receptive)


def axes_only_fans(shape: Sequence[int], in_axis: Sequence[int], out_axis: Sequence[int]) -> Fans:
    """Keras' rule where axes are given: their products, and nothing else."""
    _different_axes(shape, (*in_axis, *out_axis))
    return Fans(math.prod(shape[axis] for axis in in_axis), math.prod(shape[axis] for axis in out_axis))


def _different_axes(shape: Sequence[int], axes: Sequence[int]) -> set[int]:
    ndim = len(shape)
    found = {axis % ndim for axis in axes if -ndim <= axis < ndim}
    if len(found) != len(axes):
        raise LayoutError(
            f"shape {tuple(shape)}: the in, out and batch axes {tuple(axes)} must be different ones of the "
            f"{ndim} it has"
        )
    return found


def _torch_rule(shape: Sequence[int]) -> Fans:
    """fan_in = s[1] * prod(s[2:]), fan_out = s[0] * prod(s[2:]); blind to groups and transposition."""
    if len(shape) < 2:
        raise LayoutError(f"PyTorch's fan rule needs a shape of two axes or more, got {tuple(shape)}")
    receptive = math.prod(shape[2:])
    return Fans(shape[1] * receptive, shape[0] * receptive, receptive)


def _keras_rule(shape: Sequence[int]) -> Fans:
    """fan_in = s[-2] * prod(s[:-2]), fan_out = s[-1] * prod(s[:-2]); (n,) gives (n, n), at least 1."""
    if len(shape) < 2:
        size = max(math.prod(shape), 1)
        return Fans(size, size)
    receptive = math.prod(shape[:-2])
    return Fans(max(shape[-2] * receptive, 1), max(shape[-1] * receptive, 1), receptive)


def _caffe_rule(shape: Sequence[int]) -> Fans:
    """fan_in = count / s[0], fan_out = count / s[1] (a missing axis counts 1)."""
    first, second, *_ = (*shape, 1, 1)
    rest = math.prod(shape[2:])
    return Fans(second * rest, first * rest, rest)


def _mlx_rule(shape: Sequence[int]) -> Fans:
    """Weights are (out, k..., in)."""
    if len(shape) < 2:
        raise LayoutError(f"MLX's fan rule needs a shape of two axes or more, got {tuple(shape)}")
    receptive = math.prod(shape[1:-1])
    return Fans(shape[-1] * receptive, shape[0] * receptive, receptive)


def _paddle_rule(shape: Sequence[int]) -> Fans:
    """(in, out) for a matrix, (out, in, k...) for a kernel, (n,) gives (n, n)."""
    if len(shape) > 2:
        return _torch_rule(shape)
    first, second = (*shape, *shape, 1, 1)[:2] if len(shape) < 2 else shape
    return Fans(first, second)


def _rule(
    what: str, split: Callable[[Sequence[int]], tuple[int, int, int]]
) -> Callable[[Sequence[int]], Fans]:
    """A rule by (inputs, outputs, receptive size) of a shape of two axes or more."""

    def fans_of(shape: Sequence[int]) -> Fans:
        if len(shape) < 2:
            raise LayoutError(f"{what} needs a shape of two axes or more, got {tuple(shape)}")
        inputs, outputs, receptive = split(shape)
        return Fans(inputs * receptive, outputs * receptive, receptive)

    return fans_of


FRAMEWORK_RULES: dict[str, Callable[[Sequence[int]], Fans]] = {
    "torch": _torch_rule,
    "keras": _keras_rule,
    "caffe": _caffe_rule,
    "mlx": _mlx_rule,
    "paddle": _paddle_rule,
    "in_first": _rule("a weight (in, out, k...)", lambda s: (s[0], s[1], math.prod(s[2:]))),
    "in_last": _rule("a weight (k..., out, in)", lambda s: (s[-1], s[-2], math.prod(s[:-2]))),
    "first_in": _rule("a weight (in, out...)", lambda s: (s[0], math.prod(s[1:]), 1)),
    "last_out": _rule("a weight (in..., out)", lambda s: (math.prod(s[:-1]), s[-1], 1)),
    "first_out": _rule("a weight (out, in...)", lambda s: (math.prod(s[1:]), s[0], 1)),
    "two_axes": _rule("a weight whose first two axes count", lambda s: (s[1], s[0], 1)),
    "last_two": _rule("a weight whose last two axes count", lambda s: (s[-1], s[-2], 1)),
}
"""By whose shape: PyTorch (MXNet, Chainer, MindSpore), Keras (JAX, Haiku, Sonnet), Caffe, MLX, PaddlePaddle;
transposed kernels whose inputs stand first or last; heads folded into outputs (`first_in`) or inputs
(`last_out`);
tinygrad (`first_out`), Thinc (`two_axes`), PyTorch Geometric (`last_two`)."""
