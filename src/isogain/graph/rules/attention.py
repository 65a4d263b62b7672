"""Attention: queries and keys whose logits have variance 1, values and outputs of their input's size."""

from __future__ import annotations

import math

from isogain.core.initializers import VarianceScaling
from isogain.graph.entry import tidy
from isogain.graph.logits import excess
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import behind
from isogain.graph.scene import Site

__all__: list[str] = []

SCALED = 0.05
"""How far from 1 the size of logits may be by their own scale."""


@rule(order=48)
def unscaled_logits(site: Site) -> Decision | None:
    """Queries and keys whose product no 1 / sqrt(d) follows, as T5's: each makes up for half of it."""
    node, use = site.node, site.use
    size = math.nan if node is None else excess(site.scene, node)
    if node is None or use is None or use.fans is None or not size > 0 or abs(size - 1) < SCALED:
        return None
    gain, what = behind(site.scene, node)
    gain /= math.sqrt(size)
    reason = f"{what}, over {size:.3g}: the logits are of that size, as nothing divides them by sqrt(d)"
    return Decision(VarianceScaling(tidy(gain**2)), reason, gain)


@rule(order=60)
def attention_in(site: Site) -> Decision | None:
    """Queries, keys and values, packed or not: a row is a map of the input, so its fan is the input's."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None or node.role != "attention in":
        return None
    gain, what = behind(site.scene, node)
    reason = f"{what}: logits q k / sqrt(d) of variance about 1 for normalised inputs"
    return Decision(VarianceScaling(tidy(gain**2)), reason, gain)
