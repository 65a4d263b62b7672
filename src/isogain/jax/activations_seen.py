"""Activations of a traced model: what an operation is called, held against the numbers that it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogain.core.activations import Activation, ActivationError, activation
from isogain.graph import Graph, Node
from isogain.graph.links import Link

__all__ = ["Seen", "SeenActivations", "sampled"]

Array = NDArray[np.float64]
MOST = 4096
"""Numbers of a signal that are looked at."""
CLOSE = 1e-2
"""Relative to the largest result: float16 rounds by 5e-4, and another slope or law is further off."""
_IGNORED = ("dropout", "shape", "pool")


@dataclass(frozen=True)
class Seen:
    """What went into an activation, and what came out."""

    given: Array
    made: Array


def sampled(value: object, most: int = MOST) -> Array:
    """Some of a signal's numbers, evenly taken."""
    flat = np.asarray(value).astype(np.float64).reshape(-1)
    return flat[:: max(len(flat) // most, 1)]


class SeenActivations:
    """link -> its activation, if the numbers agree; of a family with a parameter, the one that they show."""

    def __init__(self, graph: Graph, seen: Mapping[int, Seen]) -> None:
        self.graph, self.seen = graph, seen
        self._found: dict[int, Activation | None] = {}

    def __call__(self, link: Link) -> Activation | None:
        """The Activation of a link; None where there is none, or several in a row, or it cannot be told."""
        nodes = [self.graph.nodes[one] for one in link.between]
        nodes = [node for node in nodes if node.kind not in _IGNORED and not _is_bias(node)]
        if len(nodes) != 1 or nodes[0].activation is None:
            return None
        index = nodes[0].index
        if index not in self._found:
            self._found[index] = self._agreed(nodes[0])
        return self._found[index]

    def _agreed(self, node: Node) -> Activation | None:
        seen = self.seen.get(node.index)
        for settings in (dict(node.settings), _fitted(node.activation or "", seen)):
            try:
                found = activation(str(node.activation), **settings)
            except ActivationError:
                continue
            if seen is None or _agrees(found, seen):
                return found
        return None


def _is_bias(node: Node) -> bool:
    """x + b or s x with a parameter: a bias, which starts at 0, or a scale."""
    return bool(node.parameters) and node.kind in ("add", "multiply")


def _agrees(phi: Activation, seen: Seen) -> bool:
    scale = float(np.abs(seen.made).max(initial=0.0))
    return bool(np.abs(phi(seen.given) - seen.made).max(initial=0.0) <= CLOSE * max(scale, 1e-30))


def _fitted(name: str, seen: Seen | None) -> dict[str, float]:
    """The one parameter of a leaky ReLU or an ELU, from what became of numbers below 0."""
    if seen is None or name not in ("leaky_relu", "elu") or not (seen.given < 0).any():
        return {}
    below = seen.given < 0
    size = seen.given[below] if name == "leaky_relu" else np.expm1(seen.given[below])
    slope = float(f"{np.dot(size, seen.made[below]) / np.dot(size, size):.4g}")
    return {"negative_slope" if name == "leaky_relu" else "alpha": slope}
