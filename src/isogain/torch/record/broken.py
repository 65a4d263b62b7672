"""Which operand is to blame where an operation hands on what is not finite.

Numbers are made of a pass when it is over, so the model runs once more, and is stopped at that operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from isogain.graph import Node
from isogain.inspect.signals import Forward
from isogain.torch.call.operations import plain_name
from isogain.torch.call.tensors import Value, tensors_of_call
from isogain.torch.record.capture import Recorder

__all__ = ["first_broken"]

Tensor = torch.Tensor
DIVISIONS = frozenset(["div", "__truediv__", "__rtruediv__", "__rdiv__", "true_divide", "__itruediv__"])


class _Stopped(BaseException):
    """Nothing of a model's own catches it."""


class _Suspect(Recorder):
    """Looks at the operands of the operation that is to become one node, and ends the pass there."""

    def __init__(self, before: Recorder, index: int) -> None:
        super().__init__(before.model, before.known.guard, before.meter.batch, measure=False)
        self.index = index
        self.words: str | None = None

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(self.nodes) > self.index:
            raise _Stopped
        if len(self.nodes) == self.index:
            given = [(tensor, self.known[tensor]) for tensor in tensors_of_call(args, kwargs)]
            self.words = _operand_at_fault(given, self.nodes, self.parameters)
        return super()._run(name, func, args, kwargs)


def first_broken(
    recorder: Recorder, positional: tuple[Any, ...], named: dict[str, Any], forward: Mapping[int, Forward]
) -> dict[int, str]:
    """The first node of the model that handed on what is not finite -> the operand to blame, '' for none.

    Empty where every node was finite, or the first that was not lies in the loss.
    """
    lost = [index for index, seen in forward.items() if not (seen.finite or _masked(seen))]
    if not lost:
        return {}
    suspect = _Suspect(recorder, min(lost))
    suspect.mark_inputs((positional, named))
    try:
        with suspect.scopes(), suspect:
            recorder.model(*positional, **named)
    except (_Stopped, Exception):  # it is for words alone
        pass
    return {} if suspect.words is None else {min(lost): suspect.words}


def _masked(seen: Forward) -> bool:
    return seen.minimum == -math.inf and math.isfinite(seen.maximum)


def _operand_at_fault(
    operands: Iterable[tuple[Tensor, Value]], nodes: Sequence[Node], parameters: Mapping[str, Tensor]
) -> str:
    """The first operand that is not finite, in words; '' where all of them are."""
    for tensor, value in operands:
        lost = tensor.numel() - int(torch.isfinite(tensor.detach()).sum()) if tensor.numel() else 0
        if lost:
            share = f"not finite in {lost} of {tensor.numel()} places"
            return _expression(value, share, parameters) if value.parameters else _signal(value, share, nodes)
    return ""


def _signal(value: Value, share: str, nodes: Sequence[Node]) -> str:
    if value.node is None:
        return f"a constant that it reads is {share}"
    source = nodes[value.node]
    return f"what it reads of {source.path or 'the model'} ({source.op} {source.index}) is {share}"


def _expression(value: Value, share: str, parameters: Mapping[str, Tensor]) -> str:
    names = sorted(value.parameters)
    if not value.op:
        return f"{names[0]} is {share}"
    quotient = plain_name(value.op) in DIVISIONS
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    zeros = [said for name in names if (said := _zero_rows(name, parameters[name]))]
    because = f"; {'; '.join(zeros)}" if zeros else ""
    what = "a division, 0 / 0 or by 0," if quotient else value.op
    return f"{what} in what is computed of {listed} is {share}{because}"


def _zero_rows(name: str, parameter: Tensor) -> str:
    if parameter.dim() < 2:
        return ""
    rows = int((parameter.detach().flatten(1) == 0).all(1).sum())
    return f"{name} has {rows} rows of zeros" if 0 < rows < parameter.shape[0] else ""
