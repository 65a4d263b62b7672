"""Links: from one weight through elementwise operations to the next, and what breaks on the way.

A link's operations all come from one station (a weight, a norm, a sum, an input, ...) and act on each
element by itself, so that together they are one activation, whoever wrote it and in how many steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from isogain.graph.nodes import Graph, Node

__all__ = ["Link", "Links"]

_ELEMENTWISE = frozenset(
    [
        "exp",
        "log",
        "abs",
        "neg",
        "__neg__",
        "clamp",
        "clamp_min",
        "clamp_max",
        "clip",
        "pow",
        "__pow__",
        "square",
        "sqrt",
        "rsqrt",
        "sigmoid",
        "tanh",
        "erf",
        "erfc",
        "sin",
        "cos",
        "sinh",
        "cosh",
        "asinh",
        "log1p",
        "expm1",
        "logaddexp",
        "maximum",
        "minimum",
        "where",
        "heaviside",
        "sign",
        "sinc",
        "softplus",
        "positive",
        "reciprocal",
        "special_erf",
        "special_expit",
        "nan_to_num",
        "hypot",
        "xlogy",
        "addcmul",
        "__rpow__",
        "relu",
        "__gt__",
        "__lt__",
        "__ge__",
        "__le__",
        "gt",
        "lt",
        "ge",
        "le",
    ]
)
_SAME = frozenset(
    [
        "to",
        "float",
        "half",
        "bfloat16",
        "double",
        "type",
        "clone",
        "contiguous",
        "type_as",
        "requires_grad",
        "cpu",
        "cuda",
    ]
)
_AVERAGES = ("avg_pool", "adaptive_avg_pool", "mean")
_FLATTENS = frozenset(["view", "reshape", "flatten", "squeeze", "unsqueeze"])


@dataclass(frozen=True)
class Link:
    """The way from the station `source` to the weight `target`, and the nodes between them in order."""

    source: int
    target: int
    between: tuple[int, ...]
    paired: bool
    """Whether the first and the second half of the source's channels stay two halves of the target's."""
    averaged: bool = False
    """Whether positions are averaged on the way: the size of what arrives depends on their correlation."""
    maximum: bool = False
    """Whether a maximum over positions is taken."""


class Links:
    """The stations of a Graph and the links between them.

    >>> from isogain.graph import Graph
    >>> Links(Graph((), ())).into
    {}
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.station: dict[int, int] = {}
        """node -> the station everything in it comes from (itself, if it is one)."""
        self._frame: dict[int, int] = {}
        """node -> the node whose elements its own are made of, one of each: the last that moved any."""
        for node in graph.nodes:
            self.station[node.index] = self._station(node)
            self._frame[node.index] = self._frame_of(node)

    def _station(self, node: Node) -> int:
        found = {self.station[one] for one in node.inputs}
        return found.pop() if len(found) == 1 and self._passes(node) else node.index

    def _frame_of(self, node: Node) -> int:
        moves = node.kind == "pool" or (node.kind == "shape" and node.op not in _SAME | _FLATTENS)
        return node.index if moves or self.station[node.index] == node.index else self._frame[node.inputs[0]]

    def _passes(self, node: Node) -> bool:
        """Whether a node hands on one station's signal element by element, or rearranged."""
        if node.kind == "activation":
            return node.activation != "glu"
        if node.kind in ("dropout", "shape"):
            return not self._narrows(node)
        if node.kind == "pool":
            return node.op != "interpolate" and not node.op.startswith("lp_pool")
        if node.kind in ("add", "multiply") or (node.kind == "other" and node.op in _ELEMENTWISE):
            if any(self._numel(name) > self._channels(node) for name in node.parameters):
                return False
            if len({self._frame[one] for one in node.inputs}) > 1:
                return False  # an element meets others of its signal: x - x.mean(), x - x[:, -1:]
            return self._size(node) == max((self._size_of(one) for one in node.inputs), default=0)
        return False

    def _narrows(self, node: Node) -> bool:
        """Whether a node hands on some of the channels that it reads, so that others go another way."""
        if node.selected is None or not node.selected.proper:
            return False
        before = self.graph.nodes[node.inputs[0]].selected if node.inputs else None
        mine = node.selected.stripes
        if before is None or before.origin != node.selected.origin or before.stripes is None or mine is None:
            return before is None or before.origin != node.selected.origin
        return mine.run * mine.count < before.stripes.run * before.stripes.count

    def _numel(self, name: str) -> int:
        use = self.graph.by_parameter.get(name)
        return math.prod(use.shape) if use else 0

    @staticmethod
    def _channels(node: Node) -> int:
        return node.shape[node.channel_axis] if node.shape else 1

    def _size(self, node: Node) -> int:
        return math.prod(node.shape)

    def _size_of(self, index: int) -> int:
        return self._size(self.graph.nodes[index])

    @cached_property
    def into(self) -> dict[int, Link]:
        """weight node -> the link that ends there; none where it reads several stations."""
        found = {}
        for node in self.graph.nodes:
            alone = len(node.inputs) == 1 or (node.weight is not None and node.weight.mixed)
            if node.kind == "weight" and node.inputs and alone:
                found[node.index] = self._link(node)
        return found

    def _link(self, target: Node) -> Link:
        source = self.station[target.inputs[0]]
        between = self.between(target.inputs[0], source)
        nodes = [self.graph.nodes[one] for one in between]
        averaged = any(node.op.startswith(_AVERAGES) or node.op == "sum" for node in nodes)
        maximum = any(node.kind == "pool" and "max" in node.op for node in nodes)
        paired = not maximum and self._keeps_halves(self.graph.nodes[source], nodes, target)
        return Link(source, target.index, between, paired, averaged, maximum)

    def between(self, start: int, source: int) -> tuple[int, ...]:
        """The nodes by which `source` makes `start`, itself among them, in order; none where they are one."""
        seen: set[int] = set()
        stack = [start]
        while stack:
            index = stack.pop()
            if index != source and index not in seen:
                seen.add(index)
                stack.extend(self.graph.nodes[index].inputs)
        return tuple(sorted(seen))

    def _keeps_halves(self, source: Node, nodes: list[Node], target: Node) -> bool:
        """Whether unit i + half stays the partner of unit i, on to the axis the target sums over."""
        if source.weight is None or target.weight is None or len(target.weight.shape) < 2:
            return False
        axis = source.channel_axis
        channels = source.shape[axis] if source.shape else 0
        shape, place = source.shape, axis % max(len(source.shape), 1)
        for node in nodes:
            if node.kind == "shape" and node.op not in _SAME:
                if node.op not in _FLATTENS:
                    return False
                moved = _moved(shape, place, node.shape, channels)
                if moved is None:
                    return False
                place = moved
            elif node.kind == "pool" and node.shape and len(node.shape) != len(shape):
                moved = place if place < len(node.shape) and node.shape[place] == channels else None
                if moved is None:
                    return False
            shape = node.shape or shape
        return place == _read_axis(target, len(shape))

    @cached_property
    def out_of(self) -> dict[int, tuple[Link, ...]]:
        """station -> the links that start there."""
        found: dict[int, list[Link]] = {}
        for link in self.into.values():
            found.setdefault(link.source, []).append(link)
        return {source: tuple(links) for source, links in found.items()}

    @cached_property
    def readers(self) -> dict[int, frozenset[int]]:
        """station -> every station that reads something of it (the output counts as -1)."""
        found: dict[int, set[int]] = {}
        for node in self.graph.nodes:
            if self.station[node.index] == node.index:
                for one in node.inputs:
                    found.setdefault(self.station[one], set()).add(node.index)
        for output in self.graph.outputs:
            found.setdefault(self.station[output], set()).add(-1)
        return {source: frozenset(readers) for source, readers in found.items()}

    def plain(self) -> Iterator[Link]:
        """Links from one weight to the next whose source nobody else reads but weights."""
        for link in self.into.values():
            source = self.graph.nodes[link.source]
            if source.kind == "weight" and all(one in self.into for one in self.readers[link.source]):
                yield link


def _read_axis(target: Node, dims: int) -> int:
    """The axis of its input that a weight sums over."""
    if target.op.startswith("conv"):
        spatial = len(target.weight.shape) - 2 if target.weight else 0
        return dims - 1 - spatial
    return dims - 1


def _moved(before: tuple[int, ...], place: int, after: tuple[int, ...], channels: int) -> int | None:
    """Where the channel axis is after a view: untouched, or merged with faster axes behind it."""
    ahead = math.prod(before[:place])
    behind = math.prod(before[place + 1 :])
    count = 1
    for index, size in enumerate(after):
        rest = math.prod(after[index + 1 :])
        if count == ahead and size == channels and rest == behind:
            return index
        if count == ahead and size == channels * behind and rest == 1 and channels % 2 == 0:
            return index
        count *= size
    return None
