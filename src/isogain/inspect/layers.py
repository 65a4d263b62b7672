"""Layers: the measured operations of a table, one row each, and those that repeat under what they share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from isogain.graph import Graph, Node, family
from isogain.inspect.signals import Backward, Forward
from isogain.inspect.table import Table
from isogain.rendering import Line

__all__ = ["Fold", "Layer", "fold", "layer_record", "layers_of", "parameters_by_node"]


@dataclass(frozen=True)
class Layer(Line):
    """One measured operation, as a row of the table."""

    index: int
    path: str
    op: str
    kind: str
    role: str
    shape: tuple[int, ...]
    dtype: str
    on_trunk: bool
    gain: float
    """rms(weight) * sqrt(fan_in); nan without a weight."""
    ratio: float
    """Measured gain: root mean square out over in; nan where what goes in was not measured."""
    forward: Forward | None
    backward: Backward | None
    parameters: int = 0
    """Numbers in the parameters that it is the first to use."""

    @property
    def rms(self) -> float:
        """Root mean square of what it hands on."""
        return self.forward.rms if self.forward else math.nan

    @property
    def gradient_rms(self) -> float:
        """Root mean square of the gradient with respect to what it hands on."""
        return self.backward.rms if self.backward else math.nan

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "one number"
        numbers = (("gain", self.gain), ("rms", self.rms), ("gradient", self.gradient_rms))
        known = [f"{name} {value:.3g}" for name, value in numbers if math.isfinite(value)]
        return ", ".join([f"{self.path or '(model)'} ({self.op}): {self.role or self.kind}", shape, *known])


def layers_of(table: Table) -> tuple[Layer, ...]:
    """Every measured operation in order of execution."""
    counts = parameters_by_node(table.graph)
    return tuple(
        _layer(table, node, counts.get(node.index, 0)) for node in table.graph.nodes
        if node.index in table.forward or node.index in table.backward
    )  # fmt: skip


def _layer(table: Table, node: Node, parameters: int) -> Layer:
    gain = node.weight.gain if node.weight else math.nan
    return Layer(
        node.index, node.path, node.op, node.kind, node.role, node.shape, node.dtype,
        node.index in table.on_trunk, gain, table.ratio(node),
        table.forward.get(node.index), table.backward.get(node.index), parameters,
    )  # fmt: skip


def parameters_by_node(graph: Graph) -> dict[int, int]:
    """node -> how many numbers its parameters hold; shared ones count where they are used first."""
    found: dict[int, int] = {}
    for use in graph.parameters:
        if use.nodes:
            first = min(use.nodes)
            found[first] = found.get(first, 0) + math.prod(use.shape)
    return found


def layer_record(layer: Layer) -> dict[str, Any]:
    """A layer as a row of numbers; nan for what was not measured."""
    forward = layer.forward
    return {
        "path": layer.path, "op": layer.op, "role": layer.role, "shape": layer.shape,
        "parameters": layer.parameters, "gain": layer.gain, "ratio": layer.ratio, "rms": layer.rms,
        "gradient_rms": layer.gradient_rms, "on_trunk": layer.on_trunk,
        "zero_fraction": forward.zero_fraction if forward else math.nan,
        "distance": forward.distance if forward else math.nan,
        "effective_rank": forward.spectrum.effective_rank if forward and forward.spectrum else math.nan,
    }  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """Layers that repeat: of one family of paths, one operation, role, shape and number of parameters."""

    path: str
    members: tuple[Layer, ...]

    @property
    def name(self) -> str:
        """Its path, and how many there are of it."""
        path = self.path or "(model)"
        return f"{path} x {len(self.members)}" if len(self.members) > 1 else path


def fold(layers: Sequence[Layer]) -> Iterator[Fold]:
    """Layers grouped under what they share, each group where its first member is."""
    groups: dict[tuple[object, ...], list[Layer]] = {}
    for layer in layers:
        key = (family(layer.path), layer.op, layer.role, layer.shape, layer.parameters)
        groups.setdefault(key, []).append(layer)
    for (path, *_), members in groups.items():
        yield Fold(str(path) if len(members) > 1 else members[0].path, tuple(members))
