"""What depth does to a model's own start: foretold from its weights, and measured on a batch.

A structure that asks for a start of its own (see `needs`) may have got one already.  Its present weights
are only drawn anew if theory says that they lose the signal on the way, and a forward pass shows that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from isogain.graph.chains import Chain
from isogain.graph.links import Link
from isogain.graph.needs import forgetful_cells, plain_chains, sines
from isogain.graph.scene import Scene

__all__ = ["hurts"]

Size = Callable[[int], float]
"""Node -> root mean square of what it hands on; nan where that is not known."""
DRIFT = 4.0
"""Foretold ratio of the loudest to the quietest layer of a chain from which on its start loses the signal."""
SEEN = 2.0
"""Ratio that the batch must show: biases hide much of what weights lose."""
GROWTH = 1.0
"""ln of the factor on the stream's power that the plan's own branches add up to at most."""


def hurts(scene: Scene, size: Size) -> tuple[str, ...]:
    """One sentence for each way in which a model's own start suffers from its depth."""
    return (*_chains(scene, size), *_streams(scene, size), *forgetful_cells(scene), *sines(scene))


def _chains(scene: Scene, size: Size) -> Iterator[str]:
    for chain in plain_chains(scene):
        foretold = _ratio(_foretold(scene, chain, size))
        measured = _ratio([size(one) for one in _inner(scene, chain)])
        if foretold >= DRIFT and measured >= SEEN:
            yield f"signals change {measured:.3g} times over {chain.depth} layers ({foretold:.3g} foretold)"


def _inner(scene: Scene, chain: Chain) -> list[int]:
    """Its weights, without those whose results leave it: how loud they shall be is another affair than depth.

    What is only put beside other signals goes on.
    """
    inner = {link.source for link in chain.links}
    return [one for one in chain.weights if one in inner or _goes_on(scene, one)]


def _goes_on(scene: Scene, index: int) -> bool:
    readers = scene.links.readers.get(index, frozenset())
    return bool(readers) and all(one >= 0 and scene.graph.nodes[one].kind == "concatenate" for one in readers)


def _foretold(scene: Scene, chain: Chain, size: Size) -> list[float]:
    """Sizes along a chain that follow from the first one's and from the weights as they are."""
    found: dict[int, float] = {}
    for link in sorted(chain.links, key=lambda one: one.target):
        start = found.setdefault(link.source, size(link.source))
        found[link.target] = start * _factor(scene, link)
    return [found[one] for one in _inner(scene, chain) if one in found]


def _factor(scene: Scene, link: Link) -> float:
    """By how much a weight, as it is, and the activation before it change a signal of size 1."""
    use, phi = scene.graph.nodes[link.target].weight, scene.activation(link)
    own = scene.own.get(scene.graph.by_parameter[use.name].model_name) if use else None
    if use is None or use.fans is None or own is None:
        return math.nan
    return own.rms * abs(use.multiple) * math.sqrt(use.fans.fan_in) / (phi.gain() if phi else 1.0)


def _ratio(sizes: list[float]) -> float:
    """The largest over the smallest; nan where any is unknown."""
    if not sizes or any(math.isnan(one) for one in sizes):
        return math.nan
    return max(sizes) / min(sizes) if min(sizes) > 0 else math.inf


def _streams(scene: Scene, size: Size) -> Iterator[str]:
    """What branches add to streams, where no norm at their start holds that."""
    for stream in scene.blocks.streams:
        if stream.normalised and not stream.after:
            continue
        added = [_added(size(block.join), size(block.sum)) for block in stream.blocks]
        if sum(added) >= GROWTH:
            yield f"{stream.length} branches multiply their stream's power by {math.exp(sum(added)):.3g}"


def _added(before: float, after: float) -> float:
    return 2 * math.log(after / before) if before > 0 and after > 0 else math.nan
