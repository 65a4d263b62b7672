"""A Recorder that also keeps how each operation was called, so that a link can be replayed as a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from isogain.core.geometry.layout import Layout
from isogain.graph import Node, WeightUse
from isogain.graph.selection import Selection, Stripes
from isogain.torch.call.operations import kind_of, plain_name
from isogain.torch.call.tensors import UNKNOWN, Value, is_wrapped, tensors_in, tensors_of_call
from isogain.torch.measure.sampling import rms_of
from isogain.torch.measure.units import Units
from isogain.torch.record.capture import Recorder
from isogain.torch.record.shifts import shift_of
from isogain.torch.record.weights import find_weight, main_factor
from isogain.torch.record.windows import Window, followed

__all__ = ["Call", "Ref", "Tape"]

Tensor = torch.Tensor
_KEPT_KINDS = ("activation", "add", "multiply", "other")
_FOLLOWED = ("shape", "activation", "dropout", "add", "multiply", "other")


@dataclass(frozen=True)
class Ref:
    """The result of a node, standing for it in a kept call."""

    node: int


@dataclass(frozen=True)
class Call:
    """One operation as it was called."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    whole: bool
    """Whether every tensor in it is a node's result or one number."""


class Tape(Recorder):
    """Records what Recorder does, and the calls of operations that may be part of an activation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: dict[int, Call] = {}
        self.shifted: set[str] = set()
        """Parameters that a number is added to before they are used, as in x (1 + w)."""
        self.returned: tuple[int, ...] = ()
        """Nodes whose results the model returned."""
        self.shifts: dict[int, tuple[int, ...]] = {}
        """node -> how far it moves positions along each axis, from the last on."""
        self.gates: dict[int, float] = {}
        """node -> root mean square of the parameter that it multiplies a signal by."""
        self.windows: dict[int, Window] = {}
        """node -> what of another node, or of a parameter, it hands on as it is."""
        self.makers: set[str] = set()
        """Parameters whose results are the weights of other operations (hypernetworks)."""

    def _content(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Any, units: Units | None,
    ) -> None:  # fmt: skip
        before = len(self.nodes)
        nodes = {id(tensor): value.node for tensor, value in sources if value.node is not None}
        windows = self._windows_of(name, sources)
        if kind_of(name) == "weight":
            self._make_weights(args[1] if len(args) > 1 else kwargs.get("weight"))
        super()._content(name, args, kwargs, sources, result, units)
        if len(self.nodes) > before and any(shift := shift_of(name, args, kwargs)):
            self.shifts[before] = shift
        if len(self.nodes) > before and self.nodes[-1].kind in _KEPT_KINDS:
            self._calls_of(self.nodes[-1], args, kwargs, nodes)
        if len(self.nodes) > before and self.nodes[-1].kind in _FOLLOWED and windows:
            self._follow(name, args, kwargs, windows, result)

    def _windows_of(self, name: str, sources: list[tuple[Tensor, Value]]) -> dict[int, Window]:
        """What the sources of an operation hold, if it hands it on."""
        kind = kind_of(name)
        if kind not in _FOLLOWED:
            return {}
        asked = [t for t, value in sources if kind == "shape" or value.node in self.windows]
        return {id(tensor): found for tensor in asked if (found := self._window(tensor)) is not None}

    def _window(self, tensor: Tensor) -> Window | None:
        """What a tensor holds, if it is known; made for what nothing was taken of yet."""
        value = self.value(tensor)
        if tensor.dim() == 0 or not tensor.is_floating_point():
            return None
        if value.content and value.node is not None:
            found = self.windows.get(value.node)
            if found is not None:
                return found if found.labels[0].shape == tensor.shape else None
            node = self.nodes[value.node]
            fits = tuple(tensor.shape) == node.shape and -tensor.dim() <= node.channel_axis < tensor.dim()
            return Window.over(node.index, node.shape, (node.channel_axis % tensor.dim(),)) if fits else None
        if id(tensor) in self.names:
            return Window.over(self.names[id(tensor)][0], tuple(tensor.shape), tuple(range(tensor.dim())))
        made: Window | None = value.window
        return made

    def _follow(
        self,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        windows: dict[int, Window],
        result: Any,
    ) -> None:
        results = [one for one in tensors_in(result, 2) if one.is_floating_point()]
        found = followed(name, self.running, args, kwargs, lambda one: windows.get(id(one)), results)
        for tensor, window in zip(results, found, strict=True):
            index = self.value(tensor).node
            if window is None or index is None:
                continue
            node = self.nodes[index]
            if node.kind != "shape" and isinstance(window.origin, int):
                self.windows[index] = window.moved(index)
                continue
            self.windows[index] = window
            if isinstance(window.origin, int):
                self.nodes[index] = replace(node, selected=Selection(window.origin, window.stripes()))

    def _weight(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> WeightUse | None:
        """As Recorder's, without the size of the weight, which no plan asks for; and what it is a part of."""
        found = find_weight(plain_name(name), args, kwargs, self._described)
        if found is None:
            return None
        use, tensor = found
        if id(tensor) not in self.names:
            use = self._made(use, tensor)
        window = None if id(tensor) in self.names else self._window(tensor)
        return use if window is None or window.origin != use.name else _as_taken(use, window)

    def _made(self, use: WeightUse, tensor: Tensor) -> WeightUse:
        """As the operation reads it; with its size where other parameters have a part in that."""
        value = self.value(tensor)
        use = replace(use, multiple=value.constant, bound=value.bound)
        if len(value.parameters) < 2 or tensor.is_meta or is_wrapped(tensor):
            return use
        return replace(use, rms=rms_of(tensor))

    def _node(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Tensor,
    ) -> Node:  # fmt: skip
        node = super()._node(name, args, kwargs, sources, result)
        if node.weight is not None and node.op == "einsum" and len(node.inputs) > 1:
            return self._mixed(node, node.weight, args)
        if node.weight is None or node.weight.name in node.parameters:
            return node
        # the weight was picked out of a stack by something computed: that chooses a map, it is no signal
        kept = (one for one in node.inputs if getattr(self.windows.get(one), "origin", 0) != node.weight.name)
        return replace(node, inputs=tuple(kept), parameters=(node.weight.name, *node.parameters))

    def _mixed(self, node: Node, use: WeightUse, args: tuple[Any, ...]) -> Node:
        """With what the weight sums over first."""
        main = main_factor(args, use)
        first = self.value(main).node if main is not None else None
        if first not in node.inputs:
            return node
        others = (one for one in node.inputs if one != first)
        return replace(node, inputs=(first, *others), weight=replace(use, mixed=True))

    def _described(self, tensor: Any, beside: Any = None) -> tuple[str, bool] | None:
        value = self.value(tensor) if isinstance(tensor, Tensor) else UNKNOWN
        if value.content:
            window = self.windows.get(value.node) if value.node is not None else None
            return (window.origin, False) if window and isinstance(window.origin, str) else None
        return super()._described(tensor, beside)

    def _expression(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], parameters: frozenset[str], result: Any,
    ) -> None:  # fmt: skip
        if name in ("add", "__add__", "__radd__") and len(sources) == 1:
            self.shifted |= parameters
        if name == "linear" and self._starts_a_signal(args, kwargs):
            self._safely(name, self._content, name, args, kwargs, sources, result, None)
            return
        super()._expression(name, args, kwargs, sources, parameters, result)
        results = [one for one in tensors_in(result, 2) if one.is_floating_point()]
        windows = {id(t): found for t, _ in sources if (found := self._window(t)) is not None}
        if len(parameters) != 1 or not windows or kind_of(name) not in ("shape", "concatenate", *_FOLLOWED):
            return
        followed_by = followed(name, self.running, args, kwargs, lambda one: windows.get(id(one)), results)
        for tensor, window in zip(results, followed_by, strict=True):
            self.known[tensor] = self.value(tensor)._replace(window=window)

    def _starts_a_signal(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a layer reads a parameter as it would a signal: learnt queries, latents, positions."""
        read = args[0] if args else kwargs.get("input")
        weight = args[1] if len(args) > 1 else kwargs.get("weight")
        if not (isinstance(read, Tensor) and isinstance(weight, Tensor)):
            return False
        return bool(self.value(read).parameters) and bool(self.value(weight).parameters)

    def _make_weights(self, weight: Any) -> None:
        """Remembers the weights whose results are used as another operation's weight."""
        value = self.value(weight) if isinstance(weight, Tensor) else UNKNOWN
        if not value.content or value.node is None or self._described(weight):
            return
        seen, stack = set[int](), [value.node]
        while stack:
            node = self.nodes[stack.pop()]
            if node.weight is not None:
                self.makers |= {node.weight.name, node.weight.bias or node.weight.name}
            elif node.index not in seen:
                seen.add(node.index)
                stack.extend(node.inputs)

    def _calls_of(
        self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], nodes: dict[int, int]
    ) -> None:
        if node.kind == "multiply" and (gate := self._gate(args, kwargs)) is not None:
            self.gates[node.index] = gate
        self.calls[node.index] = Call(
            self.running, _kept(args, nodes), _kept(kwargs, nodes),
            all(id(t) in nodes or _number(t) is not None for t in tensors_of_call(args, kwargs)),
        )  # fmt: skip

    def _gate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
        """The size of the parameter, or of what is made of some, that a signal is multiplied by."""
        known = [(tensor, self.value(tensor)) for tensor in tensors_of_call(args, kwargs)]
        found = [t for t, value in known if value.parameters and not value.content and not t.is_meta]
        return rms_of(found[0]) if found and not is_wrapped(found[0]) else None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.running = func
        return super().__torch_function__(func, types, args, kwargs)


def _as_taken(use: WeightUse, window: Window) -> WeightUse:
    """The same with what each axis of the parameter is to it, and which entries of each are used."""
    words = [axis.role for axis in Layout.parse(use.layout).resolve(use.shape)]
    own: list[str] = []
    taken: list[Stripes | None] = []
    for number, size in enumerate(window.sizes):
        axis = window.axis_of(number)
        alike = len(words) == len(window.sizes) and use.shape[number] == size == 1
        if axis is None and not (window.fixed(number) or size == 1):
            return use
        own.append(words[number] if alike else "stack" if axis is None else words[axis])
        stripes = window.stripes(number)
        if stripes is None:
            return use
        taken.append(None if stripes.whole else stripes)
    _spread_thin(own, [word for word in words if word not in own], window.sizes)
    return replace(use, own=tuple(own), taken=tuple(taken))


def _spread_thin(own: list[str], missing: list[str], sizes: Sequence[int]) -> None:
    """An axis of one entry leaves no trace to follow: it is what no other is of the weight as used."""
    for number, size in enumerate(sizes):
        if missing and size == 1 and own[number] == "stack":
            own[number] = missing.pop(0)


def _number(tensor: Tensor) -> float | None:
    """The one number a tensor holds (also many times over); None for anything else."""
    if tensor.is_meta or tensor.numel() == 0 or tensor.numel() > 1 << 16 or tensor.is_complex():
        return None
    low, high = torch.aminmax(tensor.detach().float())
    return float(low) if bool(low == high) else None


def _kept(value: Any, nodes: dict[int, int]) -> Any:
    """The same with tensors replaced: results of nodes by Refs, constants by their number."""
    if isinstance(value, Tensor):
        if id(value) in nodes:
            return Ref(nodes[id(value)])
        number = _number(value)
        return None if number is None else torch.tensor(number, dtype=torch.float64)
    if isinstance(value, (tuple, list)):
        return type(value)(_kept(one, nodes) for one in value) if not hasattr(value, "_fields") else value
    if isinstance(value, dict):
        return {key: _kept(one, nodes) for key, one in value.items()}
    return value
