"""Scene: all that rules may look at, worked out once from a Graph; and Site, one parameter in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from isogain.core.activations import Activation, ActivationError, activation
from isogain.graph.blocks import Blocks
from isogain.graph.chains import Chain, PlainChains
from isogain.graph.links import Link, Links
from isogain.graph.nodes import Graph, Node, ParameterUse, WeightUse
from isogain.theory.deep_start import DeepStart, deep_start

__all__ = ["Own", "Scene", "Site"]

DEEP = 8
"""Plain layers from which on the exact isometry of a deep start is worth half the width."""
SPREAD = 0.75
"""Or the variance of ln q over Gaussian draws, 5 sum 1 / fan_in (Hanin & Nica 2019), beyond which it is."""


@dataclass(frozen=True)
class Own:
    """What is known of a parameter's own values."""

    rms: float
    constant: bool
    mean: float = 0.0
    size: int = 1

    @property
    def set_by_hand(self) -> bool:
        """Whether the values are no draw of mean 0: constant but not 0, or of a mean beyond chance."""
        if self.constant:
            return self.rms > 0 and self.size > 1
        return self.size > 3 and abs(self.mean) > 5 * self.rms / self.size**0.5


@dataclass
class Scene:
    """A graph with its links, chains and residual blocks, its activations and its own values."""

    graph: Graph
    activation_of: Callable[[Link], Activation | None]
    """The activation that a link's operations make together; None where they make none."""
    own: Mapping[str, Own] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shifted: frozenset[str] = frozenset()
    """Parameters that are used as 1 + w."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the recipe was told."""

    @cached_property
    def links(self) -> Links:
        """Ways from weight to weight."""
        return Links(self.graph)

    @cached_property
    def chains(self) -> PlainChains:
        """Plain chains."""
        return PlainChains(self.links)

    @cached_property
    def blocks(self) -> Blocks:
        """Residual blocks."""
        return Blocks(self.graph, self.links)

    def activation(self, link: Link) -> Activation | None:
        """The activation on a link, found once."""
        if link not in self._activations:
            self._activations[link] = self.activation_of(link)
        return self._activations[link]

    def named(self, node: Node) -> Activation | None:
        """The activation of one node of the table; None for any other."""
        try:
            return activation(str(node.activation), **dict(node.settings))
        except ActivationError:
            return None

    @cached_property
    def _activations(self) -> dict[Link, Activation | None]:
        return {}

    @cached_property
    def _starts(self) -> dict[tuple[int, Activation], DeepStart]:
        return {}

    def start(self, chain: Chain, phi: Activation) -> DeepStart:
        """How a chain as deep as this one wants to start with this activation."""
        key = (id(chain), phi)
        if key not in self._starts:
            self._starts[key] = deep_start(phi, chain.depth, max(chain.width, 1))
        return self._starts[key]

    def deep(self, chain: Chain) -> bool:
        """Whether Gaussian weights would stray too far over this chain."""
        return chain.depth > DEEP or chain.spread > SPREAD

    def mirrors(self, link: Link) -> bool:
        """Whether the halves that a mirrored weight makes could be read at the end of this link."""
        chain = self.chains.of.get(link.target)
        phi = self.activation(link)
        if chain is None or phi is None or not link.paired or not self.deep(chain):
            return False
        return self.start(chain, phi).kind == "mirrored"

    @cached_property
    def paired(self) -> frozenset[int]:
        """Weights whose outputs come in mirrored halves: all that read them can undo it."""
        found = set()
        for source, links in self.links.out_of.items():
            node = self.graph.nodes[source]
            readers = self.links.readers.get(source, frozenset())
            all_linked = readers == {link.target for link in links}
            if node.kind == "weight" and self._halves(node) and all_linked and all(map(self.mirrors, links)):
                found.add(source)
        return self._consistent(found)

    def _consistent(self, found: set[int]) -> frozenset[int]:
        """Without weights used several times that would have to be paired at one place and not at another."""
        while True:
            clashing = {
                one
                for node in self.graph.nodes
                if node.weight is not None
                for one in self.uses_of(node.weight.name)
                if one in found and len({use in found for use in self.uses_of(node.weight.name)}) > 1
            }
            if not clashing:
                return frozenset(found)
            found -= clashing

    def _halves(self, node: Node) -> bool:
        use = node.weight
        if use is None or use.groups > 1 or "stack" in use.layout or "(" in use.layout:
            return False
        return use.fans is not None and self._outputs(use) >= 2

    @staticmethod
    def _outputs(use: WeightUse) -> int:
        words = use.layout.split()
        return use.shape[words.index("out")] if "out" in words else 0

    @cached_property
    def _uses(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for node in self.graph.nodes:
            if node.weight is not None:
                found.setdefault(node.weight.name, []).append(node.index)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def uses_of(self, name: str) -> tuple[int, ...]:
        """The nodes that multiply by this parameter."""
        return self._uses.get(name, ())


@dataclass(frozen=True)
class Site:
    """One parameter, the operations that use it, and the scene around it."""

    scene: Scene
    parameter: ParameterUse
    nodes: tuple[Node, ...]
    """Every node that uses it, in execution order."""

    @property
    def name(self) -> str:
        """Its path."""
        return self.parameter.name

    @property
    def last_name(self) -> str:
        """The last part of its path."""
        return self.name.rpartition(".")[2]

    @property
    def own(self) -> Own | None:
        """Its own values; None on the meta device."""
        return self.scene.own.get(self.name)

    @cached_property
    def weighted(self) -> tuple[Node, ...]:
        """The nodes that multiply by it."""
        return tuple(self.scene.graph.nodes[one] for one in self.scene.uses_of(self.name))

    @property
    def node(self) -> Node | None:
        """The first of them."""
        return self.weighted[0] if self.weighted else None

    @property
    def use(self) -> WeightUse | None:
        """How the first of them reads its axes."""
        return self.node.weight if self.node else None

    @property
    def role(self) -> str:
        """The role of the first node that multiplies by it, or else that uses it."""
        found = self.node or (self.nodes[0] if self.nodes else None)
        return found.role if found else "unused"
