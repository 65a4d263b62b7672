"""What the best constant answer would cost, found by asking the caller's loss itself.

A loss of yes-or-no answers that are nearly all no (detection, segmentation), summed and divided by the few
yes, costs hundreds at logits of 0, where a constant logit at the prior costs about 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from isogain.graph import Node
from isogain.inspect.table import LossUse
from isogain.torch.call.tensors import tensors_in
from isogain.torch.record.capture import Recorder

__all__ = ["prior_use"]

Tensor = torch.Tensor
BINARY = frozenset(
    ["sigmoid", "logsigmoid", "binary_cross_entropy", "binary_cross_entropy_with_logits", "softplus"]
)
LOGITS = (-9.2, -6.9, -4.6, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.6)
"""Constant answers that are tried: probabilities from 1e-4 to .99."""
CHEAP = 2.0
"""A loss below which no constant can save much."""


def prior_use(
    recorder: Recorder, loss: Callable[[Any], Tensor] | None, output: Any, value: float, start: int
) -> LossUse | None:
    """The LossUse of the caller's loss against its best constant logit; None where it asks no yes or no."""
    if loss is None or not value > CHEAP:
        return None
    binary = [node for node in recorder.nodes[start:] if node.op in BINARY]
    made = {recorder.value(tensor).node for tensor in tensors_in(output) if tensor.is_floating_point()}
    asked = _sources(recorder.nodes, binary, {index for index in made if index is not None})
    if not asked:
        return None

    def at(logit: float) -> float:
        return _cost(loss, _constant(recorder, output, asked, logit))

    try:
        costs = {logit: at(logit) for logit in LOGITS}
    except Exception:  # a loss may refuse answers that its model never gives
        return None
    best = min(LOGITS, key=lambda logit: costs[logit] if math.isfinite(costs[logit]) else math.inf)
    node = max(asked)
    return LossUse("prior", value, costs[best], node=node, constant=best)


def _sources(nodes: Sequence[Node], wanted: Sequence[Node], ends: set[int]) -> set[int]:
    """The outputs that these nodes of the loss read, through anything."""
    seen: set[int] = set()
    stack = [one for node in wanted for one in node.inputs]
    while stack:
        here = stack.pop()
        if here not in seen:
            seen.add(here)
            stack += [] if here in ends else nodes[here].inputs
    return seen & ends


def _constant(recorder: Recorder, output: Any, asked: set[int], logit: float) -> Any:
    def given(tensor: Tensor) -> Tensor:
        plain = tensor.detach()
        return torch.full_like(plain, logit) if recorder.value(tensor).node in asked else plain

    return pytree.tree_map_only(Tensor, given, output)


def _cost(loss: Callable[[Any], Tensor], output: Any) -> float:
    with torch.no_grad():
        return float(loss(output).float().mean())
