"""Weights outside plain chains: heads, gates, depthwise kernels, and any other that has fans."""

from __future__ import annotations

import math

from isogain.core.initializers import VarianceScaling
from isogain.graph.entry import tidy
from isogain.graph.nodes import MATRIX_PRODUCTS, Kind, Node
from isogain.graph.powers import arriving
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import behind, leaving, share, unheld
from isogain.graph.scene import Scene, Site
from isogain.theory.deep_start import LOGITS

__all__: list[str] = []

_FLAT = frozenset(["sigmoid", "hard_sigmoid", "tanh"])
_SHARES: tuple[Kind, ...] = ("softmax",)


@rule(order=49)
def generated(site: Site) -> Decision | None:
    """A weight whose results are matrices that signals are multiplied by (hypernetworks, dynamic filters)."""
    node, use = site.node, site.use
    found = _generates(site.scene, node) if node is not None and use is not None and use.fans else None
    if found is None or node is None:
        return None
    entries, signal = found
    power, _ = arriving(site.scene, signal)
    size = 1 / math.sqrt(entries * (power if power > 0 else 1.0))
    gain, _ = behind(site.scene, node)
    reason = f"it makes matrices that sum over {entries} entries: signals behind them keep their size"
    return Decision(VarianceScaling(tidy((gain * size) ** 2)), reason, gain * size, size, 0.05)


def _generates(scene: Scene, node: Node) -> tuple[int, int] | None:
    """(entries summed over, the signal) where a weight's results, cut into rows, multiply another signal."""
    graph, links = scene.graph, scene.links
    products = [graph.nodes[one] for one in sorted(links.readers.get(node.index, ())) if one >= 0]
    for product in (one for one in products if one.op in MATRIX_PRODUCTS and len(one.inputs) == 2):
        if graph.preceding(product.index, _SHARES) or graph.following(product.index, _SHARES, 8):
            continue  # queries, keys or values
        for place, one in enumerate(product.inputs):
            rows, signal = graph.nodes[one].shape[-2:], product.inputs[1 - place]
            cut = min(rows) > 1 and math.prod(rows) == node.shape[node.channel_axis]
            made = links.station[one] == node.index != one and graph.nodes[signal].learnt
            if cut and made:
                return rows[place - 1], signal
    return None


@rule(order=70)
def head(site: Site) -> Decision | None:
    """The last weight before an output: small outputs, so that no class is favoured."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None or node.role != "head":
        return None
    size = leaving(site.scene, node)
    size = LOGITS if math.isnan(size) else size
    reason = f"outputs of size {size:.3g}: the loss starts near that of knowing nothing"
    return Decision(VarianceScaling(tidy(size**2)), reason, size, size, 0.05)


@rule(order=90)
def weight(site: Site) -> Decision | None:
    """Any weight with fans: the size of what it reads, after the activation before it."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None or node.kind == "embedding":
        return None
    part = share(site.scene, node)
    gain, what = behind(site.scene, node)
    gain *= part
    law = VarianceScaling(tidy(gain**2))
    terms = _opens_gate(site.scene, node)
    if terms:
        size = 1 / math.sqrt(terms)
        return Decision(law, f"{what}: a gate of {terms} terms reads it, open by half", gain, size, 0.05)
    if unheld(site.scene, node) and not site.scene.recurs(site.name):
        return Decision(law, f"{what}: signals keep their size", gain, part, 0.05)
    return Decision(law, f"{what}: the size of what it reads is kept", gain)


def _opens_gate(scene: Scene, node: Node) -> int:
    """How many signals are added up to what a gate is opened by, this weight's results among them; else 0.

    What no norm holds may have grown on its way here, and a gate that is flat lets no gradient back.
    """
    graph, links = scene.graph, scene.links
    found = graph.following(node.index, ("activation", "weight", "norm", "softmax", "multiply", "product"))
    if found is None or found.role != "gate" or found.activation not in _FLAT:
        return 0
    if any(graph.nodes[links.station[one]].kind == "norm" for one in node.inputs):
        return 0
    terms = [one for one in found.inputs if graph.nodes[one].kind == "add"]
    return max(len(graph.nodes[terms[0]].inputs), 1) if terms else 1
