"""The measuring half of a capture: what nodes hand on, the gradients that come back, the losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from isogain.graph import Node
from isogain.inspect.looks import Look
from isogain.inspect.signals import Backward, Forward
from isogain.inspect.table import LossUse
from isogain.torch.call.operations import LOSSES
from isogain.torch.call.tensors import is_wrapped
from isogain.torch.measure.cuts import wanted
from isogain.torch.measure.ledger import Ledger
from isogain.torch.measure.losses import loss_use
from isogain.torch.measure.measures import ROWS
from isogain.torch.measure.units import Units

__all__ = ["MEASURED", "Meter"]

Tensor = torch.Tensor
MEASURED = frozenset(
    [
        "weight", "embedding", "recurrent", "norm", "activation", "add", "attention", "concatenate", "loss",
        "product",
    ]
)  # fmt: skip
RANKED = frozenset(["weight", "embedding", "recurrent", "add", "attention"])
"""Kinds with a spectrum and statistics of channels at the default level."""


class Meter:
    """Notes what nodes hand on, what comes back, and losses, node by node; no activation is stored."""

    def __init__(self, batch: int, level: str, learnt: Callable[[Any], bool]) -> None:
        self.batch, self.level, self.learnt = batch, level, learnt
        self.ledger = Ledger()
        self.losses: list[LossUse] = []
        self.looks: list[Look] = []
        self.partly_frozen = False
        """Whether some parameters learn and some do not: then plain factors are measured, too."""
        self.unmeasured: list[str] = []
        self.gates: dict[int, Tensor] = {}
        """Inputs of weights that are all zeros: where a second gradient may start."""
        self.handles: list[Any] = []
        self.entries: list[Tensor] = []
        """At level 'full', what the model reads first and can be differentiated by."""
        self.squares: dict[int, tuple[float, int]] | None = None
        """While the Jacobian is probed: squared lengths of gradients, summed, and how many."""

    def input(self, index: int, tensor: Tensor) -> None:
        """One of the model's own inputs."""
        if tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
            self._note(index, tensor)

    def node(self, node: Node, args: tuple[Any, ...], kwargs: Mapping[str, Any],
             result: Tensor, units: Units | None) -> None:  # fmt: skip
        """What an operation handed on; its gradient follows by a hook."""
        scaled = node.kind == "multiply" and (node.parameters or self.partly_frozen or not node.learnt)
        if not (node.kind in MEASURED or scaled):
            return
        if result.is_meta or is_wrapped(result) or result.numel() == 0 or result.layout != torch.strided:
            if node.kind in ("weight", "recurrent", "embedding"):
                self.unmeasured.append(node.path)
            return
        if node.op in LOSSES:
            self._loss(node, args, kwargs, result)
        else:
            axis = node.channel_axis if node.kind in RANKED or self.level == "full" else None
            self._note(node.index, result, axis, units)
        self.hook(result, node)

    def _note(self, index: int, tensor: Tensor, axis: int | None = None, units: Units | None = None) -> None:
        what = wanted(tensor, self.batch, axis, ROWS[self.level])
        self.ledger.note(index, tensor, what, units)

    def settle(self) -> tuple[dict[int, Forward], dict[int, Backward]]:
        """Numbers of all that was seen so far: what nodes handed on, and the gradients that came back."""
        self.ledger.settle()
        return self.ledger.forward, self.ledger.backward

    def hook(self, tensor: Tensor, node: Node) -> None:
        """Asks for the gradient of a tensor when it comes."""
        if not (tensor.requires_grad and torch.is_grad_enabled()):
            return
        sample = self.ledger.kept(node.index, tensor) if node.kind != "loss" else None
        hook = partial(self._gradient, node.index, sample)
        self.handles.append(tensor.register_hook(hook))  # type: ignore[no-untyped-call]

    def watch(self, tensor: Tensor, node: Node) -> None:
        """Measures a tensor the model returned even if its operation is of no measured kind."""
        plain = tensor.is_floating_point() and not tensor.is_meta and tensor.numel()
        if not plain or node.index in self.ledger or node.kind == "loss":
            return
        self._note(node.index, tensor)
        self.hook(tensor, node)

    def gate(self, node: Node, source: Tensor | None) -> None:
        """Remembers what a weight of zeros reads."""
        if source is not None and source.requires_grad:
            self.gates[node.index] = source

    def _loss(self, node: Node, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Tensor) -> None:
        with torch.no_grad():
            found = loss_use(node.op, args, kwargs, result)
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if found is not None:
            count = result.numel() if result.dim() else 0
            learnt, given = self.learnt(target), float(result.detach().float().mean())
            self.losses.append(
                replace(found, node=node.index, learnt_target=learnt, elements=count, given=given)
            )

    def _gradient(self, index: int, sample: Tensor | bytes | None, gradient: Tensor) -> None:
        if gradient.layout != torch.strided or is_wrapped(gradient) or not gradient.numel():
            return
        if self.squares is None:
            self.ledger.note_back(index, gradient, sample)
            return
        length = float(torch.linalg.vector_norm(gradient.detach(), dtype=torch.float32)) ** 2
        total, count = self.squares.get(index, (0.0, 0))
        self.squares[index] = (total + length, count + 1)

    def entry(self, tensor: Tensor) -> None:
        """What an embedding made of integers, which cannot be differentiated by."""
        if self.level == "full" and tensor.requires_grad:
            self.entries.append(tensor)
