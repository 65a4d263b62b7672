"""Residual blocks: where a signal is added to what branches made of it, and the streams they form."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

from isogain.graph.links import Links
from isogain.graph.nodes import Graph, Node

__all__ = ["Block", "Blocks", "Stream"]


@dataclass(frozen=True)
class Block:
    """One sum: where its inputs part, and the weights on each of its ways in execution order."""

    sum: int
    join: int
    branches: tuple[tuple[int, ...], ...]
    """Weights of every branch, without those of the way with the fewest (the skip)."""
    skip: tuple[int, ...]
    norms: tuple[int, ...]
    """Norms on the branches."""
    ends: frozenset[int] = frozenset()
    """The last weights of its branches: what they make is added without passing another one."""
    region: frozenset[int] = frozenset()
    """Every node between the join and the sum."""
    projected: bool = False
    """Whether the way around is a learnt map itself."""


@dataclass(frozen=True)
class Stream:
    """Blocks one after another on one residual stream."""

    blocks: tuple[Block, ...]
    normalised: bool
    """Whether any norm lies on a branch or between blocks."""
    after: bool
    """Whether the norms come after the sums, on the stream itself."""

    @property
    def length(self) -> int:
        """Blocks on it."""
        return len(self.blocks)


class Blocks:
    """Every residual block of a graph, and the streams."""

    def __init__(self, graph: Graph, links: Links) -> None:
        self.graph, self.links = graph, links

    @cached_property
    def all(self) -> tuple[Block, ...]:
        """In execution order."""
        made = (self._block(node) for node in self.graph.nodes if self._is_sum(node))
        found = [block for block in made if block is not None]
        alone = [block for block in found if not any(_parallel(block, one) for one in found)]
        kept: list[Block] = []
        for block in alone:  # what only gathers decides nothing about sums behind it
            kept += [] if any(_straddles(block, one) for one in kept) else [block]
        return tuple(kept)

    def _is_sum(self, node: Node) -> bool:
        learnt = {self.links.station[one] for one in node.inputs if self.graph.nodes[one].learnt}
        return node.kind == "add" and len(node.inputs) > 1 and len(learnt) > 1

    def _block(self, node: Node) -> Block | None:
        ways = [one for one in node.inputs if self.graph.nodes[one].learnt]
        masks = dict.fromkeys(ways, 0)
        for bit, one in enumerate(ways):
            masks[one] |= 1 << bit
        full = (1 << len(ways)) - 1
        heap = [-one for one in masks]
        heapq.heapify(heap)
        seen: list[int] = []
        while heap:
            index = -heapq.heappop(heap)
            if masks[index] == full:
                return self._made(node, index, masks, seen, len(ways))
            seen.append(index)
            for source in self.graph.nodes[index].inputs:
                if self.graph.nodes[source].learnt or self.graph.nodes[source].kind == "input":
                    if source not in masks:
                        heapq.heappush(heap, -source)
                    masks[source] = masks.get(source, 0) | masks[index]
        return None

    def _made(self, node: Node, join: int, masks: dict[int, int], seen: list[int], ways: int) -> Block | None:
        weights: list[list[int]] = [[] for _ in range(ways)]
        norms = []
        for index in sorted(seen):
            bit = masks[index].bit_length() - 1
            if self.graph.nodes[index].kind in ("weight", "recurrent") and index > join:
                weights[bit].append(index)
            if self.graph.nodes[index].kind == "norm" and index > join:
                norms.append(index)
        order = sorted(range(ways), key=lambda bit: len(weights[bit]))
        branches = tuple(tuple(weights[bit]) for bit in order[1:] if weights[bit])
        if not branches or self._gated(seen, masks, 1 << order[0]) or self._parts(seen, masks, 1 << order[0]):
            return None
        region, skip = frozenset(seen), tuple(weights[order[0]])
        ends = self._ends(node, region) - set(skip)
        mapped = self._maps(seen, masks, 1 << order[0])
        return Block(node.index, join, branches, skip, tuple(norms), ends, region, mapped)

    def _gated(self, seen: list[int], masks: dict[int, int], skip: int) -> bool:
        """Whether the way around the branches is multiplied by a signal: (1 - t) x + t h is no stream."""
        nodes = (self.graph.nodes[one] for one in seen if masks[one] == skip)
        return any(
            node.kind == "multiply" and sum(self.graph.nodes[one].learnt for one in node.inputs) > 1
            for node in nodes
        )

    def _maps(self, seen: list[int], masks: dict[int, int], skip: int) -> bool:
        """Whether a weight, or a product with parameters, lies on the way around."""
        nodes = (self.graph.nodes[one] for one in seen if masks[one] == skip)
        return any(
            one.kind in ("weight", "recurrent", "product", "other") and one.parameters for one in nodes
        )

    def _parts(self, seen: list[int], masks: dict[int, int], skip: int) -> bool:
        """Whether the way around hands on some of the channels alone: a sum inside a block, of its parts."""
        found = (self.graph.nodes[one].selected for one in seen if masks[one] == skip)
        return any(one is not None and one.proper for one in found)

    def _ends(self, node: Node, region: frozenset[int]) -> frozenset[int]:
        """The weights that a sum reads without another one between."""
        found, seen, stack = set(), {node.index}, list(node.inputs)
        while stack:
            index = stack.pop()
            if index in seen or index not in region:
                continue
            seen.add(index)
            if self.graph.nodes[index].kind in ("weight", "recurrent"):
                found.add(index)
            else:
                stack.extend(self.graph.nodes[index].inputs)
        return frozenset(found)

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """Blocks whose signal comes from the sum of the one before."""
        by_sum: dict[int, list[Block]] = {}
        found: list[list[Block]] = []
        for block in self.all:
            before = self._sum_before(block.join)
            stream = by_sum.get(before) if before is not None else None
            if stream is None:
                stream = []
                found.append(stream)
            stream.append(block)
            by_sum[block.sum] = stream
        streams = (self._stream(blocks) for blocks in found)
        return tuple(one for one in streams if one.normalised or self._carries(one))

    def _carries(self, stream: Stream) -> bool:
        """Whether a stream without norms leads past its blocks: most ways around have no weights."""
        projected = sum(block.projected or bool(block.skip) for block in stream.blocks)
        return not self._repeats(stream) and 2 * projected <= stream.length

    def _repeats(self, stream: Stream) -> bool:
        """Whether branches share their last weights: one layer's results summed over time, not depth."""
        ends = [self.graph.nodes[one].parameters[:1] for block in stream.blocks for one in sorted(block.ends)]
        return len(set(ends)) < len(ends)

    def _sum_before(self, join: int) -> int | None:
        """The sum that the signal at `join` comes from, through norms and what acts element by element."""
        index = join
        for _ in range(8):
            index = self.links.station[index]
            if index in self._sums:
                return index
            node = self.graph.nodes[index]
            if node.kind not in ("norm", "pool", "weight") or len(node.inputs) != 1:
                return None
            index = node.inputs[0]
        return None

    @cached_property
    def _sums(self) -> frozenset[int]:
        return frozenset(block.sum for block in self.all)

    def _stream(self, blocks: list[Block]) -> Stream:
        stations = [self.graph.nodes[self.links.station[block.join]] for block in blocks[1:]]
        after = bool(stations) and sum(node.kind == "norm" for node in stations) > len(stations) / 2
        behind = any(self.graph.nodes[self.links.station[block.join]].kind == "norm" for block in blocks)
        return Stream(tuple(blocks), behind or any(block.norms for block in blocks), after)

    @cached_property
    def of_weight(self) -> dict[int, tuple[Stream, Block, tuple[int, ...]]]:
        """weight node -> its stream, the innermost block it belongs to, and its branch."""
        found: dict[int, tuple[Stream, Block, tuple[int, ...]]] = {}
        for stream in sorted(self.streams, key=lambda one: one.length):
            for block in stream.blocks:
                for branch in block.branches:
                    for weight in branch:
                        found.setdefault(weight, (stream, block, branch))
        return found


def _parallel(block: Block, outer: Block) -> bool:
    """Whether a sum only joins the branches of another block, which run side by side."""
    return bool(block.skip) and block.sum in outer.region and block.ends <= outer.ends


def _straddles(block: Block, stream: Block) -> bool:
    """Whether a sum only gathers what was read off a stream at several places: no stream of its own."""
    return stream.join < block.join and stream.sum != block.sum and stream.sum in block.region
