"""Attention: queries and keys whose logits have variance 1, values and outputs of their input's size."""

from __future__ import annotations

from isogain.core.initializers import VarianceScaling
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import behind, tidy
from isogain.graph.scene import Site

__all__: list[str] = []


@rule(order=60)
def attention_in(site: Site) -> Decision | None:
    """Queries, keys and values, packed or not: a row is a map of the input, so its fan is the input's."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None or node.role != "attention in":
        return None
    gain, what = behind(site.scene, node)
    reason = f"{what}: logits q k / sqrt(d) of variance about 1 for normalised inputs"
    return Decision(VarianceScaling(tidy(gain**2)), reason, gain)
