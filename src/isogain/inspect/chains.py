"""Chains: what happens to signals and gradients along a trunk, in decades, with what width allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from isogain.graph import Node, trunks
from isogain.inspect.expectations import Course, course_of
from isogain.inspect.table import Table

__all__ = [
    "Chain",
    "Tolerance",
    "adds_bias",
    "chains",
    "common_activation",
    "decades",
    "deep_chains",
    "expected_scales",
    "is_prior",
    "is_residual_sum",
    "lone_source",
    "lone_way",
    "made_beside",
    "slope",
    "under_shapes",
    "weights_on",
]


@dataclass(frozen=True)
class Tolerance:
    """Decades beyond the expected band that training bears: to warn, and to call it critical."""

    warning: float
    critical: float


@dataclass(frozen=True)
class Chain:
    """Consecutive nodes of one trunk, in order of execution."""

    nodes: tuple[Node, ...]
    weights: tuple[Node, ...]
    """The operations with weights among them, or between two of them on a residual branch."""
    residual: bool
    normalised: bool
    """Whether any normalization lies on it or on a branch of it."""
    course: Course
    """What theory expects along it."""

    @property
    def depth(self) -> int:
        """Layers with weights on the trunk itself, or residual blocks."""
        kinds = ("weight", "recurrent", "embedding", "add")
        return sum(node.kind in kinds and not adds_bias(node) for node in self.nodes)


def adds_bias(node: Node) -> bool:
    """Whether it adds a parameter to one signal: a part of the layer before it, where that is written out."""
    return node.kind == "add" and len(node.inputs) == 1 and bool(node.parameters)


def is_prior(table: Table, node: Node) -> bool:
    """Whether an output, or each level of it, is mostly a constant of its last layer: a mean, a rate."""
    if node.index not in table.graph.outputs or table.graph.weighed_later(node.index):
        return False
    makers = list(_makers(table, node))
    return bool(makers) and all(_mostly_constant(table, one) for one in makers)


def _makers(table: Table, node: Node) -> Iterator[Node]:
    """What is only put together, bent, or in another shape, for a node to be."""
    if node.kind in ("concatenate", "shape", "activation") or node.op == "exp":
        for one in node.inputs:
            yield from _makers(table, table.node(one))
    else:
        yield node


def _mostly_constant(table: Table, node: Node) -> bool:
    bias = table.parameters.get(node.weight.bias or "") if node.weight is not None else None
    seen = table.forward.get(node.index)
    if bias is None or seen is None or bias.fingerprint or bias.rms < SET:
        return False
    return bias.rms > MOST * seen.rms


def decades(after: float, before: float) -> float:
    """log10(after / before), -inf for a signal that is gone, 0 where neither is anything."""
    if before <= 0:
        return 0.0 if after <= 0 else math.inf
    return math.log10(after / before) if after > 0 else -math.inf


def slope(values: Sequence[float]) -> float:
    """Least squares slope of log10 of the values above 0 with their place; nan below three of them."""
    points = [(place, math.log10(v)) for place, v in enumerate(values) if v > 0 and math.isfinite(v)]
    if len(points) < 3:
        return math.nan
    middle = sum(x for x, _ in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * y for x, y in points) / spread


SET, MOST = 1.0, 0.9
"""Size of a bias that no usual draw gives it; share of an output's size that such a constant makes."""
SLACK = 0.15
"""Decades that a first layer's or a head's own gain, sqrt(2) say, may add."""
STATIONS = frozenset(["input", "weight", "embedding", "recurrent", "add", "norm", "concatenate"])


def stations(table: Table, trunk: Sequence[int]) -> list[Node]:
    """The input a trunk starts from, and its measured nodes whose scale means something."""
    before = table.graph.preceding(trunk[0], ("input",), 3) if trunk else None
    found = [n for n in map(table.node, trunk) if n.kind in STATIONS and n.index in table.forward]
    found = [n for n in found if not _tally(table, n)]
    return [before, *found] if before is not None and before.index in table.forward else found


def _tally(table: Table, node: Node) -> bool:
    """Whether it is one number a sample that no weight made: a sum over units (a log density), no signal."""
    return node.kind in ("add", "concatenate", "norm") and math.prod(node.shape) <= table.batch


def chains(table: Table) -> tuple[Chain, ...]:
    """Every trunk with at least two stations; worked out once a table."""
    kept = table.__dict__.get("_chains")
    if kept is None:
        kept = table.__dict__["_chains"] = tuple(_found(table, table.trunks))
    return kept


def deep_chains(table: Table) -> tuple[Chain, ...]:
    """The chains through the levels that skips go around to be joined with (a U-Net's); none without them."""
    nodes = tuple(_without_skips(table, node) for node in table.graph.nodes)
    same = all(one is other for one, other in zip(nodes, table.graph.nodes, strict=True))
    return () if same else tuple(_found(table, trunks(replace(table.graph, nodes=nodes))))


def _without_skips(table: Table, node: Node) -> Node:
    """A concatenation without what others of its inputs are made of."""
    if node.kind != "concatenate":
        return node
    skips = {a for a, b in permutations(node.inputs, 2) if table.makers[b] >> a & 1 and table.node(a).learnt}
    return replace(node, inputs=tuple(one for one in node.inputs if one not in skips)) if skips else node


def _found(table: Table, among: Iterable[Sequence[int]]) -> Iterator[Chain]:
    seen: set[int] = set()
    for trunk in among:
        found = stations(table, trunk)
        fresh = [node for node in found if node.index not in seen and node.kind != "input"]
        if len(fresh) >= 2:
            seen.update(node.index for node in found)
            yield _chain(table, found)


def _chain(table: Table, nodes: list[Node]) -> Chain:
    first, last = nodes[0].index, nodes[-1].index
    within = [n for n in table.graph.nodes[first : last + 1] if n.index in table.forward]
    on = {node.index for node in nodes}
    weights = tuple(n for n in within if n.weight is not None and (n.index in on or n.kind == "weight"))
    residual = sum(is_residual_sum(table, node) for node in nodes) > 1
    normalised = any(node.kind == "norm" for node in within)
    return Chain(tuple(nodes), weights, residual, normalised, course_of(table, tuple(nodes), weights))


def lone_source(table: Table, node: Node) -> Node | None:
    """The one signal a node reads that something learnt makes; None where there are several, or none."""
    sources = [one for one in map(table.node, node.inputs) if one.learnt]
    return sources[0] if len(sources) == 1 else None


def lone_way(table: Table, node: Node, steps: int) -> Iterator[Node]:
    """What makes a node, one signal after the other backwards, as far as each is the only learnt one."""
    for _ in range(steps):
        source = lone_source(table, node)
        if source is None:
            return
        yield (node := source)


def under_shapes(table: Table, node: Node, *, measured: bool = False) -> Node:
    """What a node is another shape of; with `measured` no further back than to what was measured."""
    while node.kind == "shape" and len(node.inputs) == 1 and not (measured and node.index in table.forward):
        node = table.node(node.inputs[0])
    return node


def made_beside(table: Table, node: Node, layers: Collection[str], steps: int) -> Iterator[Node]:
    """What a node is made of, at most so many operations back, up to what these kinds hand on."""
    frontier = set(node.inputs)
    for _ in range(steps):
        reached = [one for one in map(table.node, sorted(frontier)) if one.kind not in layers]
        yield from reached
        frontier = {k for one in reached for k in one.inputs}


def is_residual_sum(table: Table, node: Node) -> bool:
    """Whether it adds to a signal what weights make of that signal: x + f(x).

    Two functions of one layer's result (sine and cosine, parts of an activation), or a state and what is fed
    to it (a membrane), are sums of another kind.
    """
    learnt = [one for one in node.inputs if table.node(one).learnt]
    return (
        node.kind == "add"
        and len(learnt) > 1
        and any(_weighed(table, stream, branch) for stream, branch in permutations(learnt, 2))
    )


def _weighed(table: Table, stream: int, branch: int) -> bool:
    """Whether weights lead from one node to another."""
    seen, stack = set[tuple[int, bool]](), [(branch, False)]
    while stack:
        here, weighed = stack.pop()
        if here == stream and weighed:
            return True
        if here <= stream or (here, weighed) in seen:
            continue
        seen.add((here, weighed))
        node = table.node(here)
        stack += [(one, weighed or node.kind in ("weight", "recurrent")) for one in node.inputs]
    return False


def split_at_norms(table: Table, chain: Chain) -> Iterator[list[Node]]:
    """The chain in pieces: every norm that normalises starts a new one."""
    piece: list[Node] = []
    for node in chain.nodes:
        if node.kind == "norm" and table.normalises(node):
            if len(piece) > 1:
                yield piece
            piece = []
        piece.append(node)
    if len(piece) > 1:
        yield piece


def weights_on(chain: Chain) -> tuple[Node, ...]:
    """The chain's weights but the last of it, which may be a head that starts small on purpose."""
    inside = [n for n in chain.weights if n.role not in ("head", "tied head")]
    return tuple(inside)


def common_activation(table: Table, nodes: Sequence[Node]) -> tuple[str, dict[str, float]]:
    """The activation that most often follows these nodes; ('linear', {}) where none does."""
    after = [table.graph.following(node.index, ("activation",), 3) for node in nodes]
    named = [(n.activation, tuple(sorted(n.settings.items()))) for n in after if n]
    if not named:
        return "linear", {}
    (name, settings), _ = Counter(named).most_common(1)[0]
    return str(name), dict(settings)


def expected_scales(table: Table, chain: Chain) -> list[tuple[Node, float, float]]:
    """(node, low, high): where a root mean square is expected along a chain, as far as its start tells.

    A norm sets the scale anew.  A residual stream starts at its first sum (what comes in may be of any
    size) and may grow like the square root of the number of sums.
    """
    first = next((n for n in chain.nodes if chain.residual and is_residual_sum(table, n)), chain.nodes[0])
    start, sums, start_level = table.forward[first.index].rms, 0, chain.course.level(first)
    found: list[tuple[Node, float, float]] = []
    for node in chain.nodes[chain.nodes.index(first) :]:
        sums = 0 if node.kind == "norm" else sums + is_residual_sum(table, node)
        if node.kind == "norm" and table.normalises(node):
            start, start_level = table.norm_scale(node), chain.course.level(node)
        half = chain.course.expected[node.index].half_width() + SLACK
        middle = start * 10 ** (chain.course.level(node) - start_level)
        if middle > 0:
            found.append((node, middle * 10**-half, middle * math.sqrt(1 + sums) * 10**half))
    return found
