"""Sizes of outputs and gradients by node, one number each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import torch

from isogain.torch.call.processes import Processes
from isogain.torch.call.tensors import is_wrapped, tensors_in

__all__ = ["MEASURED", "MeanSquare", "Sizes", "mean_square"]

Tensor = torch.Tensor
MEASURED = ("weight", "recurrent", "embedding", "add", "norm")
"""Kinds of nodes whose outputs are measured."""


class MeanSquare(NamedTuple):
    """A sum of squares where it was made, read when it is asked for."""

    sum: Tensor | float
    size: int

    @property
    def value(self) -> float:
        """E[|x|^2]."""
        return float(self.sum) / max(self.size, 1)

    def read(self) -> MeanSquare:
        """The same as numbers."""
        return MeanSquare(float(self.sum), self.size)

    @staticmethod
    def over(parts: Iterable[MeanSquare]) -> MeanSquare:
        """Of all of them as one."""
        found = list(parts)
        return MeanSquare(sum(float(one.sum) for one in found), sum(one.size for one in found))


def mean_square(tensor: Tensor) -> MeanSquare:
    """E[|x|^2], in float32 or better, of real and complex tensors."""
    flat = tensor.detach()
    if flat.dtype == torch.float32 and flat.is_contiguous():  # half the time of a norm
        flat = flat.view(-1)
        return MeanSquare(torch.dot(flat, flat), tensor.numel())
    if tensor.is_complex():
        flat = torch.view_as_real(flat)
    precision = torch.float64 if flat.dtype == torch.float64 else torch.float32
    length: Tensor = torch.linalg.vector_norm(flat, dtype=precision)
    return MeanSquare(length.square(), tensor.numel())


class Sizes:
    """Mean squares by node: of outputs as they are made, of gradients by hooks on the way back."""

    def __init__(self) -> None:
        self.sizes: dict[int, MeanSquare] = {}
        self.gradients: dict[int, MeanSquare] = {}
        self.firsts: list[Tensor] = []
        """Outputs of the first weights: a gradient that reaches them has passed all others."""
        self.loss = math.nan
        self.judged = False
        """Whether that is a loss: the caller's or the model's own."""
        self.finite = True
        """Whether all that the model returned is numbers."""

    def see(self, index: int, result: Any, *, first: bool) -> Tensor | None:
        """Measures what a node made; the tensor, unless there is nothing to measure."""
        tensor = next((t for t in tensors_in(result, 2) if t.is_floating_point()), None)
        if tensor is None or tensor.is_meta or is_wrapped(tensor) or tensor.layout != torch.strided:
            return None
        self.sizes[index] = mean_square(tensor)
        if tensor.requires_grad:
            if first:
                self.firsts.append(tensor)
            tensor.register_hook(partial(self._gradient, index))  # type: ignore[no-untyped-call]
        return tensor

    def meet(self, processes: Processes) -> None:
        """Takes the other processes' batches into account, under the nodes of the first."""
        own = tuple(
            {index: one.read() for index, one in rows.items()} for rows in (self.sizes, self.gradients)
        )
        everyone = processes.all((own, self.loss, self.finite))
        part = processes.part(self.judged) ** 2  # of what a process's own loss gave, in the loss of all
        self.sizes, self.gradients = (
            {index: MeanSquare.over(rows[k][index] for rows, *_ in everyone if index in rows[k])
             for index in everyone[0][0][k]}
            for k in range(2)
        )  # fmt: skip
        self.gradients = {k: MeanSquare(one.sum * part, one.size) for k, one in self.gradients.items()}
        self.loss = sum(loss for _, loss, _ in everyone) / len(everyone)
        self.finite = all(finite for *_, finite in everyone)

    def _gradient(self, index: int, gradient: Tensor) -> None:
        self.gradients[index] = mean_square(gradient)

    def size(self, index: int) -> float:
        """Root mean square of a node's output; nan where it was not measured."""
        found = self.sizes.get(index)
        return math.nan if found is None else math.sqrt(found.value)

    def gradient(self, index: int) -> float:
        """Root mean square of the gradient with respect to a node's output; nan where none came."""
        found = self.gradients.get(index)
        return math.nan if found is None else math.sqrt(found.value)
