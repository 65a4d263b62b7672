"""Which weights may start mirrored: units in pairs (u, -u), where everything that reads them can undo it."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph.links import Link
from isogain.graph.nodes import Node
from isogain.graph.scene import Scene

__all__ = ["paired_weights"]


def paired_weights(scene: Scene) -> frozenset[int]:
    """The weight nodes whose outputs come in mirrored halves."""
    found = {
        source
        for source, links in scene.links.out_of.items()
        if scene.links.readers.get(source, frozenset()) == {link.target for link in links}
        and _whole(scene, scene.graph.nodes[source], outputs=2)
        and all(_read(scene, link) for link in links)
    }
    while clashing := set(_clashing(scene, found)):
        found -= clashing
    return frozenset(found)


def _read(scene: Scene, link: Link) -> bool:
    """Whether halves could be read at the end of this link, and the activation on it is worth it."""
    chain, phi = scene.chains.of.get(link.target), scene.activation(link)
    if chain is None or phi is None or not link.paired or not scene.deep(chain):
        return False
    target = scene.graph.nodes[link.target]
    return _whole(scene, target, outputs=1) and scene.start(chain, phi).kind == "mirrored"


def _whole(scene: Scene, node: Node, outputs: int) -> bool:
    """Whether a node multiplies by one matrix or kernel that a plain rule will write."""
    use = node.weight
    if node.kind != "weight" or use is None or use.name in scene.fixed or use.fans is None:
        return False
    words = use.layout.split()
    plain = use.groups == 1 and set(words) <= {"out", "in", "*"} and "out" in words
    tied = any(scene.graph.nodes[one].kind != "weight" for one in scene.graph.by_parameter[use.name].nodes)
    return plain and not tied and use.shape[words.index("out")] >= outputs and not scene.recurs(use.name)


def _clashing(scene: Scene, found: set[int]) -> Iterator[int]:
    """Sources of weights that are used several times and would be paired at one place, not at another."""
    into = scene.links.into
    for parameter in scene.graph.parameters:
        uses = scene.uses_of(parameter.name)
        sources = [into[one].source if one in into else -1 for one in uses]
        if len({one in found for one in uses}) > 1:
            yield from (one for one in uses if one in found)
        if len({one in found for one in sources}) > 1:
            yield from (one for one in sources if one in found)
