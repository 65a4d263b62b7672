"""The table of measurements: what was seen of one model on one batch, with no framework in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from isogain.graph import Graph, Node, trunks
from isogain.inspect.looks import BufferState, Look, Offset
from isogain.inspect.signals import Backward, Forward, Jacobian
from isogain.inspect.slices import Slices
from isogain.rendering import Line, Text, rendered

__all__ = ["Coverage", "LossUse", "ParameterState", "Table"]


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
    elements: int = 0
    """How many numbers it gave; 0 for one number, a mean or sum."""
    constant: float = math.nan
    """The constant answer that costs `chance`, where it was looked for."""
    answers: tuple[int, ...] = ()
    """The model's outputs that are to be this constant."""
    pulled: tuple[str, ...] = ()
    """The vectors of parameters that it pulls one way in all their elements: nothing else reads them."""
    learnt_target: bool = False
    """Whether the model itself made the target (a codebook, a teacher): then chance says nothing."""
    of: tuple[str, ...] = ()
    """The parameters that the judged output is, where it is nothing else."""
    targets: tuple[float, ...] = ()
    """Some of the numbers that a regression asks for."""
    crossed: bool = False
    """Whether every answer is held against every sample's target: shapes that broadcast to more than both."""
    differing: int = 0
    """How many targets there are along their first axis, if those differ; 0 where all are one."""
    raised: float = math.nan
    """The logarithm of a scale that `of` starts at, where `chance` is what it would cost at 0."""
    loudest: float = math.nan
    """The largest gain of the weights `of`, where `chance` is what it costs with all of them at gain 1."""
    given: float = math.nan  # what the call gave: the value for a mean, more for a sum

    @property
    def halved(self) -> bool:
        """Whether what it might cost instead is less than half of what the start does."""
        return self.value - self.chance > 0.5 * abs(self.value)


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
    scattered: float = 0.0
    """Decades between the quartiles of |x| where both signs and huge numbers occur; 0 elsewhere."""
    outlying: float = 0.0
    """Share of elements that are one and the same number, far beyond all others, at places by chance."""
    duplicate_units: float = 0.0
    """Share of output units whose incoming weights and bias equal another unit's, bit for bit."""
    units: int = 0
    distinct_units: int = 0
    """How many different ones there are among them."""
    twin_gradients: float = math.nan
    """Share of those whose gradients are equal too."""
    twin_sets: int = 0
    """Of units that are all one: how many sets of equal size share a gradient each; 0 where any is alone."""
    lone_gradients: bool = False
    """Whether of all those that are one, one alone gets a gradient."""
    orthogonal: bool = False
    """Whether its rows (or columns, if those are fewer) are orthogonal, by a sample of them."""
    fingerprint: str = ""
    """Equal only for equal values; empty for values that no random draw made."""
    kinship: float = math.nan
    """Mean cosine between its gradient and those of other parameters with the same fingerprint."""
    slices: Slices | None = None
    """For a stack of maps: its slices along the first axis."""
    kept: float = math.nan
    """For a square matrix that is applied over and over: |W^8|^(1/8), what one time leaves at most."""
    reached: int | None = None
    """For a matrix of which an index takes rows: how many of them got a gradient."""
    gradient: Backward | None = None
    requested: bool = True
    """Whether a gradient was asked for (a trainable parameter)."""

    @property
    def gradient_to_weight(self) -> float:
        """std(dL/dW) / std(W); nan without a gradient or for constant values."""
        return self.gradient.std / self.std if self.gradient is not None and self.std > 0 else math.nan

    @property
    def zero(self) -> bool:
        """Whether every element is 0."""
        return self.constant and self.rms == 0


@dataclass(frozen=True)
class Coverage(Line):
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

    def __str__(self) -> str:
        left = f"; not run: {'; '.join(self.skipped)}" if self.skipped else ""
        return f"{self.share:.1%} of {self.parameters:,} parameters followed{left}"


@dataclass(frozen=True)
class Table:
    """A Graph with everything measured on it; `table()` is its layers as text."""

    graph: Graph
    forward: Mapping[int, Forward]
    backward: Mapping[int, Backward]
    parameters: Mapping[str, ParameterState]
    losses: tuple[LossUse, ...] = ()
    coverage: Coverage = field(default_factory=lambda: Coverage(0, 0, 0, 0))
    loss_value: float = math.nan
    loss_source: str = ""
    """'loss' (the caller's), 'output.loss' or 'random projection'."""
    loss_node: int | None = None
    """The node of the loss; None for a random projection of all outputs."""
    batch: int = 0
    training: bool = True
    input_distance: float = math.nan
    settings: Mapping[str, str] = field(default_factory=dict)
    jacobian: Jacobian | None = None
    """Measured at level 'full' only."""
    loss_from: int | None = None
    """The first node of the caller's loss: from there on nothing is a layer of the model."""
    broken: Mapping[int, str] = field(default_factory=dict)
    """The first node that hands on what is not finite -> the operand to blame; '' where all were finite."""
    random_choices: bool = False
    """Whether the forward pass drew single random numbers, by which layers may be skipped."""
    looks: tuple[Look, ...] = ()
    """Closer looks: attention, gates, angles, decays."""
    buffers: tuple[BufferState, ...] = ()
    strangers: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Name and shape of trainable parameters that the pass read and the model does not hold."""
    maps: Mapping[int, str] = field(default_factory=dict)
    """node -> the attribute that holds what it multiplies by: a drawn matrix that is no parameter."""
    offset: Offset | None = None
    counted: bool = False
    """Whether an input counts the steps of each sample, so that places are told by it."""
    early: bool = False
    """Whether samples of sequences differ in the first half of their steps alone, so that memory decides."""

    def __call__(self, full: bool = False) -> Text:
        """The layers as text, with shapes and numbers of parameters; `full` unfolds those that repeat."""
        return Text(rendered("table.text", self, full))

    def __repr__(self) -> str:
        model, count = self.settings.get("model", "a model"), len(self.forward)
        return f"<Table of {model}: {count} operations measured; print(table(full=True))>"

    @cached_property
    def trunks(self) -> tuple[tuple[int, ...], ...]:
        """The trunks of the graph, longest first."""
        return trunks(self.graph)

    @cached_property
    def on_trunk(self) -> frozenset[int]:
        """Every node on any trunk."""
        return frozenset(one for trunk in self.trunks for one in trunk)

    @cached_property
    def makers(self) -> tuple[int, ...]:
        """Of each node the nodes that make it, itself among them, as the bits of a number."""
        found: list[int] = []
        for node in self.graph.nodes:
            bits = 1 << node.index
            for one in node.inputs:
                bits |= found[one]
            found.append(bits)
        return tuple(found)

    def behind(self, index: int) -> Iterator[Node]:
        """The nodes that make a node, itself the last."""
        return (one for one in self.graph.nodes[: index + 1] if self.makers[index] >> one.index & 1)

    def in_series(self, nodes: Sequence[int]) -> bool:
        """Whether what one of these nodes makes goes through another of them."""
        together = sum(1 << one for one in set(nodes))
        return any((self.makers[one] & together) != 1 << one for one in nodes)

    def node(self, index: int) -> Node:
        """The node of that index."""
        return self.graph.nodes[index]

    def state_of(self, node: Node) -> ParameterState | None:
        """The weight's state, for a node that uses one."""
        return self.parameters.get(node.weight.name) if node.weight else None

    def ratio(self, node: Node) -> float:
        """Measured gain: root mean square out over that of all it reads; shapes and dropout count as none."""
        if node.index not in self.forward:
            return math.nan
        sources = [self._measured_before(one) for one in node.inputs]
        squares = [self.forward[one].rms ** 2 for one in sources if one is not None]
        size = math.sqrt(sum(squares)) if squares and len(squares) == len(sources) else math.nan
        return self.forward[node.index].rms / size if size > 0 else math.nan

    def _measured_before(self, index: int) -> int | None:
        for _ in range(6):
            if index in self.forward:
                return index
            node = self.node(index)
            if node.kind not in ("shape", "dropout") or len(node.inputs) != 1:
                return None
            index = node.inputs[0]
        return None

    def normalises(self, node: Node) -> bool:
        """Whether a norm hands on the size its scale asks for: its epsilon does not outweigh the signal."""
        return self.forward[node.index].rms > 0.1 * self.norm_scale(node)

    def norm_scale(self, node: Node) -> float:
        """Root mean square that the norm's own scale asks for; 1 without one."""
        names = [n for n in node.parameters if n in self.parameters]
        scales = [self.parameters[name].rms for name in names if "bias" not in name]
        return scales[0] if scales else 1.0

    def in_loss(self, node: Node) -> bool:
        """Whether the caller's loss computes it."""
        return self.loss_from is not None and node.index >= self.loss_from

    def gets_gradient(self, node: Node) -> bool:
        """Whether a gradient comes back to it; of a model that was not differentiated, True."""
        return not self.backward or node.index in self.backward

    def silent(self, node: Node) -> bool:
        """Whether nothing but zeros was seen of it, or nothing was measured."""
        return node.index not in self.forward or self.forward[node.index].rms == 0

    def opens(self, node: Node) -> bool:
        """Whether a step changes what scales or makes it: one of its parameters has a gradient."""
        states = (self.parameters.get(name) for name in node.parameters)
        return any(s is not None and s.gradient is not None and s.gradient.largest > 0 for s in states)

    def is_zero_weight(self, node: Node) -> bool:
        """Whether the node multiplies by a weight that is all zeros."""
        return node.weight is not None and node.weight.rms == 0

    def gated(self, index: int) -> bool:
        """Whether a parameter of zeros scales this node's result, or makes it."""
        node = self.node(index)
        if self.is_zero_weight(node):
            return True
        states = (self.parameters.get(name) for name in node.parameters if not name.endswith("bias"))
        return node.kind in ("multiply", "norm") and any(one.zero for one in states if one is not None)
