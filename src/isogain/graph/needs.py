"""Why a model should not keep its own start, whatever that is: what its structure alone asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isogain.graph.chains import Chain
from isogain.graph.rules.plain import LINEAR
from isogain.graph.scene import Scene

__all__ = ["forgetful_cells", "needs", "plain_chains", "sines"]

LONG = 12
"""Sums with norms behind them from which on gradients thin out on their way back."""


def needs(scene: Scene) -> tuple[str, ...]:
    """One sentence for each reason; empty where the model's own start may be kept if it is healthy."""
    return tuple(sentence for ask in _ASKED for sentence in ask(scene))


def plain_chains(scene: Scene) -> list[Chain]:
    """Weights in a row whose signals no norm holds and no stream carries past them."""
    inside = scene.blocks.of_weight
    return [c for c in scene.chains.all if not c.normalised and not any(one in inside for one in c.weights)]


def _plain(scene: Scene) -> Iterator[str]:
    """Weights whose signals no norm holds: in a row, or anywhere in a model without norms."""
    normed = any(node.kind == "norm" for node in scene.graph.nodes)
    depth = max((chain.depth for chain in plain_chains(scene)), default=0)
    if depth > (2 if normed else 1):
        yield f"{depth} weights in a row with nothing but activations between them"


def _streams(scene: Scene) -> Iterator[str]:
    lengths = [stream.length for stream in scene.blocks.streams if not stream.normalised]
    if max(lengths, default=0) > 2:
        yield f"{max(lengths)} residual branches without a norm"
    lengths = [stream.length for stream in scene.blocks.streams if stream.after]
    if max(lengths, default=0) >= LONG:
        yield f"{max(lengths)} residual sums with norms behind them"


def _cells(scene: Scene) -> Iterator[str]:
    """Recurrent weights, of torch's layers or applied again and again."""
    by_hand = any(scene.recurs(use.name) for use in scene.graph.parameters)
    if by_hand or any(node.kind == "recurrent" for node in scene.graph.nodes):
        yield "recurrent weights: orthogonal ones keep what a cell remembers"


def forgetful_cells(scene: Scene) -> Iterator[str]:
    """The same, unless somebody made them orthogonal already."""
    held = [use.name for use in scene.graph.parameters if scene.recurs(use.name) or _reads_a_state(use.name)]
    if not held or not all(name in scene.own and scene.own[name].isometric() for name in held):
        yield from _cells(scene)


def _reads_a_state(name: str) -> bool:
    return name.rpartition(".")[2].startswith("weight_hh")


def sines(scene: Scene) -> Iterator[str]:
    """Sines between weights."""
    found = [scene.activation(link) or LINEAR for link in scene.links.into.values()]
    if any(phi.name == "sin" or "sin" in phi.name.split("_") for phi in found):
        yield "sines: their frequency sets the scale of the weights around them"


_ASKED: tuple[Callable[[Scene], Iterator[str]], ...] = (_plain, _streams, _cells, sines)
