"""`translate`: the call of another framework that gives the same law, or the nearest and what differs."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogain.checking import shown
from isogain.core.geometry.layout import Layout, LayoutLike, implied
from isogain.core.names.catalog import catalog, get
from isogain.core.names.frameworks import FRAMEWORKS, OURS, Framework, framework_of, known_framework
from isogain.core.names.proposals import arguments_for, facts_of
from isogain.core.names.rows import Row
from isogain.core.values.distributions import CHECKS, Law, NormalLaw, StructuredLaw, TruncatedNormalLaw
from isogain.core.values.initializer import Initializer
from isogain.errors import InitializerError

__all__ = ["Translation", "translate"]

GENERAL = ("general", "fixed scales", "biases and constants", "kernels and sparse patterns")
"""isogain's own rows that are laws for any network."""
NO_CALLS = ("torch.default_weight",)
"""Rows that name what layers do, and that their framework has no function for."""
NEVER = 9.0
"""Sigmas beyond which no draw has ever been cut."""
SIZES = ((48, 80, (3, 3)), (128, 32, (5, 2)), (17, 29, (2, 2)))
"""(in, out, taps) of weights at which two laws must agree: no two of a fan's readings do at all three."""
SAME = 1e-9


@dataclass(frozen=True)
class Translation:
    """A call of the framework asked for, and how near its law is; prints as the call and what differs."""

    source: str
    """What was asked for."""
    to: str
    call: str
    """As one writes it there; `w` is the weight."""
    exact: bool
    """Whether the laws are the same, at every size or at the shape that was given."""
    where: str
    """'at every size', 'at this shape', or 'nowhere' for the nearest law."""
    difference: str
    """What differs where it is not exact; empty where it is."""
    layout: str
    """How the weight lies there."""
    row: str
    """The row of the catalog that the call is of."""
    initializer: Initializer
    """That row's value, as `ig.draw` takes it."""
    version: str = ""
    note: str = ""

    def __str__(self) -> str:
        said = f"the same law {self.where}" if self.exact else f"the nearest: {self.difference}"
        return f"{self.call}\n  {said}; weight as {self.layout!r}" + (f"\n  {self.note}" if self.note else "")

    def to_dict(self) -> dict[str, Any]:
        """The translation as JSON-ready data."""
        names = ("source", "to", "call", "exact", "where", "difference", "layout", "row", "version", "note")
        return {name: getattr(self, name) for name in names} | {"initializer": self.initializer.to_dict()}

    def _repr_html_(self) -> str:
        said = f"the same law {self.where}" if self.exact else f"the nearest: {self.difference}"
        cells = [html.escape(text) for text in (self.source, self.call, said, self.layout, self.note)]
        heads = ("from", "call", "law", "layout", "note")
        lines = [f"<tr><th>{head}</th><td>{cell}</td></tr>" for head, cell in zip(heads, cells, strict=True)]
        return f"<table>{''.join(lines)}</table>"


def translate(
    name: str, *, to: str, layout: LayoutLike = None, shape: Sequence[int] | None = None,
    transposed: bool = False,
    **parameters: Any,
) -> Translation:  # fmt: skip
    """The call of the framework `to` that draws the law which `name` draws in its own framework.

    `name` and `parameters` are as `ig.get` takes them: an initializer's row ("torch.kaiming_uniform_",
    a=5**0.5) or a layer's ("torch.nn.Linear.weight").  `layout` says how the weight lies in its own
    framework ("in out" for a parameter of `x @ w`; by default as its framework's layers have it) and so
    what its axes mean: the law that the framework reads off that shape, right or wrong, is what is looked
    for, on the same weight as the other framework lays it out.  `shape`, where given, is that of the weight
    in its own framework: where no call has the law at every size, one with numbers for this shape is taken.
    `transposed` for transposed convolutions.

    The laws are compared as laws (family, moments, bounds), not by names.  `exact` says whether they are
    the same; `difference` what is not.  Raises InitializerError for an unknown name or framework, or a row
    that is no law of a weight.

    >>> print(translate("torch.kaiming_uniform_", a=5**0.5, to="paddle"))
    paddle.nn.initializer.KaimingUniform(negative_slope=2.236067977, nonlinearity='leaky_relu')
      the same law at every size; weight as 'in out'
      ...
    """
    value = get(name, **parameters)
    sizes = None if shape is None else CHECKS.series("shape", shape, "integers")
    row = catalog()[name] if isinstance(name, str) else None
    own = framework_of(row) if row is not None else FRAMEWORKS[OURS]
    target = known_framework(to)
    here = _layout_here(row, own, layout, sizes, CHECKS.flag("transposed", transposed))
    there = target.layout_of(_roles(here), bool(transposed)) or here
    wanted = _Wanted(str(name), value, here, there, sizes)
    told = ", ".join(f"{key}={one!r}" for key, one in parameters.items())
    found = min(_candidates(target, wanted), key=lambda one: one.cost, default=None)
    if found is None:
        raise InitializerError(
            f"{shown(name)}: none of {target.name}'s initializers takes a weight laid out as {here!r}"
        )
    where = found.where
    return Translation(
        f"{name}({told})", target.name, target.call(found.row, found.arguments), where != "nowhere", where,
        found.difference, there, found.row.name, found.value, found.row.version, found.row.summary,
    )  # fmt: skip


def _layout_here(
    row: Row | None, own: Framework, layout: LayoutLike, shape: Sequence[int] | None, transposed: bool
) -> str:
    if layout is not None:
        return str(Layout.parse(layout))
    if row is not None and row.layout:
        return row.layout
    axes = 2 if shape is None else len(shape)
    return own.transposed if transposed else own.kernel if axes > 2 else own.matrix


def _roles(layout: str) -> tuple[str, ...]:
    return tuple(axis.role for axis in Layout.parse(layout).axes)


class _Wanted:
    """The law that is looked for, at several sizes, in both frameworks' layouts."""

    def __init__(
        self, name: str, value: Initializer, here: str, there: str, shape: tuple[int, ...] | None
    ) -> None:
        self.name, self.there, self.shape = _short(name), there, shape
        self.laws = [self._law(value, _shape(here, *sizes), here) for sizes in SIZES]
        self.shapes = [_shape(there, *sizes) for sizes in SIZES]
        fixed: dict[str, Law] = {}
        if shape is not None:
            fixed["shape"] = self._law(value, shape, here)
            self.fixed = (fixed["shape"], _moved(shape, here, there))
        self.facts = [facts_of(value, {})] + ([facts_of(value, fixed)] if shape is not None else [])

    @staticmethod
    def _law(value: Initializer, shape: tuple[int, ...], layout: str) -> Law:
        return value.law(shape, layout=implied(layout))

    def judged(self, row: Row, value: Initializer) -> tuple[float, str, str]:
        """(cost, where, difference) of a candidate."""
        found = [self._law(value, shape, self.there) for shape in self.shapes]
        differences = [_apart(ours, theirs) for ours, theirs in zip(self.laws, found, strict=True)]
        if max(differences) < SAME:
            return 0.0, "at every size", ""
        if self.shape is not None:
            law, shape = self.fixed
            apart = _apart(law, self._law(value, shape, self.there))
            if apart < SAME:
                return 1e-3, "at this shape", ""
            return 1 + apart, "nowhere", _said([law], [self._law(value, shape, self.there)])
        uneven = max(differences) - min(
            differences
        )  # a factor can be made up for, a scale of other fans cannot
        return 1 + sum(differences) / len(differences) + 2 * uneven, "nowhere", _said(self.laws, found)


@dataclass(frozen=True)
class _Candidate:
    row: Row
    arguments: Mapping[str, Any]
    value: Initializer
    cost: float
    where: str
    difference: str


def _candidates(target: Framework, wanted: _Wanted) -> Iterator[_Candidate]:
    """The rows of a framework with every argument that could be meant."""
    for facts in wanted.facts:
        for row in catalog():
            if not _is_of(row, target) or row.layout or row.function or row.name in NO_CALLS:
                continue
            for arguments in arguments_for(row, facts, target.always):
                try:
                    value = row.make(**arguments)
                    cost, where, difference = wanted.judged(row, value)
                except (ValueError, ArithmeticError, TypeError):  # a row is a line of arithmetic
                    continue
                preferred = len(arguments) - 0.5 * (_short(row.name) == wanted.name)
                yield _Candidate(row, arguments, value, cost + preferred * 1e-6, where, difference)


def _is_of(row: Row, target: Framework) -> bool:
    """Whether the row bears the framework's own name, and not that of a library on top of it."""
    if "." not in row.name:
        return target.name == OURS and row.group in GENERAL
    return row.name.partition(".")[0] == target.prefix


def _short(name: str) -> str:
    return name.rpartition(".")[2].lower().replace("_", "")


def _shape(layout: str, inputs: int, outputs: int, taps: tuple[int, ...]) -> tuple[int, ...]:
    """A weight's shape of these sizes; segments and stacks of 3 and 4."""
    found: list[int] = []
    for axis in Layout.parse(layout).axes:
        sizes = {"in": inputs, "out": outputs, "lookup": inputs, "group": inputs, "stack": 4}
        found += taps if axis.role == "*" else [axis.segments * sizes[axis.role]]
    return tuple(found)


def _moved(shape: tuple[int, ...], here: str, there: str) -> tuple[int, ...]:
    """The shape of the same weight in another layout."""
    if here == there:
        return shape
    axes = Layout.parse(here).resolve(shape)
    by_role: dict[str, list[int]] = {}
    for size, axis in zip(shape, axes, strict=True):
        by_role.setdefault(axis.role, []).append(size)
    found: list[int] = []
    for axis in Layout.parse(there).axes:
        found += by_role.get("*", []) if axis.role == "*" else [by_role[axis.role].pop(0)]
    return tuple(found)


def _apart(one: Law, other: Law) -> float:
    """0 for the same law; the logarithm of the ratio of stds, and 1 for another family."""
    family = 0.0 if _family(one) == _family(other) else 1.0
    if one.std == 0 or other.std == 0:
        return (
            abs(one.std - other.std)
            + abs(one.mean - other.mean)
            + (0.0 if one.std == other.std else family + 10)
        )
    spread = abs(math.log(one.std / other.std))
    shift = abs(one.mean - other.mean) / one.std
    return family + spread + shift + 0.1 * sum(map(_gap, one.bounds, other.bounds)) / one.std


def _gap(one: float, other: float) -> float:
    """Between two bounds, where both are there."""
    return abs(one - other) if math.isfinite(one) and math.isfinite(other) else 0.0


def _family(law: Law) -> str:
    if isinstance(law, StructuredLaw):
        return law.construction.replace("svd_", "").partition(" ")[0]
    if isinstance(law, TruncatedNormalLaw) and min(-law.alpha, law.beta) > NEVER:
        return NormalLaw.kind
    return law.kind


def _said(wanted: Sequence[Law], found: Sequence[Law]) -> str:
    """What differs between laws, in words."""
    parts = []
    if _family(wanted[0]) != _family(found[0]):
        words = (found[0].kind.replace("_", " "), wanted[0].kind.replace("_", " "))
        parts.append("{} instead of {}".format(*words) if words[0] != words[1] else "cut elsewhere")
    if all(law.std and other.std for law, other in zip(wanted, found, strict=True)):
        ratios = [other.std / law.std for law, other in zip(wanted, found, strict=True)]
        low, high = min(ratios), max(ratios)
        if not math.isclose(low, high, rel_tol=1e-6):
            parts.append(f"{low:.3g} to {high:.3g} times as wide, by the sizes")
        elif not math.isclose(low, 1, rel_tol=1e-9):
            parts.append(f"{low:.4g} times as wide at every size")
    if any(
        not math.isclose(abs(a.mean), abs(b.mean), abs_tol=1e-12) for a, b in zip(wanted, found, strict=True)
    ):
        parts.append("another mean")
    return ", ".join(parts) or "other bounds"
