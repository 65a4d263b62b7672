"""Scene: all that rules may look at, worked out once from a Graph; and Site, one parameter in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from isogain.core.activations import Activation, ActivationError, activation
from isogain.graph.blocks import Blocks
from isogain.graph.chains import Chain, PlainChains
from isogain.graph.links import Link, Links
from isogain.graph.nodes import Graph, Node, ParameterUse, WeightUse
from isogain.theory.deep_start import DeepStart, deep_start, is_deep

__all__ = ["Own", "Scene", "Site"]

Answer = TypeVar("Answer")
_LAYERS = ("weight", "recurrent", "attention")


def _unknown() -> bool:
    return False


@dataclass(frozen=True)
class Own:
    """What is known of a parameter's own values."""

    rms: float
    constant: bool
    mean: float = 0.0
    size: int = 1
    isometric: Callable[[], bool] = _unknown
    """Whether every square block of it is orthogonal, the identity say: what no draw is by chance."""

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
    fixed: frozenset[str] = frozenset()
    """Parameters that will keep what they have: frozen, excluded, or impossible to write."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the recipe was told."""
    gates: Mapping[int, float] = field(default_factory=dict)
    """Nodes that multiply a signal by parameters -> the root mean square of those."""
    shifts: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Nodes that pad or cut -> by axis, from the last on, positions put in front, or below 0 cut off."""
    makers: frozenset[str] = frozenset()
    """Parameters whose results are the weights of other operations."""

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
        return is_deep(chain.depth, chain.spread)

    def once(self, question: Callable[[Scene], Answer]) -> Answer:
        """The answer to a question about the whole scene, worked out once."""
        if question not in self._answers:
            self._answers[question] = question(self)
        return self._answers[question]  # type: ignore[no-any-return]

    @cached_property
    def _answers(self) -> dict[Callable[[Scene], Any], Any]:
        return {}

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

    def recurs(self, name: str) -> bool:
        """Whether a weight is applied at least three times, each time to what came of its own results alone.

        Other weights between make it a layer that blocks share.
        """
        uses = self.uses_of(name)
        if len(uses) < 3:
            return False
        reached = {uses[0]}
        for node in self.graph.nodes[uses[0] + 1 : uses[1] + 1]:
            if reached.intersection(node.inputs) and (node.index == uses[1] or node.kind not in _LAYERS):
                reached.add(node.index)
        return uses[1] in reached

    @cached_property
    def recurring(self) -> frozenset[str]:
        """The weights that do."""
        return frozenset(name for name in self._uses if self.recurs(name))


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
        return self.scene.own.get(self.parameter.model_name)

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
