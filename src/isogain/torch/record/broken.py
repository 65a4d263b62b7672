"""Which operand is to blame where an operation hands on what is not finite: looked at once, on the spot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch

from isogain.graph import Node
from isogain.torch.call.operations import plain_name
from isogain.torch.call.tensors import Value

__all__ = ["operand_at_fault"]

Tensor = torch.Tensor
DIVISIONS = frozenset(["div", "__truediv__", "__rtruediv__", "__rdiv__", "true_divide", "__itruediv__"])


def operand_at_fault(
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
