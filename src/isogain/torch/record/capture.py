"""One forward call, recorded: every operation on the signal in execution order, measured as it happens.

A function mode sees operations by their names with the very tensors they use, so functional calls, raw,
tied and parametrized weights, in-place operations and Python control flow need nothing special.  Module
hooks only tell in which module an operation ran.  No activation is stored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from isogain.graph import Graph, Node, ParameterUse, WeightUse, assign_roles
from isogain.graph.paths import stable_path
from isogain.inspect.looks import Look
from isogain.torch.call.guard import Untouched
from isogain.torch.call.operations import (
    FACTORIES,
    activation_of,
    gives_back,
    is_scale,
    kind_of,
    plain_name,
    steps_of,
    writes,
)
from isogain.torch.call.tensors import (
    UNKNOWN,
    Value,
    is_wrapped,
    owner_of,
    tensors_in,
    tensors_of_call,
)
from isogain.torch.measure.changes import distinct_rows, moved_by
from isogain.torch.measure.looks import LOOKS, closer_look
from isogain.torch.measure.meter import Meter
from isogain.torch.measure.sampling import is_constant, rms_of
from isogain.torch.measure.units import Units, noted_units
from isogain.torch.record.constants import reshaped_by
from isogain.torch.record.known import KnownTensors
from isogain.torch.record.mentions import mentioned
from isogain.torch.record.strangers import Strangers
from isogain.torch.record.watch import Watch
from isogain.torch.record.weights import find_weight

__all__ = ["Recorder"]

Tensor = torch.Tensor
_NONE = frozenset[str]()
_NORM_MODULE = re.compile("norm", re.IGNORECASE)
OWNED = frozenset(["weight", "embedding", "recurrent", "norm", "add"])
"""Kinds that stand where their parameters do, whichever module's code runs them."""
_TURNED = frozenset(["t", "T", "mT", "H", "mH", "transpose", "permute", "adjoint", "swapaxes"])


def _from_left(name: str, weight: WeightUse | None, result: Tensor) -> bool:
    """Whether a weight is a product's left factor, so that its outputs are the rows of the result."""
    left = weight is not None and kind_of(name) == "product" and weight.layout.endswith("out in")
    return left and plain_name(name) != "einsum" and result.dim() > 1


def _learnt(known: KnownTensors, nodes: list[Node], tensor: Any) -> bool:
    """Whether a parameter has any part in a tensor."""
    value = known[tensor] if isinstance(tensor, Tensor) else UNKNOWN
    return bool(value.parameters) or (value.node is not None and nodes[value.node].learnt)


@dataclass
class Scope:
    """A module whose forward is running."""

    path: str
    kind: str


class Recorder(Watch):
    """Records a Graph; its Meter measures as nodes appear and as gradients come back."""

    def __init__(
        self, model: nn.Module, guard: Untouched, batch: int, *, measure: bool = True, level: str = "default"
    ) -> None:
        super().__init__(model, guard)
        self.measure = measure
        self.nodes: list[Node] = []
        # not a method of self: in a cycle, records would lie about until the garbage collector's slow turn
        self.meter = Meter(batch, level, partial(_learnt, self.known, self.nodes))
        self.meter.partly_frozen = len({p.requires_grad for p in self.parameters.values()}) > 1
        self.operations = 0
        self.used: set[str] = set()
        self.free_inputs = False
        self.random_choices = 0
        """Single random numbers drawn in forward: layers may be skipped by chance."""
        self.raised: set[str] = set()
        """The parameters that e is raised to as they are."""
        self.strangers = Strangers()
        self._scopes: list[Scope] = []

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Every parameter once, by its first name."""
        return self.known.parameters

    @property
    def names(self) -> dict[int, list[str]]:
        """id of a parameter -> all its names."""
        return self.known.names

    def value(self, tensor: Tensor) -> Value:
        """What is known of a tensor."""
        return self.known[tensor]

    def mark_inputs(self, inputs: Any) -> None:
        """Takes every tensor in `inputs` for content; without any, whatever the model draws is."""
        found = list(tensors_in(inputs))
        for tensor in found:
            node = Node(
                len(self.nodes), "input", "input", "", (), (), tuple(tensor.shape),
                str(tensor.dtype).removeprefix("torch."), False, 1 if tensor.dim() > 3 else -1,
            )  # fmt: skip
            self.nodes.append(node)
            self.known[tensor] = Value(node.index, content=True)
            if self.measure:
                self.meter.input(node.index, tensor)
        self.free_inputs = not found

    # ---- where we are ----------------------------------------------------------------------

    def scopes(self) -> AbstractContextManager[Any]:
        """Follows which module's forward is running, by two hooks on all modules that are gone afterwards."""
        running = {
            id(module): Scope(stable_path(path), type(module).__name__)
            for path, module in self.model.named_modules()
            if not isinstance(module, torch.jit.ScriptModule)
        }

        def enter(module: nn.Module, *_: Any) -> None:
            scope = running.get(id(module))
            if scope is not None:
                self._scopes.append(scope)

        def leave(module: nn.Module, *_: Any) -> None:
            scope = running.get(id(module))
            while scope is not None and self._scopes and self._scopes.pop() is not scope:
                pass

        stack = ExitStack()
        stack.callback(register_module_forward_pre_hook(enter).remove)
        stack.callback(register_module_forward_hook(leave, always_call=True).remove)
        return stack

    # ---- every operation -------------------------------------------------------------------

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        sources = [(tensor, self.known[tensor]) for tensor in tensors_of_call(args, kwargs)]
        content, parameters = self._known_of(name, sources)
        measured = content and self.measure
        units = self._safely(name, self._units, name, args, kwargs, sources) if measured else None
        summed = self.meter.partly_frozen and kind_of(name) == "add"
        near = self.measure and (summed or plain_name(name) in LOOKS)
        look = self._safely(name, closer_look, plain_name(name), args, kwargs, summed) if near else None
        count = len(self.nodes)
        result = func(*args, **kwargs)
        self.operations += 1
        if content and gives_back(name, args, result):
            return result
        if content:
            self._safely(name, self._content, name, args, kwargs, sources, result, units)
        else:
            self._expression(name, args, kwargs, sources, parameters, result)
        if look is not None:
            self._looked(name, look, count if len(self.nodes) > count else None, parameters)
        return result

    def _known_of(self, name: str, sources: list[tuple[Tensor, Value]]) -> tuple[bool, frozenset[str]]:
        """Whether an operation reads the signal, and the parameters that it reads."""
        content, parameters = False, _NONE
        for _, value in sources:
            content = content or value.content
            parameters = parameters | value.parameters if value.parameters else parameters
        self.used |= parameters
        if content:
            unknown = [tensor for tensor, value in sources if value is UNKNOWN]
            self.strangers.note(plain_name(name), unknown, len(self.nodes))
        return content, parameters

    def _looked(self, name: str, seen: Any, node: int | None, parameters: frozenset[str]) -> None:
        path = self._scopes[-1].path if self._scopes else ""
        self.meter.looks.append(Look(path, plain_name(name), node, seen, tuple(sorted(parameters))))

    def _safely(self, name: str, step: Callable[..., Any], *given: Any) -> Any:
        """An operation that cannot be measured is listed as such; it never stops the model."""
        try:
            return step(*given)
        except Exception as error:
            where = self._scopes[-1].path if self._scopes else ""
            self.meter.unmeasured.append(f"{where} ({name}): {type(error).__name__}: {error}"[:200])
            return None

    def _expression(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], parameters: frozenset[str], result: Any,
    ) -> None:  # fmt: skip
        """Something computed from parameters and constants alone."""
        drawn = self.free_inputs and name in FACTORIES and not parameters
        if name in ("rand", "bernoulli") and all(t.numel() == 1 for t in tensors_in(result, 1)):
            self.random_choices += 1
        if not (parameters or drawn):
            return
        if plain_name(name) == "exp":
            self.raised |= parameters
        flipped = any(value.flipped for _, value in sources)
        if name in _TURNED:
            flipped = not flipped
        constant, bound = reshaped_by(name, args, kwargs, sources)
        written = [args[0]] if name == "__setitem__" else []
        for tensor in written or tensors_in(result, 2):
            made = Value(None, parameters, flipped, drawn, constant=constant, bound=bound, op=name)
            self.known[tensor] = made

    def _units(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], sources: list[tuple[Tensor, Value]]
    ) -> Units | None:
        """What an activation does to its units, noted before an in-place one overwrites its input."""
        found, settings = activation_of(name, args, kwargs)
        if found is None or not sources or sources[0][0].is_meta or is_wrapped(sources[0][0]):
            return None
        tensor, value = sources[0]
        axis = self.nodes[value.node].channel_axis if value.node is not None else -1
        return noted_units(tensor, found, settings, axis if tensor.dim() > 1 else -1)

    def _content(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Any, units: Units | None,
    ) -> None:  # fmt: skip
        """Something computed from the model's inputs: a node."""
        results = list(tensors_in(result, 2))
        if name == "__setitem__":
            results = [args[0]]
        floating = [t for t in results if t.is_floating_point() or t.is_complex()]
        if not floating:
            for tensor in results:
                self.known[tensor] = Value(node=self._through(sources), content=True)
            return
        node = self._node(name, args, kwargs, sources, floating[0])
        places = self._placed(node, floating)
        scale = is_scale(name, args) or (
            node.kind in ("add", "shape", "other", "pool") and any(value.scale for _, value in sources)
        )
        for tensor in results:
            self.known[tensor] = Value(places.get(id(tensor), node.index), content=True, scale=scale)
            if tensor._base is not None and writes(name):
                self.known[tensor._base] = Value(node.index, content=True)
        if self.measure:
            self._measure(node, args, kwargs, floating[0], units)

    def _placed(self, node: Node, results: list[Tensor]) -> dict[int, int]:
        """id of each result -> its node: one for each part of what a shape operation takes apart."""
        self.nodes.append(node)
        places = {id(results[0]): node.index}
        for other in results[1:]:
            if node.kind == "shape":
                self.nodes.append(replace(node, index=len(self.nodes), shape=tuple(other.shape)))
            places[id(other)] = self.nodes[-1].index
        return places

    @staticmethod
    def _through(sources: list[tuple[Tensor, Value]]) -> int | None:
        return next((value.node for _, value in sources if value.node is not None), None)

    def _node(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Tensor,
    ) -> Node:  # fmt: skip
        inputs = tuple(dict.fromkeys([v.node for _, v in sources if v.node is not None]))
        named = [n for _, v in sources if v.parameters and not v.content for n in sorted(v.parameters)]
        parameters = tuple(dict.fromkeys(named))
        weight = self._weight(name, args, kwargs)
        activation, settings = activation_of(name, args, kwargs)
        scope = self._scopes[-1] if self._scopes else Scope("", type(self.model).__name__)
        kind = "weight" if weight and kind_of(name) in ("product", "weight") else kind_of(name)
        if activation and kind == "other":
            kind = "activation"
        if kind in ("multiply", "add") and self._normalizes(sources, result, scope):
            kind = "norm"
        path = scope.path
        if kind in OWNED and parameters:
            path = stable_path(owner_of(weight.name if weight else parameters[0]))
        learnt = bool(parameters) or any(self.nodes[one].learnt for one in inputs)
        return Node(
            len(self.nodes), plain_name(name), kind, path, inputs, parameters, tuple(result.shape),
            str(result.dtype).removeprefix("torch."), learnt,
            self._channel_axis(name, kind, inputs, result) if not _from_left(name, weight, result) else -2,
            weight, activation, settings, scope.kind, steps=steps_of(kind, args),
        )  # fmt: skip

    def _normalizes(self, sources: list[tuple[Tensor, Value]], result: Tensor, scope: Scope) -> bool:
        """Whether a product divides a signal by its own size, or belongs to a norm that does."""
        signal = any(value.content and tensor.numel() == result.numel() for tensor, value in sources)
        if signal and any(value.scale and tensor.numel() < result.numel() for tensor, value in sources):
            return True
        before = [self.nodes[value.node] for _, value in sources if value.node is not None]
        return bool(_NORM_MODULE.search(scope.kind)) and any(
            one.kind == "norm" and one.path == scope.path for one in before
        )

    def _weight(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> WeightUse | None:
        if (found := find_weight(plain_name(name), args, kwargs, self._described)) is None:
            return None
        use, tensor = found
        if tensor.is_meta or is_wrapped(tensor):
            return replace(use, rms=math.nan)
        several, bound = len(self.value(tensor).parameters) > 1, self.value(tensor).bound
        rows = distinct_rows(tensor, use.layout) if several or bound else None
        use = replace(use, distinct=rows, bound=bound)
        if not several:
            return replace(use, rms=rms_of(tensor))
        moved = moved_by(tensor, self._makers(tensor)) if self.measure else math.nan
        return replace(use, rms=rms_of(tensor), constant=is_constant(tensor), moved=moved)

    def _described(self, tensor: Any, beside: Any = None) -> tuple[str, bool] | None:
        value, other = (self.value(t) if isinstance(t, Tensor) else UNKNOWN for t in (tensor, beside))
        names = value.parameters - other.parameters
        return None if value.content or not names else (self._main(names), value.flipped)

    def _makers(self, tensor: Tensor) -> list[Tensor]:
        return [self.parameters[one] for one in self.value(tensor).parameters]

    def _main(self, names: frozenset[str]) -> str:
        """The largest of the parameters that make a weight; of equals one whose values differ."""
        if len(names) == 1:
            return next(iter(names))
        most = max(self.parameters[one].numel() for one in names)
        largest = sorted(one for one in names if self.parameters[one].numel() == most)
        differ = (one for one in largest if not is_constant(self.parameters[one]))
        return next(differ, largest[0]) if len(largest) > 1 else largest[0]

    def _channel_axis(self, name: str, kind: str, inputs: tuple[int, ...], result: Tensor) -> int:
        plain = plain_name(name)
        if plain.startswith("conv") or plain in ("batch_norm", "group_norm", "instance_norm"):
            return 1 if result.dim() > 1 else -1
        if kind in ("weight", "embedding", "recurrent", "product", "attention") or plain == "layer_norm":
            return -1
        before = next((self.nodes[i] for i in inputs if len(self.nodes[i].shape) == result.dim()), None)
        axis = before.channel_axis if before else -1
        if plain in ("permute", "transpose", "movedim", "swapaxes") and result.dim() in (3, 4):
            return 1 if axis == -1 else -1
        return axis if result.dim() > 1 else -1

    # ---- measuring -------------------------------------------------------------------------

    def _measure(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any],
                 result: Tensor, units: Units | None) -> None:  # fmt: skip
        self.meter.node(node, args, kwargs, result, units)
        if node.kind == "embedding" and not any(self.nodes[one].learnt for one in node.inputs):
            self.meter.entry(result)
        if node.weight is not None and node.weight.rms == 0:
            source = next((t for t in tensors_in(args, 1) if self.value(t).node is not None), None)
            self.meter.gate(node, source)

    def watch(self, tensor: Tensor) -> int | None:
        """The node of a tensor the model returned, measured even if its operation is of no measured kind."""
        index = self.value(tensor).node
        if index is not None:
            self.meter.watch(tensor, self.nodes[index])
        return index

    # ---- what came of it -------------------------------------------------------------------

    def graph(self, outputs: tuple[int, ...]) -> Graph:
        """The Graph recorded so far, with roles."""
        users: dict[str, list[int]] = {}
        for node in self.nodes:
            for name in node.parameters:
                users.setdefault(name, []).append(node.index)
        seen = frozenset(self.used)
        owners = {
            stable_path(name): type(module).__name__
            for name, module in self.model.named_modules(remove_duplicate=False)
        }
        named = mentioned(self.model, [name for name in self.parameters if name not in seen], seen)
        uses = tuple(
            ParameterUse(
                name, tuple(p.shape), str(p.dtype).removeprefix("torch."), p.requires_grad,
                owners.get(stable_path(owner_of(name)), ""), tuple(self.names[id(p)][1:]),
                tuple(users.get(name, ())), name in self.used, *named.get(name, ()),
            )
            for name, p in self.parameters.items()
        )  # fmt: skip
        return assign_roles(Graph(tuple(self.nodes), uses, outputs))
