"""The table of measurements: what was seen of one model on one batch, with no framework in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from isogain.graph import Graph, Node, trunks

__all__ = ["Backward", "Coverage", "Forward", "LossUse", "ParameterState", "Table"]


@dataclass(frozen=True)
class Forward:
    """What one node handed on: statistics in float32 over batch, positions and channels."""

    mean: float
    rms: float
    minimum: float
    maximum: float
    zero_fraction: float
    finite: bool
    size: int
    distance: float = math.nan
    """1 - cosine between different samples at the same place, averaged over pairs; nan for one sample."""
    position_distance: float = math.nan
    """1 - cosine between different positions of one sample; nan where there are none."""
    dead_fraction: float = math.nan
    """Share of an activation's units that hand on one and the same value for all samples and positions."""
    expected_dead: float = math.nan
    """Share of units on for all samples: drawn weights are symmetric, so as many are off by chance."""
    saturated_fraction: float = math.nan
    """Share of elements where the slope is below .06 of its maximum; bounded activations only."""
    shifted_fraction: float = math.nan
    """The part of it that a unit's own constant offset explains."""
    observations: int = 0
    """Samples times positions behind each unit."""

    @property
    def largest(self) -> float:
        """max |x|."""
        return max(abs(self.minimum), abs(self.maximum))

    @property
    def std(self) -> float:
        """Standard deviation over everything."""
        return math.sqrt(max(self.rms**2 - self.mean**2, 0.0))


@dataclass(frozen=True)
class Backward:
    """The gradient of the loss with respect to what a node handed on."""

    rms: float
    largest: float
    finite: bool
    size: int
    influence: float = math.nan
    """Root mean square of gradient times signal, element by element: no rescaling of layers changes it."""

    @property
    def norm(self) -> float:
        """Euclidean length over all elements."""
        return self.rms * math.sqrt(self.size)


@dataclass(frozen=True)
class LossUse:
    """One loss function the model, or the caller's loss, evaluated, and what ignorance would cost."""

    kind: str
    value: float
    chance: float
    """The loss of the best constant prediction the kind allows: ln C, ln 2, Var[target]."""
    classes: int = 0
    spread: float = math.nan
    """Root mean square of the logits over classes, or of the prediction."""
    target_mean: float = math.nan
    target_std: float = math.nan
    node: int | None = None


@dataclass(frozen=True)
class ParameterState:
    """One parameter's values and the gradient they got."""

    name: str
    rms: float
    mean: float
    std: float
    largest: float
    zero_fraction: float
    finite: bool
    constant: bool
    """Whether all elements are one value."""
    on_device: bool = True
    """False for parameters without storage (meta device, or emptied to shape (0,) by a sharding)."""
    empty: bool = False
    """Of size 0 by its own shape: nothing to train, and nothing wrong."""
    implausible: float = 0.0
    """Decades between the 1 % and the 99 % quantile of |x| over the non-zero elements."""
    duplicate_units: float = 0.0
    """Share of output units whose incoming weights and bias equal another unit's, bit for bit."""
    units: int = 0
    twin_gradients: float = math.nan
    """Share of those whose gradients are equal too."""
    fingerprint: str = ""
    """Equal only for equal values; empty for values that no random draw made."""
    gradient: Backward | None = None
    requested: bool = True
    """Whether a gradient was asked for (a trainable parameter)."""

    @property
    def zero(self) -> bool:
        """Whether every element is 0."""
        return self.constant and self.rms == 0


@dataclass(frozen=True)
class Coverage:
    """What was followed, and what was not."""

    parameters: int
    followed: int
    """Elements of parameters that a measured operation used, or that were shown to be unused."""
    operations: int
    measured: int
    unfollowed: tuple[str, ...] = ()
    """Parameters that no operation was seen to use, though a gradient reached them."""
    unmeasured: tuple[str, ...] = ()
    """Operations that use weights but could not be measured."""
    skipped: tuple[str, ...] = ()
    """Checks that were not run, with the reason."""

    @property
    def share(self) -> float:
        """followed / parameters, by element; 1 for a model without parameters."""
        return self.followed / self.parameters if self.parameters else 1.0


@dataclass(frozen=True)
class Table:
    """A Graph with everything measured on it."""

    graph: Graph
    forward: Mapping[int, Forward]
    backward: Mapping[int, Backward]
    parameters: Mapping[str, ParameterState]
    losses: tuple[LossUse, ...] = ()
    coverage: Coverage = field(default_factory=lambda: Coverage(0, 0, 0, 0))
    loss_value: float = math.nan
    loss_source: str = ""
    """'loss' (the caller's), 'output.loss' or 'random projection'."""
    batch: int = 0
    training: bool = True
    input_distance: float = math.nan
    settings: Mapping[str, str] = field(default_factory=dict)
    random_choices: bool = False
    """Whether the forward pass drew single random numbers, by which layers may be skipped."""

    @cached_property
    def trunks(self) -> tuple[tuple[int, ...], ...]:
        """The trunks of the graph, longest first."""
        return trunks(self.graph)

    @cached_property
    def on_trunk(self) -> frozenset[int]:
        """Every node on any trunk."""
        return frozenset(one for trunk in self.trunks for one in trunk)

    def node(self, index: int) -> Node:
        """The node of that index."""
        return self.graph.nodes[index]

    def state_of(self, node: Node) -> ParameterState | None:
        """The weight's state, for a node that uses one."""
        return self.parameters.get(node.weight.name) if node.weight else None

    def is_zero_weight(self, node: Node) -> bool:
        """Whether the node multiplies by a weight that is all zeros."""
        return node.weight is not None and node.weight.rms == 0

    def gated(self, index: int) -> bool:
        """Whether a parameter of zeros scales this node's result, or makes it."""
        node = self.node(index)
        if self.is_zero_weight(node):
            return True
        scales = [name for name in node.parameters if not name.endswith("bias")]
        states = [self.parameters[name] for name in scales if name in self.parameters]
        return node.kind in ("multiply", "norm") and any(state.zero for state in states)
