"""Which operation first hands on what is not finite, and which of its operands is to blame.

Numbers are made of a pass when it is over, so the model and the loss run once more, and are stopped there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from isogain.graph import Node
from isogain.inspect.signals import Forward
from isogain.torch.call.operations import plain_name
from isogain.torch.call.tensors import Value, tensors_in, tensors_of_call
from isogain.torch.record.capture import Recorder

__all__ = ["first_broken"]

Tensor = torch.Tensor
DIVISIONS = frozenset(["div", "__truediv__", "__rtruediv__", "__rdiv__", "true_divide", "__itruediv__"])
PRODUCTS = frozenset(["mul", "__mul__", "__rmul__", "__imul__", "multiply"])
LOGARITHMS = frozenset(["log", "log2", "log10", "log1p"])


class _Stopped(BaseException):
    """Nothing of a model's own catches it."""


class _Operand(NamedTuple):
    """A tensor that an operation reads, as it was before: some write into it."""

    tensor: Tensor
    value: Value
    lost: int
    """Elements that are not finite."""
    masked: bool
    """Whether these are minus infinity alone, as masks are."""


class _Suspect(Recorder):
    """Looks at all that operations make of the signal, and ends the pass at the first that is not finite."""

    def __init__(self, before: Recorder) -> None:
        super().__init__(before.model, before.known.guard, before.meter.batch, measure=False)
        self.words = ""
        self._held = {id(one): name for name, one in before.model.named_buffers()}
        self._constants: dict[int, tuple[Tensor, str]] = {}
        """id -> a constant that is not finite, kept lest another get its id, and how it came to be so."""

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = [_operand(tensor, self.known[tensor]) for tensor in tensors_of_call(args, kwargs)]
        result = super()._run(name, func, args, kwargs)
        broken = next((one for one in tensors_in(result, 2) if _lost(one) and not _is_masked(one)), None)
        if broken is None:
            return result
        if any(one.value.content for one in given):
            self.words = self._at_fault(given) or f"{self._place()}{_itself(plain_name(name), given, broken)}"
            raise _Stopped
        named = [self._held[id(one.tensor)] for one in given if id(one.tensor) in self._held]
        if named and not any(one.value.parameters for one in given):
            self._constants[id(broken)] = (
                broken,
                f"{_itself(plain_name(name), given, broken)} ({', '.join(named)})",
            )
        return result

    def _place(self) -> str:
        return f"at {self._scopes[-1].path}, " if self._scopes and self._scopes[-1].path else ""

    def _at_fault(self, operands: Iterable[_Operand]) -> str:
        """The first operand that is not finite, in words; '' where all of them are, but for masks."""
        for one in operands:
            if one.lost and not one.masked:
                share = f"not finite in {one.lost} of {one.tensor.numel()} places"
                if id(one.tensor) in self._constants:
                    return f"a constant that it reads is {share}: {self._constants[id(one.tensor)][1]}"
                if one.value.parameters:
                    return _expression(one.value, share, self.parameters)
                return _signal(one.value, share, self.nodes, self._held.get(id(one.tensor), ""))
        return ""


def first_broken(
    recorder: Recorder, positional: tuple[Any, ...], named: dict[str, Any], forward: Mapping[int, Forward],
    loss: Callable[[Any], Any] | None, end: tuple[int | None, float],
) -> dict[int, str]:  # fmt: skip
    """The first node that handed on what is not finite -> the operation or operand to blame, '' for none.

    `end` is the loss's node and value.  Empty where all of them were finite.
    """
    lost = [index for index, seen in forward.items() if not (seen.finite or _masked(seen))]
    if not lost and end[0] is not None and not math.isfinite(end[1]):
        lost = [end[0]]
    if not lost:
        return {}
    suspect = _Suspect(recorder)
    suspect.mark_inputs((positional, named))
    try:
        with suspect.scopes(), suspect:
            output = recorder.model(*positional, **named)
            if loss is not None:
                loss(output)
    except (_Stopped, Exception):  # it is for words alone
        pass
    return {min(lost): suspect.words}


def _masked(seen: Forward) -> bool:
    return seen.minimum == -math.inf and math.isfinite(seen.maximum)


def _operand(tensor: Tensor, value: Value) -> _Operand:
    lost = _lost(tensor)
    return _Operand(tensor, value, lost, bool(lost) and _is_masked(tensor))


def _lost(tensor: Tensor) -> int:
    if tensor.is_meta or not tensor.numel() or not (tensor.is_floating_point() or tensor.is_complex()):
        return 0
    return tensor.numel() - int(torch.isfinite(tensor.detach()).sum())


def _is_masked(tensor: Tensor) -> bool:
    """Whether all that is not finite is minus infinity, beside numbers."""
    if tensor.is_complex():
        return False
    plain = tensor.detach()
    lost = ~torch.isfinite(plain)
    return bool((plain[lost] == -math.inf).all()) and not bool(lost.all())


def _itself(name: str, operands: Sequence[_Operand], result: Tensor) -> str:
    """How an operation comes to it, of what it reads."""
    share = f"in {_lost(result)} of {result.numel()} places"
    read = [one.tensor.detach() for one in operands]
    if "softmax" in name and any(one.lost for one in operands):
        return f"a softmax over places that are all masked, {share}: leave each row one place to look at"
    if name in PRODUCTS and any(one.lost for one in operands):
        return (
            f"0 times infinity {share}: what a mask forbids is multiplied; put 0 there (torch.where, xlogy)"
        )
    if name in DIVISIONS:
        return f"a division by 0 {share}"
    if name in LOGARITHMS and read:
        below = int((read[0] < 0).sum())
        what = f"numbers below 0 ({below})" if below else "0, as exp of what is far below 0 is"
        return f"the logarithm of {what}, {share}"
    if name == "sqrt" and read:
        return f"the root of numbers below 0, {share}"
    floating = (one for one in read if one.numel() and one.is_floating_point())
    largest = max((float(one.abs().max()) for one in floating), default=0.0)
    if name == "exp":
        return f"e raised to {largest:.3g} is more than {_dtype(result)} holds, {share}"
    return f"its inputs are finite (largest {largest:.3g}), so {name} itself makes it {share}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _signal(value: Value, share: str, nodes: Sequence[Node], held: str) -> str:
    if value.node is None:
        return f"a constant that it reads{f' ({held})' if held else ''} is {share}"
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
