"""A loss that a model works out itself, as a function of what its last layers give.

The model runs once more, and the operations behind those layers are kept, to be run again with other
answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils import _pytree as pytree

from isogain.graph import Node
from isogain.torch.call.calling import applied, own_loss
from isogain.torch.call.guard import same_random
from isogain.torch.call.operations import writes
from isogain.torch.call.tensors import Value, tensors_in, tensors_of_call
from isogain.torch.record.capture import Recorder

__all__ = ["Inner", "inner_loss"]

Tensor = torch.Tensor
LAYERS = ("weight", "recurrent", "embedding")
MOST = 4
"""Layers that may make the answers, side by side."""


class Inner(NamedTuple):
    """The answers, and the loss as a function of them."""

    answers: Any
    loss: Callable[[Any], Tensor] | None
    value: float
    start: int
    """The first node behind an answer."""


class Call(NamedTuple):
    """One operation as it ran."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any


class _Tail(Recorder):
    """Keeps what runs behind certain nodes, with its operands."""

    def __init__(self, before: Recorder, heads: Sequence[int]) -> None:
        super().__init__(before.model, before.known.guard, before.meter.batch, measure=False)
        self.heads = frozenset(heads)
        self.made: dict[int, Tensor] = {}
        self.calls: list[Call] = []
        self.reached: set[int] = set()
        self.written = False

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        start = len(self.nodes)
        result = super()._run(name, func, args, kwargs)
        found = list(tensors_in(result))
        if start in self.heads and len(self.nodes) > start and found:
            self.made[start] = found[0]
            self.reached.add(id(found[0]))
        elif any(id(tensor) in self.reached for tensor in tensors_of_call(args, kwargs)):
            self.written = self.written or writes(name) or name == "__setitem__"
            self.calls.append(Call(func, args, kwargs, result))
            self.reached.update(map(id, found))
        return result


def inner_loss(
    recorder: Recorder, positional: tuple[Any, ...], named: dict[str, Any], loss_node: int | None
) -> Inner | None:
    """The loss of the model's own behind its last layers; None where it cannot be followed."""
    heads = _heads(recorder.nodes, loss_node)
    if not heads:
        return None
    tail = _Tail(recorder, heads)
    tail.mark_inputs((positional, named))
    try:
        with same_random(), torch.no_grad(), tail.scopes(), tail:
            output = applied(recorder.model, positional, named)
        return _followed(recorder, tail, output)
    except Exception:  # it is for a further question alone
        return None


def _heads(nodes: Sequence[Node], loss_node: int | None) -> list[int]:
    """The layers in front of the loss, with no other between; none where they are many."""
    stack, seen = [] if loss_node is None else [loss_node], set[int]()
    found: set[int] = set()
    while stack:
        node = nodes[stack.pop()]
        if node.kind in LAYERS and node.weight is not None:
            found.add(node.index)
            continue
        new = [one for one in node.inputs if one not in seen]
        seen.update(new)
        stack += new
    return sorted(found) if len(found) <= MOST else []


def _followed(recorder: Recorder, tail: _Tail, output: Any) -> Inner | None:
    value = own_loss(output, learnt=False)
    alike = [tail.nodes[one].op == recorder.nodes[one].op for one in tail.made]
    if value is None or tail.written or not all(alike) or len(tail.made) < len(tail.heads):
        return None
    answers = [tensor.detach().clone().requires_grad_() for tensor in tail.made.values()]
    for index, answer in zip(tail.made, answers, strict=True):
        recorder.known[answer] = Value(index, content=True)
    loss = _Replay(list(tail.made.values()), tail.calls, value)
    known = float(value.mean())
    same = torch.isclose(loss(answers).detach(), value.mean(), rtol=1e-4, atol=1e-6)
    return Inner(answers, loss, known, min(tail.made) + 1) if bool(same) else None


class _Replay:
    """The operations once more, with other answers in place of those that were seen."""

    def __init__(self, made: list[Tensor], calls: list[Call], value: Tensor) -> None:
        self.made, self.calls, self.value = made, calls, value

    def __call__(self, answers: Any) -> Tensor:
        """The loss of these answers."""
        now: dict[int, Tensor] = {id(old): new for old, new in zip(self.made, answers, strict=True)}
        own = frozenset(now)

        def given(tensor: Tensor) -> Tensor:
            return now.get(id(tensor), tensor)

        for call in self.calls:
            args, kwargs = pytree.tree_map_only(Tensor, given, (call.args, call.kwargs))
            result = call.function(*args, **kwargs)
            pairs = zip(tensors_in(call.result), tensors_in(result), strict=True)
            now |= {id(old): new for old, new in pairs if id(old) not in own}
        return now[id(self.value)].mean()
