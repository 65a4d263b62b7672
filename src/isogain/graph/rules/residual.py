"""Residual branches: small together, so that the stream carries signals and gradients past all of them."""

from __future__ import annotations

import math

from isogain.core.initializers import VarianceScaling, Zeros
from isogain.graph.blocks import Block, Stream
from isogain.graph.entry import tidy
from isogain.graph.nodes import Node
from isogain.graph.operands import operands
from isogain.graph.rules.deliberate import flat, shut
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import behind, raised
from isogain.graph.scene import Site
from isogain.theory.deep_start import LOGITS

__all__ = ["FEW"]

FEW = 4
"""Blocks up to which branches of 1 / sqrt(L) are as good as none."""


_VALUES = ("v", "value", "v_proj", "to_v", "wv", "w_v", "v_lin", "v_linear", "value_proj")


@rule(order=45)
def branch(site: Site) -> Decision | None:
    """The weights of a residual branch, by what normalises the stream, if anything does."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None:
        return None
    place = site.scene.blocks.of_weight.get(node.index)
    if place is None:
        return _skip(site, node)
    stream, block, weights = place
    if not stream.normalised:
        return _without_norms(site, node, stream, block, weights)
    if stream.after:
        return _behind_norms(site, node, stream, weights)
    return _before_norms(site, node, stream, block)


def _without_norms(
    site: Site, node: Node, stream: Stream, block: Block, weights: tuple[int, ...]
) -> Decision:
    """Fixup's scales (Zhang et al. 2019, section 3): every block's update is of size 1 / L."""
    gain, what = behind(site.scene, node)
    length, layers = stream.length, _layers(site, weights)
    last = node.index in block.ends
    gate = shut(site.scene, node, block)
    if gate is not None:
        reason = f"{what}: a factor of {gate:.2g} holds the branch shut, and would never open beside a zero"
        return Decision(VarianceScaling(tidy(gain**2)), reason, gain)
    if last and length > FEW and _opens(site, node, block):
        reason = f"the last of {length} branches without norms starts at 0: the stream passes unchanged"
        return Decision(Zeros(), reason, 0.0)
    if last and any(raised(site.scene, one) for one in site.scene.links.readers[node.index] if one >= 0):
        scale = gain * LOGITS / math.sqrt(length)
        reason = f"{what}, x {LOGITS:g} / sqrt({length}): logarithms of scales, near 0 together"
        return Decision(VarianceScaling(tidy(scale**2)), reason, scale)
    if last or layers < 2:
        scale = gain / math.sqrt(length)
        reason = f"{what}, / sqrt({length}): all branches add as much variance as the stream carries"
        return Decision(VarianceScaling(tidy(scale**2)), reason, scale)
    power = 1 / (2 * layers - 2)
    scale = gain * length**-power if length > FEW else gain
    reason = f"{what}, x {length}^(-{power:.3g}): updates of {length} blocks add up to one of size 1"
    return Decision(VarianceScaling(tidy(scale**2)), reason, scale)


def _opens(site: Site, node: Node, block: Block) -> bool:
    """Whether a weight of zeros gets a gradient: nothing on its way to the sum is flat at 0, or a product.

    And the sum is read by more than nobody.
    """
    graph, index = site.scene.graph, node.index
    if not site.scene.graph.leads_out(block.sum):
        return False
    while index != block.sum:
        ahead = [one for one in graph.consumers[index] if one in block.region or one == block.sum]
        if len(ahead) != 1:
            return len(ahead) > 1
        index = ahead[0]
        if (
            graph.nodes[index].kind == "multiply"
            and sum(graph.nodes[k].learnt for k in graph.nodes[index].inputs) > 1
        ):
            return False
        if flat(site.scene, graph.nodes[index]):
            return False
    return True


def _layers(site: Site, weights: tuple[int, ...]) -> int:
    """Weights in a row on a branch: queries, keys and values side by side count once."""
    links = site.scene.links
    nodes = (site.scene.graph.nodes[one] for one in weights)
    sources = {links.station[node.inputs[0]] for node in nodes if node.inputs}
    return max(len(sources), 1)


def _behind_norms(site: Site, node: Node, stream: Stream, weights: tuple[int, ...]) -> Decision:
    """Norms on the stream itself divide it by sqrt(1 + branch): small branches keep gradients alive."""
    gain, what = behind(site.scene, node)
    if _packed(site, node):
        return Decision(
            VarianceScaling(tidy(gain**2)), "queries, keys and values: the size of what they read", gain
        )
    if _makes_logits(site, node):
        return Decision(VarianceScaling(tidy(gain**2)), "queries and keys: logits of variance 1", gain)
    power = -0.5 if any(_packed(site, site.scene.graph.nodes[one]) for one in weights) else -0.25
    scale = gain * stream.length**power
    reason = f"{what}, x {stream.length}^({power:g}): the norms behind so many sums thin gradients by sqrt(e)"
    return Decision(VarianceScaling(tidy(scale**2)), reason, scale)


def _packed(site: Site, node: Node) -> bool:
    """Whether one weight makes queries, keys and values together."""
    graph, use = site.scene.graph, node.weight
    if use is None or use.fans is None or use.fans.fan_out < 2 * use.fans.fan_in:
        return False
    return graph.following(node.index, ("attention", "softmax"), 10) is not None and (
        graph.following(node.index, ("weight",), 4) is None
    )


def _makes_logits(site: Site, node: Node) -> bool:
    """Whether a weight of an attention makes queries or keys alone; by its name where the graph is silent."""
    made = operands(site.scene, node.index)[0]
    if made or node.role != "attention in":
        return bool(made) and "value" not in made
    return node.path.rpartition(".")[2].lower() not in _VALUES


def _before_norms(site: Site, node: Node, stream: Stream, block: Block) -> Decision | None:
    """Norms at the start of each branch: only the last weight counts for the stream's growth."""
    gain, what = behind(site.scene, node)
    graph = site.scene.graph
    follows = any(
        graph.nodes[one].kind == "norm" for one in site.scene.links.readers.get(node.index, ()) if one >= 0
    )
    routes = graph.following(node.index, ("softmax",), 3) is not None
    if node.index not in block.ends or follows or routes or stream.length < 2:
        return None
    if _own_kernel(node) and block.norms:
        reason = f"{what}: no sum over channels makes a channel's own kernel louder as it learns"
        return Decision(VarianceScaling(tidy(gain**2)), reason, gain)
    scale = gain / math.sqrt(stream.length)
    reason = f"{what}, / sqrt({stream.length}): the stream's variance at most doubles over all branches"
    return Decision(VarianceScaling(tidy(scale**2)), reason, scale)


def _own_kernel(node: Node) -> bool:
    """Whether every channel has a kernel of its own, which no sum over channels makes louder."""
    return node.weight is not None and node.weight.depthwise


def _skip(site: Site, node: Node) -> Decision | None:
    """A weight on the way around a branch carries the stream itself."""
    streams = site.scene.blocks.streams
    on_skip = [stream for stream in streams for block in stream.blocks if node.index in block.skip]
    if not on_skip or on_skip[0].normalised:
        return None
    gain, what = behind(site.scene, node)
    return Decision(VarianceScaling(tidy(gain**2)), f"on the stream itself: {what}", gain, 1.0, 0.05)
