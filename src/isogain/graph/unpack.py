"""Weights that hold several maps side by side, taken apart: the graph as if each map were a weight.

What is done with each channel of a weight's output, or with each row of the parameter, is seen in the graph:
shape operations hand some of them on.  Channels that go separate ways are maps of their own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from isogain.graph.nodes import Graph, Node, ParameterUse, WeightUse
from isogain.graph.packing import Packing
from isogain.graph.roles import assign_roles
from isogain.graph.selection import Labels

__all__ = ["Unpacked", "unpacked"]

MOST = 64
"""Parts, or stretches in a row of them, up to which a weight is taken apart."""
NEAR = 24
"""Operations behind a part among which others are looked for that it is put together with."""
_LINEAR = ("shape", "dropout", "multiply", "add", "other")


@dataclass(frozen=True)
class Unpacked:
    """A graph in which every part is a weight, and where the parts lie."""

    graph: Graph
    packings: Mapping[str, Packing] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are taken apart in a way that cannot be told, and why."""


@dataclass
class Split:
    """One use of a weight: its node, and the groups of nodes that read separate channels of it."""

    node: Node
    groups: list[list[int]]
    inner: list[int]
    """Nodes between the weight and the groups."""
    labels: Labels
    """channel -> group."""


class _Untold(Exception):
    """Why a weight cannot be taken apart."""


def unpacked(graph: Graph) -> Unpacked:
    """The graph with packed weights taken apart; the same where there are none.

    >>> unpacked(Graph((), ())).packings
    {}
    """
    members: dict[int, list[int]] = {}
    for node in graph.nodes:
        if node.selected is not None:
            members.setdefault(node.selected.origin, []).append(node.index)
    found = _Rewriting(graph, members)
    for use in graph.parameters:
        try:
            found.parameter(use)
        except _Untold as reason:
            found.untold[use.name] = str(reason)
    return found.result()


class _Rewriting:
    """The nodes and parameters of a graph, while weights are taken apart."""

    def __init__(self, graph: Graph, members: Mapping[int, list[int]]) -> None:
        self.graph, self.members = graph, members
        self.nodes = list(graph.nodes)
        self.uses: dict[str, list[ParameterUse]] = {}
        self.packings: dict[str, Packing] = {}
        self.untold: dict[str, str] = {}
        self.instead: dict[int, list[int]] = {}
        """A weight node that is gone -> the nodes of its parts."""
        self._weighted: dict[str, list[Node]] = {}
        for node in graph.nodes:
            if node.kind == "weight" and node.weight is not None:
                self._weighted.setdefault(node.weight.name, []).append(node)

    def parameter(self, use: ParameterUse) -> None:
        """Takes one parameter apart, if it is packed."""
        weighted = self._weighted.get(use.name, [])
        splits = [self._split(node) for node in weighted]
        sliced = any(_sliced(node.weight) for node in weighted)
        if not sliced and all(len(split.groups) < 2 for split in splits):
            return
        own = _own(weighted, use.shape)
        axis, table = self._table(splits, own, use.shape)
        if axis is None or table is None:
            return
        _, labels = np.unique(table, axis=1, return_inverse=True)
        labels = _by_appearance(labels.reshape(-1))
        if labels.max() == 0:
            return
        packing = _packing(use.name, axis, labels, own)
        self._check(splits, table, labels)
        self._rewrite(use, packing, splits, table, labels)

    # ---- one use ---------------------------------------------------------------------------

    def _split(self, node: Node) -> Split:
        """The groups of a weight's channels that are read apart from each other."""
        members = set(self.members.get(node.index, ()))
        size = node.shape[node.channel_axis] if node.shape else 0
        alone = Split(node, [[node.index]], [], np.zeros(max(size, 0), dtype=np.int64))
        if not members or node.weight is None:
            return alone
        leaves, inner = self._leaves(node.index, members)
        if leaves == [node.index]:
            return alone
        if node.weight.groups > 1:
            raise _Untold("its outputs go separate ways, but it is grouped: one law for all of it")
        entries = {leaf: self._entries(leaf) for leaf in leaves}
        groups = self._joined([leaf for leaf in leaves if entries[leaf].size], entries)
        labels = np.full(size, -1, dtype=np.int64)
        for number, group in enumerate(groups):
            for leaf in group:
                labels[entries[leaf]] = number
        if (labels < 0).any():
            raise _Untold("part of its output is not read: one law for all of it")
        return Split(node, groups, inner, labels) if len(groups) > 1 else alone

    def _leaves(self, index: int, members: set[int]) -> tuple[list[int], list[int]]:
        """The first nodes that something else than a shape operation reads, and those before them."""
        leaves, inner, stack = [], [], [index]
        while stack:
            one = stack.pop()
            readers = self.graph.consumers[one]
            ahead = [reader for reader in readers if reader in members]
            if len(ahead) == len(readers) and ahead and one not in self.graph.outputs:
                inner.append(one)
                stack += [reader for reader in ahead if reader not in inner]
            elif readers or one in self.graph.outputs:
                leaves.append(one)
        return sorted(set(leaves)), inner

    def _entries(self, leaf: int) -> Labels:
        selected = self.graph.nodes[leaf].selected
        if selected is None or selected.stripes is None:
            raise _Untold(
                "its outputs go separate ways in an order that is not followed: one law for all of it"
            )
        return selected.stripes.entries()

    def _joined(self, leaves: list[int], entries: Mapping[int, Labels]) -> list[list[int]]:
        """Leaves that share channels, or are put together again, are one group."""
        groups = [[leaf] for leaf in leaves]
        while True:
            marks = [
                {*self._meetings(group), *(-1 - int(k) for leaf in group for k in entries[leaf])}
                for group in groups
            ]
            pairs = ((a, b) for b in range(len(groups)) for a in range(b) if marks[a] & marks[b])
            found = next(pairs, None)
            if found is None:
                return sorted((sorted(group) for group in groups), key=lambda group: group[0])
            groups[found[0]] += groups.pop(found[1])

    def _meetings(self, group: list[int]) -> set[int]:
        """Sums and concatenations that a group's signals come to before anything but constant factors."""
        found, seen = set[int](), set(group)
        heap = [reader for leaf in group for reader in self.graph.consumers[leaf]]
        heapq.heapify(heap)
        while heap and len(seen) < NEAR:
            reader = heapq.heappop(heap)
            node = self.graph.nodes[reader]
            learnt = {one for one in node.inputs if self.graph.nodes[one].learnt}
            joins = node.kind == "concatenate" or (node.kind == "add" and len(learnt) > 1)
            if joins:
                found.add(reader)
            # a sum of what came of this leaf alone (a rotation, say) may meet others later
            if reader not in seen and learnt <= seen and (joins or node.kind in _LINEAR):
                seen.add(reader)
                for one in self.graph.consumers[reader]:
                    heapq.heappush(heap, one)
        return found

    # ---- all uses of a parameter -----------------------------------------------------------

    def _table(
        self, splits: list[Split], own: tuple[str, ...], shape: tuple[int, ...]
    ) -> tuple[int | None, Labels | None]:
        """The axis along which the parts lie, and for each use what it makes of each of its entries."""
        cut = [_cuts(split.node.weight) for split in splits]
        axes = {axis for one in cut for axis in one}
        apart = any(len(split.groups) > 1 for split in splits)
        stacks = {axis for axis in axes if own[axis] == "stack"}
        if apart and axes == stacks:
            axes = set()  # one of a stack is taken at a time: all are of one kind
        if len(axes) > 1:
            raise _Untold("it is cut along several axes: one law for all of it")
        outs = _channels(splits, own, shape)
        if apart and (len(outs) != 1 or axes - {outs[0]}):
            raise _Untold("it is cut along several axes: one law for all of it")
        axis = outs[0] if apart else next(iter(axes), None)
        if axis is None:
            return None, None
        table = np.full((len(splits), shape[axis]), -1, dtype=np.int64)
        for row, split in zip(table, splits, strict=True):
            taken = split.node.weight.taken[axis] if split.node.weight and split.node.weight.taken else None
            places = np.arange(shape[axis]) if taken is None else taken.entries()
            row[places] = split.labels if apart else 0
        if (table.max(axis=0) < 0).any():
            return None, None  # some entries are in no use that was seen: all of them follow the first
        return axis, table

    def _check(self, splits: list[Split], table: Labels, labels: Labels) -> None:
        """Every group of a use has to be one part."""
        for row in table:
            for number in range(row.max() + 1):
                if len(set(labels[row == number].tolist())) > 1:
                    raise _Untold("its uses cut it in different ways: one law for all of it")

    def _rewrite(
        self, use: ParameterUse, packing: Packing, splits: list[Split], table: Labels, labels: Labels
    ) -> None:
        nodes: list[list[int]] = [[] for _ in packing.names]
        for split, row in zip(splits, table, strict=True):
            for number, group in enumerate(split.groups):
                part = int(labels[row == number][0])
                nodes[part].append(group[0])
                self._part(split, group, use.name, packing, part, int((row == number).sum()))
            if split.inner:
                self._bury(split)
        self.packings[use.name] = packing
        self.uses[use.name] = [
            replace(use, name=name, aliases=(), nodes=tuple(nodes[k]), whole=use.name)
            for k, name in enumerate(packing.names)
        ]

    def _part(
        self, split: Split, group: list[int], name: str, packing: Packing, part: int, size: int
    ) -> None:
        """The first node of a group becomes a weight of its own; what lies behind it stays."""
        whole, first = split.node, group[0]
        assert whole.weight is not None
        words = whole.weight.layout.split()
        shape = list(whole.weight.shape)
        if first != whole.index:
            shape[words.index("out") if whole.weight.channel is None else whole.weight.channel] = size
        mine = replace(whole.weight, name=packing.names[part], shape=tuple(shape), own=packing.own, taken=())
        others = tuple(packing.names[part] if one == name else one for one in whole.parameters)
        self.nodes[first] = replace(
            self.nodes[first], op=whole.op, kind="weight", path=whole.path, inputs=whole.inputs,
            parameters=others, learnt=True, weight=mine, module=whole.module, selected=None,
        )  # fmt: skip
        for other in group[1:]:
            self.nodes[other] = replace(self.nodes[other], inputs=(first,), selected=None)
        self._pass_on(whole.index, group)

    def _pass_on(self, origin: int, group: list[int]) -> None:
        """Behind a part, what holds as many channels as it holds all of it."""
        for leaf in group:
            selected = self.graph.nodes[leaf].selected
            whole = selected.stripes if selected else None
            for one in self.members.get(origin, ()):
                mine = self.nodes[one].selected
                if (
                    whole
                    and mine
                    and mine.stripes
                    and mine.stripes.run * mine.stripes.count == whole.run * whole.count
                ):
                    self.nodes[one] = replace(self.nodes[one], selected=None)

    def _bury(self, split: Split) -> None:
        self.instead[split.node.index] = [group[0] for group in split.groups]
        for one in split.inner:
            self.nodes[one] = replace(
                self.nodes[one],
                kind="other",
                inputs=(),
                parameters=(),
                learnt=False,
                weight=None,
                selected=None,
            )

    def result(self) -> Unpacked:
        """The graph with roles found anew."""
        if not self.packings:
            return Unpacked(self.graph, {}, self.untold)
        uses = tuple(one for use in self.graph.parameters for one in self._renewed(use))
        graph = assign_roles(Graph(tuple(self.nodes), uses, self.graph.outputs))
        return Unpacked(graph, self.packings, self.untold)

    def _renewed(self, use: ParameterUse) -> Iterable[ParameterUse]:
        if use.name in self.uses:
            return self.uses[use.name]
        nodes = tuple(dict.fromkeys(new for one in use.nodes for new in self.instead.get(one, [one])))
        return (replace(use, nodes=nodes),)


def _channels(splits: list[Split], own: tuple[str, ...], shape: tuple[int, ...]) -> list[int]:
    """The axes of the parameter that may be its nodes' channels."""
    told = {
        split.node.weight.channel
        for split in splits
        if split.node.weight and split.node.weight.shape == shape
    }
    if len(told) == 1 and None not in told:
        return [one for one in told if one is not None]
    return [k for k, word in enumerate(own) if word == "out"]


def _sliced(use: WeightUse | None) -> bool:
    return use is not None and any(one is not None for one in use.taken)


def _cuts(use: WeightUse | None) -> Iterator[int]:
    """Axes of the parameter of which some entries are used."""
    if use is not None:
        yield from (axis for axis, one in enumerate(use.taken) if one is not None)


def _own(weighted: list[Node], shape: tuple[int, ...]) -> tuple[str, ...]:
    """What each axis of the parameter is, the same to all its uses."""
    found = {_own_of(node.weight, shape) for node in weighted if node.weight is not None}
    if len(found) != 1 or () in found:
        raise _Untold("it is used in several forms: one law for all of it")
    return found.pop()


def _own_of(use: WeightUse, shape: tuple[int, ...]) -> tuple[str, ...]:
    if use.own:
        return use.own
    words = use.layout.split()
    if "*" in words and use.shape == shape:
        words = [*words[:-1], *["*"] * (len(shape) - len(words) + 1)]
    if use.shape == shape and len(words) == len(shape):
        return tuple(words)
    if use.shape == shape[::-1] and len(words) == len(shape):
        return tuple(reversed(words))
    return ()


def _by_appearance(labels: Labels) -> Labels:
    """The same labels, numbered as they first occur."""
    values, first = np.unique(labels, return_index=True)
    order = {int(value): k for k, value in enumerate(values[np.argsort(first)])}
    return np.array([order[int(one)] for one in labels], dtype=np.int64)


def _packing(name: str, axis: int, labels: Labels, own: tuple[str, ...]) -> Packing:
    count = int(labels.max()) + 1
    runs = [(len(list(same)), label) for label, same in groupby(labels.tolist())]
    period = next(
        p for p in range(1, len(runs) + 1) if len(runs) % p == 0 and runs == runs[:p] * (len(runs) // p)
    )
    if period > MOST or count > MOST:
        raise _Untold("it holds too many parts to take apart: one law for all of it")
    sizes, parts = zip(*runs[:period], strict=True)
    return Packing(name, axis, sizes, parts, len(runs) // period, own)
