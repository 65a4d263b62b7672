"""Runs a jaxpr operation by operation and records the Graph of what happens to the signal.

Every value carries what is known of it: the nodes it comes from, or the parameter it is an expression
of.  Calls (jit, remat, custom derivatives) are looked into; scans, loops and the branches taken are
followed (`isogain.jax.control`), so layers inside them are nodes too.  A hook sees every node's value and
may replace it, which is how gradients are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core as jex

from isogain.graph import Node, WeightUse
from isogain.jax.control import FOLLOWED, LONGEST, Decisions, follow, joined, parts, stopped
from isogain.jax.known import NOTHING, Known
from isogain.jax.operations import INLINED, KINDS, activation_named, moved_axes, weight_use

__all__ = ["Interpreter", "Known"]

Hook = Callable[[Node, Any, tuple[Any, ...]], Any]
CARRIED = ("rsqrt", "sqrt")
THROUGH = ("mul", "add", "sub", "div", "max", "neg", "convert_element_type", "broadcast_in_dim", "reshape",
           "squeeze", "copy", "stop_gradient", "integer_pow", "square")  # fmt: skip
"""What an inverse size may go through and remain one."""

GATES = {"tanh": "gelu_tanh", "erf": "gelu", "sigmoid": "silu"}
"""x g(x) by its bounded part: jax.nn.gelu is not a call of its own, so nothing else names it."""


@dataclass
class Interpreter:
    """Evaluates jaxprs; `nodes` grows as the signal passes."""

    hook: Hook
    rms: dict[str, float] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    operations: int = 0
    unfollowed: list[str] = field(default_factory=list)
    """Operations that use weights and were not looked into."""
    optional: set[str] = field(default_factory=set)
    """Parameters that a branch might use."""
    decisions: Decisions = field(default_factory=Decisions)

    def input(self, value: Any) -> tuple[Any, Known]:
        """A node for an input of the model."""
        shape, dtype = tuple(value.shape), value.dtype
        node = Node(len(self.nodes), "input", "input", "", (), (), shape, str(dtype), False)
        self.nodes.append(node)
        return self.hook(node, value, ()), Known((node.index,), content=True)

    def run(self, closed: Any, arguments: Sequence[tuple[Any, Known]]) -> list[tuple[Any, Known]]:
        """The values of a closed jaxpr's results."""
        jaxpr = getattr(closed, "jaxpr", closed)
        constants = [(value, NOTHING) for value in getattr(closed, "consts", ())]
        known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

        def read(atom: Any) -> tuple[Any, Known]:
            return (atom.val, NOTHING) if isinstance(atom, jex.Literal) else known[atom]

        for equation in jaxpr.eqns:
            results = self._equation(equation, [read(atom) for atom in equation.invars])
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    # ---- one operation ---------------------------------------------------------------------

    def _equation(self, equation: Any, operands: list[tuple[Any, Known]]) -> list[tuple[Any, Known]]:
        name = _called_name(equation)
        contents = [one for one in operands if one[1].content]
        act = _activation(equation, name, operands)
        if act is not None and len(contents) == 1:
            return self._activated(equation, act, operands)
        primitive = equation.primitive.name
        if primitive in INLINED and name not in KINDS:
            return self._called(equation, operands)
        if primitive in FOLLOWED and any(known.content or known.parameters for _, known in operands):
            return self._controlled(equation, operands)
        if _weighs(equation) and parts(equation):
            self.unfollowed.append(primitive)
        return self._plain(equation, name, operands)

    def _called(self, equation: Any, operands: list[tuple[Any, Known]]) -> list[tuple[Any, Known]]:
        """A call's own operations; one with a derivative of its own is differentiated by that."""
        jaxpr = equation.params[INLINED[equation.primitive.name]]
        if not equation.primitive.name.startswith("custom_"):
            return self.run(jaxpr, operands)
        exact = self._bind(equation, operands)
        inside = self.run(jaxpr, stopped(operands))
        return [(joined(one, value), known) for one, (value, known) in zip(exact, inside, strict=True)]

    def _controlled(self, equation: Any, operands: list[tuple[Any, Known]]) -> list[tuple[Any, Known]]:
        """A scan, a loop or a branch, step by step; as one operation where it is too long to follow."""
        primitive = equation.primitive.name
        if primitive == "cond":
            self.optional |= {name for _, known in operands for name in known.parameters}
        if primitive == "scan" and not _weighs(equation):
            return self._plain(equation, primitive, operands)
        results = follow(self.run, self.decisions, equation, operands)
        if results is not None:
            return results
        self.unfollowed.append(f"a {primitive} of more than {LONGEST} rounds")
        return self._plain(equation, primitive, operands if primitive == "scan" else stopped(operands))

    def _bind(self, equation: Any, operands: list[tuple[Any, Known]]) -> list[Any]:
        self.operations += 1
        bound = equation.primitive.get_bind_params(equation.params)
        functions, params = bound if isinstance(bound, tuple) else ((), bound)  # JAX up to 0.9 gives both
        found = equation.primitive.bind(*functions, *(value for value, _ in operands), **params)
        return list(found) if equation.primitive.multiple_results else [found]

    def _activated(
        self, equation: Any, act: Any, operands: list[tuple[Any, Known]]
    ) -> list[tuple[Any, Known]]:
        results = self._bind(equation, operands)
        source = next(known for _, known in operands if known.content)
        before = next(value for value, known in operands if known.content)
        node = self._node(equation, "activation", act.name, [source], results[0], source.channel_axis)
        node = replace(node, activation=act.name, settings=dict(act.settings))
        return [self._recorded(node, results[0], (before,)), *((r, NOTHING) for r in results[1:])]

    def _plain(self, equation: Any, name: str, operands: list[tuple[Any, Known]]) -> list[tuple[Any, Known]]:
        results = self._bind(equation, operands)
        knowns = [known for _, known in operands]
        self.used |= {one for known in knowns for one in known.parameters}
        if not any(known.content for known in knowns):
            return [(result, self._expression(equation, knowns, result)) for result in results]
        if _inexact(results[0]) and (made := self._made(equation, name, operands, results[0])) is not None:
            return [self._recorded(made, results[0], ()), *((r, NOTHING) for r in results[1:])]
        return [(result, self._passed(equation, name, operands, result)) for result in results]

    def _expression(self, equation: Any, knowns: list[Known], result: Any) -> Known:
        """Something made of parameters and constants alone."""
        parameters = tuple(dict.fromkeys(one for known in knowns for one in known.parameters))
        holders = [known for known in knowns if known.parameters]
        axes = holders[0].axes if len(holders) == 1 else None
        if axes is not None:
            axes = moved_axes(equation.primitive.name, equation.params, axes, jnp.shape(result))
        return Known(parameters=parameters, axes=axes)

    def _made(self, equation: Any, name: str, operands: list[tuple[Any, Known]], result: Any) -> Node | None:
        """The node an operation on the signal is; None where it hands on what it gets."""
        knowns = [known for _, known in operands]
        weight = self._weight(equation, operands)
        contents = [known for known in knowns if known.content]
        if weight is not None:
            node = self._node(
                equation,
                weight[0],
                equation.primitive.name,
                knowns,
                result,
                _channels(equation, weight[2], result),
            )
            path = _owner(weight[1].name)
            return replace(node, weight=weight[1], path=path)
        kind = KINDS.get(name)
        if kind == "multiply" and _divides_by_size(operands, result):
            return self._node(equation, "norm", name, knowns, result, contents[0].channel_axis)
        if kind in ("add", "multiply"):
            if name == "div" and _by_its_sum(operands):
                return self._node(equation, "softmax", name, knowns, result, contents[0].channel_axis)
            if any(known.size or known.reduced for known in contents) or not _meets(operands, result):
                return None
            if kind == "add" and len(contents) > 1 and len({known.nodes for known in contents}) == 1:
                return None  # x + 0.044715 x^3 and its like: still a function of one signal
            if name == "mul" and (gated := self._gated(contents)) is not None:
                node = self._node(
                    equation, "activation", gated, contents[:1], result, contents[0].channel_axis
                )
                return replace(node, activation=gated)
        elif kind is None:
            return None
        return self._node(equation, kind, name, knowns, result, contents[0].channel_axis)

    def _gated(self, contents: list[Known]) -> str | None:
        """The activation x g(x), written out: the product of a signal and a bounded function of itself.

        What the bounded function was recorded as is then a part of it, and no activation of its own.
        """
        for signal, gate in (contents, contents[::-1]) if len(contents) == 2 else ():
            if len(gate.nodes) != 1 or gate.nodes == signal.nodes:
                continue
            inner = self.nodes[gate.nodes[0]]
            if inner.kind == "activation" and inner.inputs == signal.nodes and inner.activation in GATES:
                self.nodes[inner.index] = replace(inner, kind="other", activation=None)
                return GATES[inner.activation]
        return None

    def _weight(self, equation: Any, operands: list[tuple[Any, Known]]) -> tuple[str, WeightUse, int] | None:
        """The kind of node, the weight it uses and which operand, where one is made of parameters alone."""
        name = equation.primitive.name
        if name == "gather":
            value, known = operands[0]
            if not known.parameters or known.content or jnp.ndim(value) != 2 or not _inexact(value):
                return None
            rms = self._rms(known)
            return "embedding", WeightUse(known.parameters[0], tuple(value.shape), "lookup out", rms=rms), 0
        if name not in ("dot_general", "conv_general_dilated"):
            return None
        for side in (1, 0):
            value, known = operands[side]
            if known.parameters and not known.content:
                main = known.parameters[0]
                use = weight_use(name, equation.params, side, main, tuple(value.shape), self._rms(known))
                return None if use is None else ("weight", use, side)
        return None

    def _rms(self, known: Known) -> float:
        return self.rms.get(known.parameters[0], math.nan) if len(known.parameters) == 1 else math.nan

    def _passed(self, equation: Any, name: str, operands: list[tuple[Any, Known]], result: Any) -> Known:
        knowns = [known for _, known in operands]
        contents = [known for known in knowns if known.content]
        size = name in CARRIED or (name in THROUGH and any(known.size for known in contents))
        if size and name not in CARRIED:
            size = all(known.size for known in contents)
        axis = contents[0].channel_axis if jnp.ndim(result) > 1 else -1
        if name == "transpose":
            axis = _moved(axis, tuple(equation.params["permutation"]))
        return Known(
            tuple(dict.fromkeys(one for known in contents for one in known.nodes)), True,
            any(known.learnt or known.parameters for known in knowns),
            tuple(dict.fromkeys(one for known in contents if size for one in known.parameters))
            + tuple(one for known in knowns if size and not known.content for one in known.parameters),
            None, size, axis, _reduces(equation, contents, operands) or all(one.reduced for one in contents),
        )  # fmt: skip

    def _node(
        self, equation: Any, kind: Any, op: str, knowns: Sequence[Known], result: Any, channel_axis: int
    ) -> Node:
        inputs = tuple(dict.fromkeys(one for known in knowns if known.content for one in known.nodes))
        parameters = tuple(dict.fromkeys(one for known in knowns for one in known.parameters))
        self.used |= set(parameters)
        learnt = bool(parameters) or any(known.learnt for known in knowns)
        learnt = learnt or any(self.nodes[one].learnt for one in inputs)
        path = _owner(parameters[0]) if parameters else str(equation.source_info.name_stack)
        return Node(
            len(self.nodes), op, kind, path, inputs, parameters, tuple(result.shape), str(result.dtype),
            learnt, channel_axis if len(result.shape) > 1 else -1,
        )  # fmt: skip

    def _recorded(self, node: Node, result: Any, before: tuple[Any, ...]) -> tuple[Any, Known]:
        self.nodes.append(node)
        known = Known((node.index,), True, node.learnt, channel_axis=node.channel_axis)
        return self.hook(node, result, before), known


def _called_name(equation: Any) -> str:
    """The name of the function a call was made of, or of the primitive."""
    if equation.primitive.name in INLINED:
        inner = equation.params.get("name")
        if inner is None:
            jaxpr = equation.params[INLINED[equation.primitive.name]]
            info = getattr(getattr(jaxpr, "jaxpr", jaxpr), "debug_info", None)
            inner = getattr(info, "func_name", "") or ""
        return str(inner).split(" ")[0]
    return str(equation.primitive.name)


def _activation(equation: Any, name: str, operands: list[tuple[Any, Known]]) -> Any:
    """The activation an equation is: by the name of a function of jax.nn, by its primitive, or max(x, 0)."""
    out = equation.outvars[0].aval
    inputs = [(v, k) for v, k in operands if k.content]
    if len(equation.outvars) != 1 or len(inputs) != 1 or jnp.shape(inputs[0][0]) != out.shape:
        return None
    if inputs[0][1].size or inputs[0][1].reduced or not _inexact(inputs[0][0]):
        return None
    if name == "max":
        others = [v for v, k in operands if not k.content and not k.parameters]
        return activation_named("relu") if others and _is_zero(others[0]) else None
    if equation.primitive.name in INLINED:
        if any(known.parameters for _, known in operands):
            return None
        return activation_named(name, approximate=not _uses(equation, "erf", "erfc"))
    return activation_named(name)


def _reduces(equation: Any, contents: list[Known], operands: list[tuple[Any, Known]]) -> bool:
    """Whether an operation sums (or the like) over the channels of a signal."""
    if not equation.primitive.name.startswith("reduce_") or "axes" not in equation.params:
        return False
    ndim = jnp.ndim(operands[0][0])
    return contents[0].channel_axis % ndim in {axis % ndim for axis in equation.params["axes"]}


def _is_zero(value: Any) -> bool:
    return not isinstance(value, jax.core.Tracer) and jnp.ndim(value) == 0 and float(value) == 0


def _uses(equation: Any, *names: str) -> bool:
    """Whether any primitive inside is one of these."""
    return equation.primitive.name in names or any(
        _uses(one, *names) for jaxpr in parts(equation) for one in jaxpr.eqns
    )


def _weighs(equation: Any) -> bool:
    return _uses(equation, "dot_general", "conv_general_dilated")


def _inexact(value: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(value), jnp.inexact))


def _meets(operands: list[tuple[Any, Known]], result: Any) -> bool:
    """Whether a sum or product joins two signals, or a signal and parameters; constants change only size."""
    makers = [known for _, known in operands if known.content or known.parameters]
    return len(makers) > 1 and jnp.ndim(result) > 0


def _by_its_sum(operands: list[tuple[Any, Known]]) -> bool:
    """Whether a signal is divided by a statistic of itself."""
    (_, above), (_, below) = operands
    return above.content and below.reduced and above.nodes == below.nodes


def _divides_by_size(operands: list[tuple[Any, Known]], result: Any) -> bool:
    sizes = [value for value, known in operands if known.content and known.size]
    signals = [known for _, known in operands if known.content and not known.size]
    return bool(sizes) and bool(signals)


def _channels(equation: Any, side: int, result: Any) -> int:
    """The axis of a result that counts the weight's outputs."""
    numbers = equation.params.get("dimension_numbers")
    if equation.primitive.name == "conv_general_dilated":
        axis = int(numbers.out_spec[1])
    elif equation.primitive.name == "dot_general" and side == 0:  # w @ x, as vmap has it: outputs come first
        (contracted, _), _ = numbers
        axis = equation.invars[0].aval.ndim - len(contracted) - 1
    else:
        return -1
    return -1 if axis == jnp.ndim(result) - 1 else axis


def _moved(axis: int, permutation: Sequence[int]) -> int:
    """Where an axis is after a transpose; -1 for the last one."""
    found = permutation.index(axis % len(permutation))
    return -1 if found == len(permutation) - 1 else found


def _owner(name: str) -> str:
    return name.rpartition(".")[0]
