"""One forward call, recorded: every operation on the signal in execution order, measured as it happens.

A function mode sees operations by their names with the very tensors they use, so functional calls, raw,
tied and parametrized weights, in-place operations and Python control flow need nothing special.  Module
hooks only tell in which module an operation ran.  No activation is stored.
"""

from __future__ import annotations

import math
import re
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from isogain.graph import Graph, Node, ParameterUse, WeightUse, assign_roles
from isogain.inspect.table import Backward, Forward, LossUse
from isogain.torch.guard import Untouched
from isogain.torch.losses import loss_use
from isogain.torch.measures import backward_summary, forward_summary, kept_sample, rms_of, unit_summary
from isogain.torch.operations import (
    BLANK,
    FACTORIES,
    IN_PLACE_SETTERS,
    LOSSES,
    SKIPPED,
    activation_of,
    kind_of,
    plain_name,
)
from isogain.torch.tensors import (
    UNKNOWN,
    Value,
    is_wrapped,
    operation_name,
    owner_of,
    tensors_in,
    transparent,
)
from isogain.torch.weights import find_weight

__all__ = ["Recorder"]

Tensor = torch.Tensor
MEASURED = frozenset(
    ["weight", "embedding", "recurrent", "norm", "activation", "add", "attention", "concatenate", "loss"]
)
_NORM_MODULE = re.compile("norm", re.IGNORECASE)
_SCALES = frozenset(["rsqrt", "sqrt", "std", "var", "norm", "vector_norm"])


@dataclass
class Scope:
    """A module whose forward is running."""

    path: str
    kind: str


class Recorder(TorchFunctionMode):
    """Records a Graph, its Forward measurements and its losses; `backward` fills as gradients flow."""

    def __init__(self, model: nn.Module, guard: Untouched, batch: int, *, measure: bool = True) -> None:
        super().__init__()
        self.model, self.guard, self.batch, self.measure = model, guard, batch, measure
        self.nodes: list[Node] = []
        self.forward: dict[int, Forward] = {}
        self.backward: dict[int, Backward] = {}
        self.losses: list[LossUse] = []
        self.unmeasured: list[str] = []
        self.operations = 0
        self.used: set[str] = set()
        self.gates: dict[int, Tensor] = {}
        """Inputs of weights that are all zeros: where a second gradient may start."""
        self.free_inputs = False
        self.random_choices = 0
        """Single random numbers drawn in forward: layers may be skipped by chance."""
        self.handles: list[Any] = []
        self._known: dict[int, tuple[Any, Value]] = {}
        self._scopes: list[Scope] = []
        self._storages: dict[int, nn.Parameter] = {}
        self.names: dict[int, list[str]] = {}
        self._owners = {
            name: type(module).__name__ for name, module in model.named_modules(remove_duplicate=False)
        }
        for name, parameter in model.named_parameters(remove_duplicate=False):
            self.names.setdefault(id(parameter), []).append(name)
            self._known[id(parameter)] = (lambda p=parameter: p, Value(parameters=frozenset([name])))
            if not parameter.is_meta and parameter.layout == torch.strided:
                self._storages[parameter.untyped_storage().data_ptr()] = parameter
        self.parameters = {names[0]: p for p in model.parameters() for names in [self.names[id(p)]]}
        for names in self.names.values():
            parameter = self.parameters[names[0]]
            self._known[id(parameter)] = (lambda p=parameter: p, Value(parameters=frozenset([names[0]])))

    # ---- what tensors are ------------------------------------------------------------------

    def value(self, tensor: Tensor) -> Value:
        """What is known of a tensor."""
        found = self._known.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else UNKNOWN

    def _set(self, tensor: Tensor, value: Value) -> None:
        self._known[id(tensor)] = (weakref.ref(tensor), value)

    def mark_inputs(self, inputs: Any) -> None:
        """Takes every tensor in `inputs` for content; without any, whatever the model draws is."""
        found = list(tensors_in(inputs))
        for tensor in found:
            node = Node(
                len(self.nodes), "input", "input", "", (), (), tuple(tensor.shape),
                str(tensor.dtype).removeprefix("torch."), False, 1 if tensor.dim() > 3 else -1,
            )  # fmt: skip
            self.nodes.append(node)
            self._set(tensor, Value(node.index, content=True))
            if self.measure and tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
                self.forward[node.index] = forward_summary(tensor, self.batch)
        self.free_inputs = not found

    # ---- where we are ----------------------------------------------------------------------

    def scopes(self) -> AbstractContextManager[Any]:
        """Follows which module's forward is running, by hooks that are gone afterwards."""
        stack = ExitStack()
        for path, module in self.model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            scope = Scope(path, type(module).__name__)
            before = module.register_forward_pre_hook(partial(self._enter, scope), prepend=True)
            after = module.register_forward_hook(partial(self._leave, scope), always_call=True)
            stack.callback(before.remove)
            stack.callback(after.remove)
        return stack

    def _enter(self, scope: Scope, *_: Any) -> None:
        self._scopes.append(scope)

    def _leave(self, scope: Scope, *_: Any) -> None:
        while self._scopes and self._scopes.pop() is not scope:
            pass

    # ---- every operation -------------------------------------------------------------------

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = operation_name(func)
        if name in SKIPPED or name in BLANK:
            return func(*args, **kwargs)
        if name == "multi_head_attention_forward":
            with self:
                return transparent(func)(*args, **kwargs)
        if name.endswith("_") or name in IN_PLACE_SETTERS or name == "__set__":
            self._before_write(name, func, args)
        return self._run(name, func, args, kwargs)

    def _before_write(self, name: str, func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        target = args[0] if args and isinstance(args[0], Tensor) else None
        if target is None or target.is_meta or not self._storages or name == "requires_grad_":
            return
        if name == "__set__":
            if (
                id(target) in self.names
                and getattr(getattr(func, "__self__", None), "__name__", "") == "data"
            ):
                self.guard.keep(target, rebound=True)  # type: ignore[arg-type]
            return
        if target.layout != torch.strided or is_wrapped(target):
            return
        owner = self._storages.get(target.untyped_storage().data_ptr())
        if owner is not None:
            self.guard.keep(owner)

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        sources = [(tensor, self.value(tensor)) for tensor in tensors_in((args, kwargs), 3)]
        content = any(value.content for _, value in sources)
        parameters = frozenset[str]().union(*(value.parameters for _, value in sources))
        self.used |= parameters
        units = self._safely(name, lambda: self._units(name, args, kwargs, sources)) if content else {}
        result = func(*args, **kwargs)
        self.operations += 1
        if content:
            self._safely(name, lambda: self._content(name, args, kwargs, sources, result, units or {}))
        else:
            self._expression(name, sources, parameters, result)
        return result

    def _safely(self, name: str, step: Callable[[], Any]) -> Any:
        """An operation that cannot be measured is listed as such; it never stops the model."""
        try:
            return step()
        except Exception as error:
            where = self._scopes[-1].path if self._scopes else ""
            self.unmeasured.append(f"{where} ({name}): {type(error).__name__}: {error}"[:200])
            return None

    def _expression(
        self, name: str, sources: list[tuple[Tensor, Value]], parameters: frozenset[str], result: Any
    ) -> None:
        """Something computed from parameters and constants alone."""
        drawn = self.free_inputs and name in FACTORIES and not parameters
        if name in ("rand", "bernoulli") and all(t.numel() == 1 for t in tensors_in(result, 1)):
            self.random_choices += 1
        if not (parameters or drawn):
            return
        flipped = any(value.flipped for _, value in sources)
        if name in ("t", "T", "mT", "H", "mH", "transpose", "permute", "adjoint", "swapaxes"):
            flipped = not flipped
        for tensor in tensors_in(result, 2):
            if id(tensor) not in self.names:
                self._set(tensor, Value(parameters=parameters, flipped=flipped, content=drawn))

    def _units(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], sources: list[tuple[Tensor, Value]]
    ) -> dict[str, float]:
        """What an activation does to its units, measured before an in-place one overwrites its input."""
        found, settings = activation_of(name, args, kwargs)
        if (
            found is None
            or not self.measure
            or not sources
            or sources[0][0].is_meta
            or is_wrapped(sources[0][0])
        ):
            return {}
        tensor, value = sources[0]
        axis = self.nodes[value.node].channel_axis if value.node is not None else -1
        with torch.no_grad():
            return unit_summary(tensor, found, settings, axis if tensor.dim() > 1 else -1)

    def _content(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Any, units: dict[str, float],
    ) -> None:  # fmt: skip
        """Something computed from the model's inputs: a node."""
        results = list(tensors_in(result, 2))
        if name == "__setitem__":
            results = [args[0]]
        floating = [t for t in results if t.is_floating_point() or t.is_complex()]
        if not floating:
            for tensor in results:
                self._set(tensor, Value(node=self._through(sources), content=True))
            return
        node = self._node(name, args, kwargs, sources, floating[0])
        self.nodes.append(node)
        scale = plain_name(name) in _SCALES or (
            node.kind in ("add", "shape", "other", "pool") and any(value.scale for _, value in sources)
        )
        for tensor in results:
            if id(tensor) not in self.names:
                self._set(tensor, Value(node.index, content=True, scale=scale))
                if tensor._base is not None and (name.endswith("_") or name == "__setitem__"):
                    self._set(tensor._base, Value(node.index, content=True))
        if self.measure:
            self._measure(node, name, args, kwargs, floating[0], units)

    @staticmethod
    def _through(sources: list[tuple[Tensor, Value]]) -> int | None:
        return next((value.node for _, value in sources if value.node is not None), None)

    def _node(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Tensor,
    ) -> Node:  # fmt: skip
        inputs = tuple(dict.fromkeys(v.node for _, v in sources if v.node is not None))
        parameters = tuple(
            dict.fromkeys(n for _, v in sources if not v.content for n in sorted(v.parameters))
        )
        weight = self._weight(name, args, kwargs)
        activation, settings = activation_of(name, args, kwargs)
        scope = self._scopes[-1] if self._scopes else Scope("", type(self.model).__name__)
        kind = "weight" if weight and kind_of(name) in ("product", "weight") else kind_of(name)
        if activation and kind == "other":
            kind = "activation"
        if kind in ("multiply", "add") and self._normalizes(sources, result, scope):
            kind = "norm"
        path = scope.path
        if kind in ("weight", "embedding", "recurrent", "norm") and parameters:
            path = owner_of(weight.name if weight else parameters[0])
        learnt = bool(parameters) or any(self.nodes[one].learnt for one in inputs)
        return Node(
            len(self.nodes), plain_name(name), kind, path, inputs, parameters, tuple(result.shape),
            str(result.dtype).removeprefix("torch."), learnt, self._channel_axis(name, kind, inputs, result),
            weight, activation, settings, scope.kind,
        )  # fmt: skip

    def _normalizes(self, sources: list[tuple[Tensor, Value]], result: Tensor, scope: Scope) -> bool:
        """Whether a product divides a signal by its own size, or belongs to a norm that does."""
        if any(value.scale and tensor.numel() < result.numel() for tensor, value in sources):
            return True
        before = [self.nodes[value.node] for _, value in sources if value.node is not None]
        return bool(_NORM_MODULE.search(scope.kind)) and any(
            one.kind == "norm" and one.path == scope.path for one in before
        )

    def _weight(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> WeightUse | None:
        def describe(tensor: Any) -> tuple[str, bool] | None:
            value = self.value(tensor) if isinstance(tensor, Tensor) else UNKNOWN
            if value.content or not value.parameters:
                return None
            largest = max(value.parameters, key=lambda one: self.parameters[one].numel())
            return largest, value.flipped

        found = find_weight(plain_name(name), args, kwargs, describe)
        if found is None:
            return None
        use, tensor = found
        rms = math.nan if tensor.is_meta or is_wrapped(tensor) else rms_of(tensor)
        return replace(use, rms=rms)

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

    def _measure(
        self, node: Node, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        result: Tensor, units: dict[str, float],
    ) -> None:  # fmt: skip
        wanted = node.kind in MEASURED or (node.kind == "multiply" and node.parameters)
        if not wanted:
            return
        if result.is_meta or is_wrapped(result) or result.numel() == 0 or result.layout != torch.strided:
            if node.kind in ("weight", "recurrent", "embedding"):
                self.unmeasured.append(node.path)
            return
        with torch.no_grad():
            if node.op in LOSSES:
                self._record_loss(node, args, kwargs, result)
            else:
                self.forward[node.index] = forward_summary(result, self.batch, units)
            if node.weight is not None and node.weight.rms == 0:
                self._keep_gate(node, args)
        if result.requires_grad and torch.is_grad_enabled():
            self._hook(result, node.index)

    def _hook(self, tensor: Tensor, index: int) -> None:
        with torch.no_grad():
            sample = kept_sample(tensor) if self.nodes[index].kind != "loss" else None
        hook = partial(self._gradient, index, sample)
        self.handles.append(tensor.register_hook(hook))  # type: ignore[no-untyped-call]

    def _record_loss(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor) -> None:
        found = loss_use(node.op, args, kwargs, result)
        if found is not None:
            self.losses.append(replace(found, node=node.index))

    def _keep_gate(self, node: Node, args: tuple[Any, ...]) -> None:
        source = next((t for t in tensors_in(args, 1) if self.value(t).node is not None), None)
        if source is not None and source.requires_grad:
            self.gates[node.index] = source

    def watch(self, tensor: Tensor) -> int | None:
        """Measures a tensor the model returned even if its operation is of no measured kind."""
        index = self.value(tensor).node
        if index is None or tensor.is_meta or not tensor.is_floating_point() or tensor.numel() == 0:
            return index
        if index not in self.forward and self.nodes[index].kind != "loss":
            with torch.no_grad():
                self.forward[index] = forward_summary(tensor, self.batch)
            if tensor.requires_grad:
                self._hook(tensor, index)
        return index

    def _gradient(self, index: int, sample: Tensor | None, gradient: Tensor) -> None:
        if gradient.layout == torch.strided and not is_wrapped(gradient) and gradient.numel():
            with torch.no_grad():
                self.backward[index] = backward_summary(gradient, sample)

    # ---- what came of it -------------------------------------------------------------------

    def graph(self, outputs: tuple[int, ...]) -> Graph:
        """The Graph recorded so far, with roles."""
        users: dict[str, list[int]] = {}
        for node in self.nodes:
            for name in node.parameters:
                users.setdefault(name, []).append(node.index)
        uses = tuple(
            ParameterUse(
                name, tuple(p.shape), str(p.dtype).removeprefix("torch."), p.requires_grad,
                self._owners.get(owner_of(name), ""), tuple(self.names[id(p)][1:]),
                tuple(users.get(name, ())),
                name in self.used,
            )
            for name, p in self.parameters.items()
        )  # fmt: skip
        return assign_roles(Graph(tuple(self.nodes), uses, outputs))
