"""Node and Graph: operations in execution order, as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

from isogain.core.geometry.fans import Fans, fans
from isogain.errors import LayoutError
from isogain.graph.selection import Selection, Stripes

__all__ = ["KINDS", "MATRIX_PRODUCTS", "Graph", "Kind", "Node", "ParameterUse", "WeightUse"]

Kind = Literal[
    "input", "weight", "embedding", "recurrent", "norm", "activation", "add", "multiply", "product",
    "softmax",
    "attention", "pool", "concatenate", "dropout", "shape", "loss", "other",
]  # fmt: skip
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
MATRIX_PRODUCTS = frozenset(["matmul", "__matmul__", "bmm", "baddbmm"])
"""Products that sum over the last axis of the first factor and the last but one of the second."""


@lru_cache(maxsize=4096)
def _fans(
    shape: tuple[int, ...], layout: str, groups: int, stride: int | tuple[int, ...], transposed: bool
) -> Fans | None:
    """Those of all layers of one shape, worked out once; None where the layout gives none."""
    try:
        return fans(shape, layout, groups=groups, stride=stride, transposed=transposed)
    except LayoutError:
        return None


@dataclass(frozen=True)
class WeightUse:
    """One weight as one operation uses it: after casts, transposes and parametrizations."""

    name: str
    """The parameter; the largest one where several make the weight (weight normalization)."""
    shape: tuple[int, ...]
    layout: str
    groups: int = 1
    stride: tuple[int, ...] = (1,)
    transposed: bool = False
    bias: str | None = None
    rms: float = math.nan
    """Root mean square of the weight as used."""
    padding: tuple[int, ...] = (0,)
    """Of a convolution: positions padded on either side of each axis; -1 for as many as keep the size."""
    dilation: tuple[int, ...] = (1,)
    multiple: float = 1.0
    """The number by which the operation's weight is the parameter's multiple (an equalised learning rate)."""
    bound: bool = False
    """Whether it is none: standardised, divided by its own norm, a function of the parameter."""
    constant: bool | None = None
    """For a weight that several parameters make: whether all its elements, as used, are one value."""
    own: tuple[str, ...] = ()
    """What each axis of the parameter itself is to the operation, where it was followed."""
    taken: tuple[Stripes | None, ...] = ()
    """For each axis of the parameter the entries that are used; None: all of them."""
    channel: int | None = None
    """Which axis of the weight as used its node's channels are, where it has several of outputs."""
    moved: float = math.nan
    """For a weight that trainable parameters make of a frozen one: its distance from that, as a share."""
    distinct: int | None = None
    """For a layer's weight that is a function of its parameters: how many different rows, where the first two
    are one."""
    mixed: bool = False
    """Whether its node's further inputs only weigh what the weight makes of the first (shares of experts)."""

    @cached_property
    def fans(self) -> Fans | None:
        """Its fans; None where the layout gives none."""
        stride = self.stride if len(self.stride) > 1 else self.stride[0]
        return _fans(self.shape, self.layout, self.groups, stride, self.transposed)

    @property
    def gain(self) -> float:
        """rms * sqrt(fan_in): the factor on the root mean square of an uncorrelated signal."""
        found = self.fans
        return self.rms * math.sqrt(found.fan_in) if found else math.nan

    @property
    def depthwise(self) -> bool:
        """Whether every output reads one channel."""
        return self.groups > 1 and "in" in self.layout and self._inputs() == 1

    def _inputs(self) -> int:
        axis = self.layout.split().index("in")
        return self.shape[axis] // (self.groups if self.transposed else 1)


@dataclass(frozen=True)
class ParameterUse:
    """One parameter of the model: where it belongs and who uses it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    owner: str
    """Class name of the module that holds it."""
    aliases: tuple[str, ...] = ()
    """Other names of the same tensor (tied weights)."""
    nodes: tuple[int, ...] = ()
    """Nodes that use it."""
    used: bool = False
    """Whether any operation read it, also one outside the signal path."""
    optional: bool = False
    """For one that none read: whether the model's code names it, in a branch that was not taken."""
    switched: bool = False
    """Whether that branch stands behind a switch: a condition that no call changes."""
    tapped: bool = False
    """For one that none read: whether it lies in a sequence behind the last member that ran."""
    whole: str = ""
    """The parameter that this is a part of, if it is only one."""

    @property
    def model_name(self) -> str:
        """Its name in the model."""
        return self.whole or self.name


@dataclass(frozen=True)
class Node:
    """One operation on the signal: something computed from the model's inputs."""

    index: int
    op: str
    kind: Kind
    path: str
    """The module it ran in, or the one that owns its weight."""
    inputs: tuple[int, ...]
    """Nodes whose results it reads."""
    parameters: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    learnt: bool
    """Whether a parameter has any part in it."""
    channel_axis: int = -1
    weight: WeightUse | None = None
    activation: str | None = None
    """Name in the table of activations, with its parameters in `settings`; there are, too, the axis of a
    softmax and the number that a signal is multiplied by."""
    settings: Mapping[str, float] = field(default_factory=dict)
    module: str = ""
    """Class name of the module it ran in."""
    role: str = ""
    selected: Selection | None = None
    """For a shape operation: which channels of the node that made them it hands on."""
    steps: int = 1
    """How many steps a recurrent operation takes."""

    def playing(self, role: str) -> Node:
        """The same with a role; every node gets one, and `replace` takes ten times as long."""
        node = object.__new__(Node)
        node.__dict__.update(self.__dict__, role=role)
        return node


@dataclass(frozen=True)
class Graph:
    """Every operation on the signal, in execution order, and every parameter.

    The inputs are nodes of kind `input`; `outputs` are the nodes whose results the model returned.
    """

    nodes: tuple[Node, ...]
    parameters: tuple[ParameterUse, ...]
    outputs: tuple[int, ...] = ()

    @cached_property
    def consumers(self) -> dict[int, tuple[int, ...]]:
        """node -> the nodes that read it."""
        readers: dict[int, list[int]] = {node.index: [] for node in self.nodes}
        for node in self.nodes:
            for source in node.inputs:
                readers[source].append(node.index)
        return {index: tuple(found) for index, found in readers.items()}

    @cached_property
    def by_parameter(self) -> dict[str, ParameterUse]:
        """name (or alias) -> ParameterUse."""
        return {name: use for use in self.parameters for name in (use.name, *use.aliases)}

    def following(self, index: int, kinds: tuple[Kind, ...], steps: int = 4) -> Node | None:
        """The first node of these kinds that reads `index`, through at most `steps` other operations."""
        frontier = [index]
        for _ in range(steps):
            frontier = [reader for one in frontier for reader in self.consumers[one]]
            for one in frontier:
                if self.nodes[one].kind in kinds:
                    return self.nodes[one]
        return None

    def leads_out(self, index: int) -> bool:
        """Whether any output is made of this node, or no output is known."""
        return not self.outputs or index in self._leading_out

    @cached_property
    def _leading_out(self) -> frozenset[int]:
        return self._behind(self.outputs)

    def _behind(self, ends: Iterable[int]) -> frozenset[int]:
        """The ends and all that they are made of."""
        seen = set(ends)
        stack = list(seen)
        while stack:
            fresh = set(self.nodes[stack.pop()].inputs) - seen
            seen |= fresh
            stack += fresh
        return frozenset(seen)

    def weighed_later(self, index: int) -> bool:
        """Whether any weight reads what comes of this node."""
        return index in self._before_weights

    def normed_later(self, index: int) -> bool:
        """Whether any norm reads what comes of this node."""
        return index in self._before_norms

    @cached_property
    def _before_weights(self) -> frozenset[int]:
        return self._read_by("weight", "recurrent")

    @cached_property
    def _before_norms(self) -> frozenset[int]:
        return self._read_by("norm")

    def _read_by(self, *kinds: Kind) -> frozenset[int]:
        """All that operations of these kinds read is made of."""
        return self._behind(one for node in self.nodes if node.kind in kinds for one in node.inputs)

    def preceding(self, index: int, kinds: tuple[Kind, ...], steps: int = 4) -> Node | None:
        """The nearest node of these kinds that `index` reads, through at most `steps` other operations."""
        frontier = list(self.nodes[index].inputs)
        for _ in range(steps):
            for one in frontier:
                if self.nodes[one].kind in kinds:
                    return self.nodes[one]
            frontier = [source for one in frontier for source in self.nodes[one].inputs]
        return None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)
