"""Plain chains: weights joined by links, with nothing but activations between, and the depth they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from isogain.graph.links import Link, Links
from isogain.graph.nodes import Node
from isogain.theory.deep_start import width_spread

__all__ = ["Chain", "PlainChains"]


@dataclass(frozen=True)
class Chain:
    """Weights joined by plain links."""

    weights: tuple[int, ...]
    links: tuple[Link, ...]
    depth: int
    """Weights on the longest way through it."""
    width: int
    """Units of its narrowest link."""
    spread: float
    """Variance of ln q that Gaussian weights of a ReLU network would add along it: 5 sum 1 / fan_in."""
    normalised: bool
    """Whether it starts behind a norm or ends before one."""


class PlainChains:
    """Every plain chain of a graph."""

    def __init__(self, links: Links) -> None:
        self.links, self.graph = links, links.graph
        self._plain = tuple(links.plain())

    @cached_property
    def all(self) -> tuple[Chain, ...]:
        """Chains of at least two weights, in execution order of their first."""
        groups: dict[int, list[Link]] = {}
        root: dict[int, int] = {}

        def find(one: int) -> int:
            while root.setdefault(one, one) != one:
                root[one] = root[root[one]]
                one = root[one]
            return one

        for link in self._plain:
            a, b = find(link.source), find(link.target)
            root[max(a, b)] = min(a, b)
        for link in self._plain:
            groups.setdefault(find(link.source), []).append(link)
        return tuple(self._chain(groups[key]) for key in sorted(groups))

    @cached_property
    def before(self) -> dict[int, Link]:
        """weight node -> the plain link that ends there."""
        return {link.target: link for link in self._plain}

    @cached_property
    def after(self) -> dict[int, tuple[Link, ...]]:
        """weight node -> the plain links that start there."""
        found: dict[int, list[Link]] = {}
        for link in self._plain:
            found.setdefault(link.source, []).append(link)
        return {source: tuple(links) for source, links in found.items()}

    @cached_property
    def of(self) -> dict[int, Chain]:
        """weight node -> its chain."""
        return {weight: chain for chain in self.all for weight in chain.weights}

    def _chain(self, links: list[Link]) -> Chain:
        weights = tuple(sorted({one for link in links for one in (link.source, link.target)}))
        longest = dict.fromkeys(weights, 1)
        for link in sorted(links, key=lambda one: one.target):
            longest[link.target] = max(longest[link.target], longest[link.source] + 1)
        width = min(self._units(self.graph.nodes[link.source]) for link in links)
        spread = sum(width_spread(1, max(self._fan_in(self.graph.nodes[one.target]), 1)) for one in links)
        return Chain(weights, tuple(links), max(longest.values()), width, spread, self._meets_norm(weights))

    def _fan_in(self, node: Node) -> float:
        fans = node.weight.fans if node.weight else None
        return fans.fan_in if fans else self._units(node)

    def _units(self, node: Node) -> int:
        return node.shape[node.channel_axis] if node.shape else 1

    def _meets_norm(self, weights: tuple[int, ...]) -> bool:
        before = (self.links.into[one].source for one in weights if one in self.links.into)
        after = (reader for one in weights for reader in self.links.readers.get(one, ()) if reader >= 0)
        return any(self.graph.nodes[one].kind == "norm" for one in (*before, *after))
