"""What a parameter is in a transformer or residual network, read off the graph; names only come last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from isogain.graph.blocks import Block, Stream
from isogain.graph.nodes import Kind, Node
from isogain.graph.operands import operands
from isogain.graph.scene import Scene, Site

__all__ = [
    "Part",
    "ends_branch",
    "layer_count",
    "leads_to_sum",
    "part_of",
    "scalar_of_branch",
    "side_of",
    "streams_of",
]

_POSITION = re.compile(r"(^|[._])(pos|wpe|position|relative)", re.IGNORECASE)
_CLASS = re.compile(r"(^|[._])(cls|class|dist)", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One parameter with what recipes ask about it."""

    kind: str
    """weight, branch_end, head, embedding, position or class_token."""
    attention: frozenset[str] = frozenset()
    """query, key, value: what of an attention it makes; more than one where they are packed."""
    head_size: int = 0
    width: int = 0
    """Size of the residual stream, or of what an embedding gives."""
    layers: int = 1
    """Layers on its stream: an attention and the feed-forward after it are one."""
    layer: int = 0
    side: str = "encoder"
    in_branch: bool = False

    @property
    def values(self) -> bool:
        """Whether it lies between an attention's input and the stream other than through the logits."""
        return self.in_branch and (not self.attention or "value" in self.attention)


def streams_of(scene: Scene) -> tuple[Stream, ...]:
    """The residual streams of at least two blocks, or of one if there are no longer ones."""
    longest = max((stream.length for stream in scene.blocks.streams), default=0)
    return tuple(stream for stream in scene.blocks.streams if stream.length >= min(longest, 2))


def part_of(site: Site) -> Part | None:
    """The Part of a weight or table; None for biases, norms, scalars and what is not followed."""
    node = site.node
    tables = [one for one in site.nodes if one.kind == "embedding"]
    if tables:
        return _table(site, _stream_width(site.scene))
    if node is None or site.use is None or site.use.fans is None:
        return _bare(site)
    if node.kind != "weight":
        return None
    return _weight(site.scene, node)


def _weight(scene: Scene, node: Node) -> Part:
    made, size = operands(scene, node.index)
    place = scene.blocks.of_weight.get(node.index)
    if place is None or place[0] not in streams_of(scene):
        kind = "head" if node.role == "head" else "weight"
        return Part(kind, made, size, _stream_width(scene), in_branch=bool(made))
    stream, block, branch = place
    return Part(
        "branch_end" if ends_branch(scene, node.index, branch) else "weight", made, size,
        _width(scene, block), layer_count(scene, stream), _layer(scene, stream, block),
        side_of(scene, stream), True,
    )  # fmt: skip


def ends_branch(scene: Scene, index: int, branch: Sequence[int]) -> bool:
    """Whether a weight of a branch is its last, or one of several side by side that are added up."""
    return branch[-1] == index or leads_to_sum(
        scene, index, ("shape", "dropout", "multiply", "norm", "add"), 8
    )


def leads_to_sum(scene: Scene, index: int, through: Sequence[str], steps: int) -> bool:
    """Whether an operation is followed by the sum of a block, with nothing but these kinds between them."""
    sums = {block.sum for block in scene.blocks.all}
    for _ in range(steps):
        readers = scene.graph.consumers[index]
        if len(readers) != 1:
            return False
        index = readers[0]
        if index in sums:
            return True
        if scene.graph.nodes[index].kind not in through:
            return False
    return False


def _table(site: Site, width: int) -> Part:
    size = site.parameter.shape[-1]
    tied = any(node.kind == "weight" for node in site.nodes)
    if _POSITION.search(site.name) or (width and size != width and not tied):
        return Part("position", width=width or size)
    return Part("embedding", width=size)


def _bare(site: Site) -> Part | None:
    """A parameter that is added as it is: a table of positions, a class token."""
    shape = tuple(size for size in site.parameter.shape if size > 1)
    width = _stream_width(site.scene)
    if site.node is not None or not shape or not site.parameter.used:
        return None
    if len(shape) >= 2 and _POSITION.search(site.name):
        return Part("position", width=width)
    if shape[-1] != width:
        return None
    if len(shape) >= 2:
        return Part("embedding", width=width)
    if len(site.parameter.shape) > 1:
        return Part("class_token" if _CLASS.search(site.name) else "embedding", width=width)
    return None


def _attends(scene: Scene, block: Block) -> bool:
    """Whether an attention lies on one of its branches."""
    kinds: tuple[Kind, ...] = ("attention", "product", "weight", "recurrent", "norm")
    for branch in block.branches:
        before = scene.graph.preceding(branch[-1], kinds, 10)
        if before is not None and before.kind in ("attention", "product"):
            return True
    return False


def layer_count(scene: Scene, stream: Stream) -> int:
    """Feed-forward blocks on a stream; its blocks where attention and feed-forward share them."""
    others = sum(not _attends(scene, block) for block in stream.blocks)
    return others or stream.length


def _layer(scene: Scene, stream: Stream, block: Block) -> int:
    before = stream.blocks[: stream.blocks.index(block)]
    others = sum(not _attends(scene, one) for one in stream.blocks)
    return sum(not _attends(scene, one) for one in before) if others else len(before)


def side_of(scene: Scene, stream: Stream) -> str:
    """'decoder' for a stream with two attentions to a feed-forward (its own and one across)."""
    attending = sum(_attends(scene, block) for block in stream.blocks)
    return "decoder" if attending > 1.5 * (stream.length - attending) > 0 else "encoder"


def _width(scene: Scene, block: Block) -> int:
    node = scene.graph.nodes[block.sum]
    return node.shape[node.channel_axis] if node.shape else 0


def _stream_width(scene: Scene) -> int:
    streams: Sequence[Stream] = streams_of(scene)
    return _width(scene, streams[0].blocks[0]) if streams else 0


def scalar_of_branch(site: Site) -> Block | None:
    """The block whose branch this parameter multiplies just before the sum; None for any other."""
    graph = site.scene.graph
    sums = {block.sum: block for block in site.scene.blocks.all}
    for node in site.nodes:
        index = node.index if node.kind == "multiply" else -1
        for _ in range(4 if index >= 0 else 0):
            readers = graph.consumers[index]
            if len(readers) != 1:
                break
            index = readers[0]
            if index in sums:
                return sums[index]
            if graph.nodes[index].kind not in ("shape", "dropout"):
                break
    return None
