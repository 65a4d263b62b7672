"""Reads the law of a recorded tensor: its steps in order, on expressions instead of numbers, box by box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import torch

from isogain.core.constructions.packed import Packed
from isogain.core.initializers import Constant, Ones, Zeros
from isogain.core.names.dialects import pytorch
from isogain.core.values.initializer import Initializer
from isogain.torch.own.expressions import Expression, combined, constant
from isogain.torch.own.laws import initializer_of, law_of_expression, plain_layout
from isogain.torch.own.record import Needed, Record, Ref, Step

__all__ = ["Reading", "read"]

Box = tuple[tuple[int, int], ...]
Value = Expression | None


@dataclass(frozen=True)
class Reading:
    """The initializer of a tensor and the geometry it is drawn with."""

    law: Initializer
    layout: str
    groups: int = 1


def read(record: Record, ref: Ref, needed: Needed) -> Reading | None:
    """The law that a tensor was drawn from; None where its library's steps make none that has a name."""
    state = _State(record)
    for index in needed.steps:
        state.follow(record.steps[index])
    home = record.homes[ref.storage]
    if home.count != ref.count or not ref.is_dense:
        return None
    return _reading(state.patches.get(ref.storage, []), home, ref)


def _reading(patches: list[tuple[Box, Value]], home: Ref, ref: Ref) -> Reading | None:
    if len(patches) == 1:
        return _whole(patches[0][1], ref.shape)
    if home.shape != ref.shape or any(value is None for _, value in patches):
        return None
    return _packed(patches, ref.shape)


def _whole(value: Value, shape: tuple[int, ...]) -> Reading | None:
    if value is None:
        return None
    geometry = dict(value.geometry) if value.op == "drawn" else {}
    law = law_of_expression(value, shape)
    return None if law is None else Reading(law, plain_layout(shape), geometry.get("groups", 1))


def _packed(patches: list[tuple[Box, Value]], shape: tuple[int, ...]) -> Reading | None:
    """Stretches along one axis, whatever was written last there."""
    whole = tuple((0, size) for size in shape)
    axes = {
        k for box, _ in patches for k, (one, all_) in enumerate(zip(box, whole, strict=True)) if one != all_
    }
    if len(axes) != 1 or len(shape) == 0:
        return None
    axis = axes.pop()
    cuts = sorted({end for box, _ in patches for end in box[axis]})
    stretches: list[tuple[int, Value]] = []
    for low, high in pairwise(cuts):
        last = next((v for box, v in reversed(patches) if box[axis][0] <= low and high <= box[axis][1]), None)
        stretches.append((high - low, last))
    if cuts[0] != 0 or cuts[-1] != shape[axis]:
        return None
    return _pack(stretches, axis, shape)


def _pack(stretches: list[tuple[int, Value]], axis: int, shape: tuple[int, ...]) -> Reading | None:
    """One part for each draw: stretches of one draw are one map."""
    draws: list[Value] = []
    for _, value in stretches:
        if value not in draws:
            draws.append(value)
    parts = tuple(draws.index(value) for _, value in stretches)
    laws = []
    for number, value in enumerate(draws):
        length = sum(size for (size, _), part in zip(stretches, parts, strict=True) if part == number)
        reading = _whole(value, (*shape[:axis], length, *shape[axis + 1 :]))
        if reading is None or reading.groups != 1 or isinstance(reading.law, Packed):
            return None
        laws.append(reading.law)
    sizes = tuple(size for size, _ in stretches)
    return Reading(Packed(tuple(laws), sizes, parts, 1, axis), plain_layout(shape))


@dataclass
class _State:
    """Memory -> what was written where, the latest last."""

    record: Record
    patches: dict[int, list[tuple[Box, Value]]] = field(default_factory=dict)

    def follow(self, step: Step) -> None:
        """Takes up what a step does to memory."""
        if step.is_void:
            return
        if step.call is not None:
            law, geometry = initializer_of(step.call, step.call.target.shape)
            self.write(step.call.target, _drawn(law, geometry, step.index))
            return
        if step.value is not None:
            self.write(_only(step.made), _of_value(step.value))
            return
        outputs = [ref for ref in step.made if ref is not None]
        name = step.name.rstrip("_").removeprefix("new_").removesuffix("_like")
        if name in ("cat", "stack", "concat"):
            self._join(step, name, outputs[0])
            return
        targets = outputs or list(step.writes)
        value = self._value(step, name, targets)
        for target in targets:
            self.write(target, value if len(targets) == 1 else None)

    def _value(self, step: Step, name: str, targets: list[Ref]) -> Value:
        maker = _MAKERS.get(name)
        if maker is not None:
            return maker(step)
        if name in _CARRY:
            source = _source(step)
            return self._carried(source, targets[0]) if source is not None else None
        operands = self._operands(step, targets[0])
        return None if operands is None else combined(name, *operands)

    def _carried(self, source: Ref, target: Ref) -> Value:
        value = self.read(source)
        if value is None or value.value is not None or source.count == target.count:
            return value
        return None  # a broadcast draw: its elements are not independent

    def _operands(self, step: Step, target: Ref) -> tuple[list[Expression], dict[str, Any]] | None:
        found: list[Expression] = []
        for one in step.args:
            if isinstance(one, Ref):
                value = self._carried(one, target)
                if value is None:
                    return None
                found.append(value)
            elif isinstance(one, bool | int | float):
                found.append(constant(one))
            elif one is not None:
                return None
        plain = {
            k: v for k, v in step.kwargs.items() if isinstance(v, int | float) and not isinstance(v, bool)
        }
        return (found, plain) if found else None

    def _join(self, step: Step, name: str, made: Ref) -> None:
        parts, axis = step.args[0], (step.args[1] if len(step.args) > 1 else step.kwargs.get("dim", 0))
        axis %= len(made.shape)
        sizes = [1 if name == "stack" else part.shape[axis] for part in parts]
        values = [self.read(part) for part in parts]
        self.patches[made.storage] = []
        for high, size, value in zip(accumulate(sizes), sizes, values, strict=True):
            box = tuple((0, n) for n in made.shape)
            self._add(made.storage, (*box[:axis], (high - size, high), *box[axis + 1 :]), value)

    def read(self, ref: Ref) -> Value:
        """The expression that all elements of a view are; None where there is no one such."""
        box = self._box(ref)
        if box is None:
            return None
        for patch, value in reversed(self.patches.get(ref.storage, [])):
            if _inside(box, patch):
                return value
            if all(low < b and a < high for (low, high), (a, b) in zip(box, patch, strict=True)):
                return None
        return None

    def write(self, ref: Ref, value: Value) -> None:
        """All elements of a view are now this."""
        box = self._box(ref)
        if box is None:
            home = self.record.homes[ref.storage]
            box, value = tuple((0, size) for size in home.shape), None
        self._add(ref.storage, box, value)

    def _add(self, storage: int, box: Box, value: Value) -> None:
        patches = self.patches.setdefault(storage, [])
        patches[:] = [(old, one) for old, one in patches if not _inside(old, box)]
        patches.append((box, value))

    def _box(self, ref: Ref) -> Box | None:
        return box_of(ref, self.record.homes[ref.storage])


def box_of(ref: Ref, home: Ref) -> Box | None:
    """The box of the tensor `home` that a view looks at, in whatever order of axes; None if it is none."""
    whole = tuple([(0, size) for size in home.shape])
    if ref.sees(home) or (ref.count == home.count and ref.is_dense):
        return whole
    if not home.is_contiguous or ref.dtype != home.dtype:
        return None
    rest, starts = ref.offset - home.offset, []
    for stride in home.stride:
        starts.append(rest // stride if stride else 0)
        rest -= starts[-1] * stride
    sizes = [1] * len(starts)
    for size, stride in zip(ref.shape, ref.stride, strict=True):
        if size == 1:
            continue
        axis = next((k for k, one in enumerate(home.stride) if one == stride and home.shape[k] > 1), None)
        if axis is None or sizes[axis] != 1 or starts[axis] + size > home.shape[axis]:
            return None
        sizes[axis] = size
    return tuple((start, start + size) for start, size in zip(starts, sizes, strict=True))


def _inside(inner: Box, outer: Box) -> bool:
    return all(a <= low and high <= b for (low, high), (a, b) in zip(inner, outer, strict=True))


def _only(refs: tuple[Ref | None, ...]) -> Ref:
    return next(ref for ref in refs if ref is not None)


def _source(step: Step) -> Ref | None:
    refs = [one for one in step.args if isinstance(one, Ref)]
    return refs[-1] if refs else None


def _drawn(law: Initializer, geometry: dict[str, Any], leaf: int) -> Expression:
    if isinstance(law, Constant | Ones | Zeros):
        return constant(getattr(law, "value", 1.0 if isinstance(law, Ones) else 0.0))
    return Expression("drawn", (), law, tuple(geometry.items()), leaf)


def _of_value(value: torch.Tensor) -> Value:
    if value.numel() == 1 and value.dtype != torch.bool and not value.is_complex():
        return constant(value.item())
    return None


_CARRY = (
    "clone",
    "_to_copy",
    "copy",
    "detach_copy",
    "contiguous",
    "alias_copy",
    "view_copy",
    "_reshape_copy",
)


def _random(law: str, *names: tuple[str, float]) -> Callable[[Step], Value]:
    def make(step: Step) -> Value:
        if step.generator is not None:
            return None
        given = [one for one in step.args if isinstance(one, int | float)]
        settings = dict(names)
        settings.update(zip(settings, given, strict=False))
        settings.update(
            {k: v for k, v in step.kwargs.items() if k in settings and isinstance(v, int | float)}
        )
        if any(isinstance(one, Ref) for one in step.args[1:]):
            return None
        return _drawn(getattr(pytorch, law)(**settings), {"layout": "out in *"}, step.index)

    return make


def _filled(step: Step) -> Value:
    numbers = [
        one for one in (*step.args, step.kwargs.get("fill_value")) if isinstance(one, bool | int | float)
    ]
    return constant(numbers[-1]) if numbers else None


def _fill(step: Step) -> Value:
    return _filled(step) if not isinstance(step.args[-1], Ref) or len(step.args) < 2 else None


_MAKERS: dict[str, Callable[[Step], Value]] = {
    "normal": _random("normal_", ("mean", 0.0), ("std", 1.0)),
    "uniform": _random("uniform_", ("a", 0.0), ("b", 1.0)),
    "randn": lambda step: _random("normal_")(step),
    "rand": lambda step: _random("uniform_")(step),
    "zero": lambda step: constant(0.0),
    "zeros": lambda step: constant(0.0),
    "ones": lambda step: constant(1.0),
    "full": _filled,
    "scalar_tensor": _filled,
    "fill": _fill,
}
