"""Activations of a recorded model: what the operations on a link do together, replayed as one function."""

from __future__ import annotations

from typing import Any

import torch

from isogain.core.activations import Activation, ActivationError, activation
from isogain.graph import Node
from isogain.graph.links import Link
from isogain.torch.call.operations import plain_name
from isogain.torch.record.tape import Call, Ref, Tape

__all__ = ["TapeActivations"]

Tensor = torch.Tensor
_IGNORED = ("dropout", "shape", "pool")
_NAMED = frozenset(
    ["relu", "gelu", "silu", "mish", "selu", "tanh", "sigmoid", "leaky_relu", "elu", "erf", "sin",
     "hardswish", "hardsigmoid", "relu6", "softsign", "hardtanh", "atan", "arctan", "logsigmoid"]
)  # fmt: skip
"""Operations that `activation_of` describes completely."""
_PRODUCTS = ("mul", "__mul__", "__rmul__", "multiply")


class TapeActivations:
    """link -> the activation its operations make, adopted once for all links that do the same."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._found: dict[tuple[Any, ...], Activation | None] = {}

    def __call__(self, link: Link) -> Activation | None:
        """The Activation of a link; None where there is none, or it cannot be told."""
        nodes = [self.tape.nodes[one] for one in link.between if self.tape.nodes[one].kind not in _IGNORED]
        nodes = [node for node in nodes if not self._is_bias(node)]
        if not nodes:
            return None
        if len(nodes) == 1 and (named := self._named(nodes[0])) is not None:
            return named
        return self._composed(link, nodes)

    def _is_bias(self, node: Node) -> bool:
        """x + b or s x with a parameter: a bias, which starts at 0, or a scale of 1."""
        if not node.parameters or node.kind not in ("add", "multiply"):
            return False
        if node.kind == "add":
            return True
        call = self.tape.calls.get(node.index)
        numbers = [one for one in call.args if isinstance(one, Tensor)] if call else []
        return len(numbers) == 1 and float(numbers[0]) == 1.0 and node.op in _PRODUCTS

    def _named(self, node: Node) -> Activation | None:
        if node.activation is None:
            return None
        if node.op == "prelu":
            slope = self._slope(node)
            return activation("leaky_relu", negative_slope=slope) if slope is not None else None
        if node.op == "rrelu" and self.tape.model.training:
            return activation("rrelu", **_bounds(self.tape.calls[node.index]))
        if node.op in _NAMED or plain_name(node.op) in ("clamp", "clamp_min"):
            return activation(node.activation, **dict(node.settings))
        return None

    def _slope(self, node: Node) -> float | None:
        call = self.tape.calls.get(node.index)
        weight = (
            call.args[1] if call and len(call.args) > 1 else (call.kwargs.get("weight") if call else None)
        )
        if isinstance(weight, Tensor):
            return float(weight)
        return 0.25 if any(p.is_meta for p in self.tape.parameters.values()) else None

    def _composed(self, link: Link, nodes: list[Node]) -> Activation | None:
        if any(n.index not in self.tape.calls or not self.tape.calls[n.index].whole for n in nodes):
            return None
        signature = self._signature(link, nodes)
        if signature not in self._found:
            self._found[signature] = self._adopted(link, nodes)
        return self._found[signature]

    def _signature(self, link: Link, nodes: list[Node]) -> tuple[Any, ...]:
        place = {link.source: 0, **{node.index: k + 1 for k, node in enumerate(nodes)}}
        skip = self._aliases(link)

        def plain(value: Any) -> Any:
            if isinstance(value, Ref):
                return ("ref", place.get(skip.get(value.node, value.node), -1))
            if isinstance(value, Tensor):
                return float(value)
            if isinstance(value, (tuple, list)):
                return tuple(map(plain, value))
            if isinstance(value, dict):
                return tuple((key, plain(one)) for key, one in sorted(value.items()))
            return repr(value)

        calls = [self.tape.calls[node.index] for node in nodes]
        return tuple((node.op, plain(c.args), plain(c.kwargs)) for node, c in zip(nodes, calls, strict=True))

    def _aliases(self, link: Link) -> dict[int, int]:
        """Nodes that hand on another one's elements unchanged -> that one."""
        found: dict[int, int] = {}
        for one in link.between:
            node = self.tape.nodes[one]
            if node.kind in _IGNORED or self._is_bias(node):
                found[one] = found.get(node.inputs[0], node.inputs[0])
        return found

    def _adopted(self, link: Link, nodes: list[Node]) -> Activation | None:
        calls = [(node.index, self.tape.calls[node.index]) for node in nodes]
        skip, source = self._aliases(link), link.source

        def replay(x: Tensor) -> Tensor:
            values: dict[int, Tensor] = {source: x}

            def real(value: Any) -> Any:
                if isinstance(value, Ref):
                    return values[skip.get(value.node, value.node)].clone()
                if isinstance(value, (tuple, list)):
                    return type(value)(real(one) for one in value)
                return {k: real(v) for k, v in value.items()} if isinstance(value, dict) else value

            for index, call in calls:
                values[index] = call.func(*real(call.args), **real(call.kwargs))
            return values[calls[-1][0]]

        replay.__name__ = "_".join(node.op for node in nodes)[:40]
        try:
            found = activation(replay)
            return found if found.moments(1.0).second.value > 0 else None
        except (ActivationError, RuntimeError, KeyError):
            return None


def _bounds(call: Call) -> dict[str, float]:
    lower = call.kwargs.get("lower", call.args[1] if len(call.args) > 1 else 1 / 8)
    upper = call.kwargs.get("upper", call.args[2] if len(call.args) > 2 else 1 / 3)
    return {"lower": float(lower), "upper": float(upper)}
