"""Embeddings and heads tied to them: logits small, streams of size 1 where no norm follows."""

from __future__ import annotations

import math

from isogain.core.initializers import Normal
from isogain.graph.entry import tidy
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Site

__all__ = ["LOGIT_SIZE"]

LOGIT_SIZE = 0.3
"""Standard deviation of the logits of a tied head: cross-entropy starts within a few hundredths of ln C."""


@rule(order=35)
def embedding(site: Site) -> Decision | None:
    """A table that is looked up, and may be the head as well."""
    tables = [node for node in site.nodes if node.kind == "embedding"]
    if not tables and not (site.parameter.owner == "Embedding" and site.nodes and not site.weighted):
        return None
    first = (tables or list(site.nodes))[0].index
    width = site.parameter.shape[-1]
    tied = any(node.kind == "weight" for node in site.weighted)
    normed = site.scene.graph.normed_later(first)
    if tied or normed:
        std = tidy(LOGIT_SIZE / math.sqrt(width))
        why = "tied to the head: logits" if tied else "small beside what the first norms make of it: size"
        reason = f"{why} {LOGIT_SIZE:g} / sqrt({width}) a component"
        if not tied and (beside := _beside(site, first)) > std:
            std = float(f"{beside:.2g}")
            reason = "as large as what is added to it, which a norm would leave alone of the two"
    else:
        std = tidy(1 / math.sqrt(_summed(site, first)))
        reason = f"components of size {std:.3g}, so that what enters the network has size 1"
    return Decision(Normal(std), reason, layout="lookup out", role="tied head" if tied else "embedding")


def _beside(site: Site, index: int) -> float:
    """The size of the positions, kept as they are, that are added to its rows before anything reads them."""
    graph, own = site.scene.graph, site.scene.own
    found = 0.0
    sums = [one for one in graph.consumers[index] if graph.nodes[one].kind == "add"]
    for node in map(graph.nodes.__getitem__, sums):
        sizes = (own[name].rms for name in node.parameters if name in own and not own[name].constant)
        found = max(found, *sizes, _beside(site, node.index) if len(node.inputs) == 1 else 0.0, 0.0)
    return found


def _summed(site: Site, index: int) -> int:
    """How many embeddings are added up before anything else reads them."""
    graph = site.scene.graph
    if (
        graph.nodes[index].kind == "add"
    ):  # looked up without the inputs (positions): the sum is where it shows
        return 2
    for reader in graph.consumers[index]:
        node = graph.nodes[reader]
        if node.kind == "add" and all(graph.nodes[one].kind in ("embedding", "add") for one in node.inputs):
            return max(sum(graph.nodes[one].kind == "embedding" for one in node.inputs), 1)
    return 1
