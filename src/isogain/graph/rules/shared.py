"""What several rules ask: the gain behind an activation, sizes of a weight."""

from __future__ import annotations

import itertools
import math

from isogain.graph.entry import tidy
from isogain.graph.nodes import Node, WeightUse
from isogain.graph.powers import arriving
from isogain.graph.scene import Scene
from isogain.theory.deep_start import LOGITS

__all__ = ["behind", "leaving", "raised", "share", "sizes", "unheld"]


def sizes(use: WeightUse) -> tuple[int, int, int]:
    """(outputs, inputs, receptive field) of one group."""
    words = use.layout.split()
    outputs = math.prod(s for s, w in zip(use.shape, words, strict=False) if w == "out")
    inputs = math.prod(s for s, w in zip(use.shape, words, strict=False) if w == "in")
    stack = math.prod(s for s, w in zip(use.shape, words, strict=False) if w == "stack")
    receptive = math.prod(use.shape) // max(outputs * inputs * stack, 1)
    if use.transposed:
        return outputs, inputs // use.groups, receptive
    return outputs // use.groups, inputs, receptive


def behind(scene: Scene, node: Node) -> tuple[float, str]:
    """(gain, reason): what keeps a signal's size through activations, gates and joins before a weight."""
    link = scene.links.into.get(node.index)
    phi = scene.activation(link) if link else None
    read = node.inputs if node.op == "bilinear" else node.inputs[:1] if link else ()
    found = [arriving(scene, one) for one in read]
    power, name = math.prod(one for one, _ in found), " and ".join(dict.fromkeys(n for _, n in found if n))
    if phi is not None and name == phi.name:
        gain = phi.gain()
    else:
        gain = 1 / math.sqrt(power) if power > 0 else 1.0
    return gain, f"fan_in Var[w] = {gain**2:.4g}" + (f" behind {name}" if name else "")


def leaving(scene: Scene, node: Node) -> float:
    """Size for the results of a last weight, so that what leaves the model is of size .3; nan for any other.

    So are logarithms, of scales or variances, wherever they are made.

    Of two that are multiplied and summed over n entries each gets the root of .3 / sqrt(n); one that is added
    up again and again gets its share.
    """
    readers = scene.links.readers.get(node.index, frozenset())
    summed = max((_summed(scene, node, one) for one in readers if one >= 0), default=0)
    if -1 not in readers and any(raised(scene, one) for one in (node.index, *readers) if one >= 0):
        return LOGITS
    if node.role not in ("head", "tied head"):
        return math.nan
    if summed and -1 not in readers:
        return tidy(math.sqrt(LOGITS / math.sqrt(summed)))
    return LOGITS * share(scene, node) if -1 in readers else math.nan


def share(scene: Scene, node: Node) -> float:
    """1 over how often a weight's results are added to one sum: refined outputs, membranes that leak.

    1 over the root of their number for weights side by side in one sum, each of them used there once.
    """
    uses = scene.uses_of(node.weight.name) if node.weight else ()
    sums = [_sum_of(scene, one) for one in uses]
    if len(uses) < 2 or not all(
        _reads_on(scene, after, before) for before, after in itertools.pairwise(sums)
    ):
        return 1 / math.sqrt(_side_by_side(scene, node))
    return 1 / len(uses)


def _side_by_side(scene: Scene, node: Node) -> int:
    """How many maps of one signal make up the sum that reads a weight's results."""
    place = _sum_of(scene, node.index)
    if node.index in scene.blocks.of_weight:
        return 1
    if node.index in (averaged := scene.once(_averaged)):
        return averaged[node.index]
    if place < 0:
        return 1
    nodes = [scene.graph.nodes[scene.links.station[one]] for one in scene.graph.nodes[place].inputs]
    maps = [one for one in nodes if one.kind == "weight" and one.inputs]
    read = {scene.links.station[one.inputs[0]] for one in maps}
    return len(nodes) if len(read) == 1 and len(maps) == len(nodes) else 1


def _averaged(scene: Scene) -> dict[int, int]:
    """weight -> how many maps of one signal its sum is of, where some come weighed by an attention."""
    found: dict[int, int] = {}
    for block in scene.blocks.all:
        ways = scene.graph.nodes[block.sum].inputs
        weighed = any(scene.graph.nodes[one].kind == "multiply" for one in block.region)
        maps = [_mapped(scene, one, block.region) if weighed else None for one in ways]
        read = {scene.links.station[one.inputs[0]] for one in maps if one is not None and one.inputs}
        if block.projected and None not in maps and read == {scene.links.station[block.join]}:
            found |= {one.index: len(ways) for one in maps if one is not None}
    return found


def _mapped(scene: Scene, index: int, region: frozenset[int]) -> Node | None:
    """The weight whose results are handed on here, as they are or weighed and added up; else None."""
    while index in region:
        node = scene.graph.nodes[index]
        if node.kind == "weight":
            return node
        if node.kind not in ("shape", "dropout", "multiply", "other"):
            return None
        learnt = [one for one in node.inputs if scene.graph.nodes[one].learnt]
        # a factor for all channels together weighs them: it is no map of the signal itself
        index = max(learnt, key=lambda one: scene.graph.nodes[one].shape[-1:], default=-1)
    return None


def _sum_of(scene: Scene, index: int) -> int:
    """The sum that reads a weight's results; -1 where none does."""
    readers = (one for one in scene.links.readers.get(index, ()) if one >= 0)
    return next((one for one in sorted(readers) if scene.graph.nodes[one].kind == "add"), -1)


def _reads_on(scene: Scene, index: int, before: int) -> bool:
    """Whether a sum goes on with an earlier one: through sums and constant factors alone."""
    seen, stack = {index}, [index]
    while stack and min(index, before) >= 0:
        one = stack.pop()
        if one == before:
            return True
        node = scene.graph.nodes[one]
        linear = node.kind in ("add", "shape", "dropout") or (
            node.kind == "multiply" and len(node.inputs) == 1
        )
        new = [k for k in node.inputs if linear and k >= before and k not in seen]
        seen.update(new)
        stack += new
    return False


def raised(scene: Scene, index: int) -> bool:
    """Whether e is raised to what a node hands on: scales of couplings, variances."""
    found = scene.graph.following(index, ("other", "weight", "norm", "softmax"), 4)
    return found is not None and found.op in ("exp", "expm1")


def _summed(scene: Scene, node: Node, index: int) -> int:
    """Over how many entries a product with another learnt signal is summed; 0 where there is none."""
    graph, product = scene.graph, scene.graph.nodes[index]
    if sum(graph.nodes[one].learnt for one in product.inputs) < 2:
        return 0
    if product.kind == "product" and graph.following(index, ("softmax",), 8) is None:
        return node.shape[node.channel_axis]
    if product.kind == "multiply":
        sums = [one for one in graph.consumers[index] if graph.nodes[one].op == "sum"]
        size = math.prod(product.shape)
        return max((size // max(math.prod(graph.nodes[one].shape), 1) for one in sums), default=0)
    return 0


def unheld(scene: Scene, node: Node) -> bool:
    """Whether nothing else sets the size of a weight's output: no norm next to it, no streams about."""
    links, graph = scene.links, scene.graph
    before = [graph.nodes[links.station[one]] for one in node.inputs]
    after = [graph.nodes[one] for one in links.readers.get(node.index, ()) if one >= 0]
    held = any(one.kind in ("norm", "attention", "softmax") for one in (*before, *after))
    return not held and not scene.blocks.all
