"""What the best constant answer would cost, found by asking the caller's loss itself.

A loss of yes-or-no answers that are nearly all no (detection, segmentation), summed and divided by the few
yes, costs hundreds at logits of 0, where a constant logit at the prior costs about 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.utils import _pytree as pytree

from isogain.graph import Node
from isogain.inspect.table import LossUse
from isogain.torch.call.tensors import tensors_in
from isogain.torch.record.capture import Recorder

__all__ = ["BINARY", "CHEAP", "cost_of", "prior_use", "pulled", "zero_use"]

Tensor = torch.Tensor
BINARY = frozenset(
    ["sigmoid", "logsigmoid", "binary_cross_entropy", "binary_cross_entropy_with_logits", "softplus"]
)
LOGITS = (-9.2, -6.9, -4.6, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.6)
"""Constant answers that are tried: probabilities from 1e-4 to .99."""
CHEAP = 2.0
"""A loss below which no constant can save much."""

MUCH = 10.0
"""Times that zeros must be cheaper to be remembered."""
STEEP = 3.0
"""By how much half of an output must be cheaper: what is summed up as it is (a log density) makes it 2."""
OUTPUTS = 4
"""Outputs that are set to zeros, one after the other."""

FAINT = 0.05
"""Share of the others' size below which a gradient asks for nothing."""


def prior_use(
    recorder: Recorder, loss: Callable[[Any], Tensor] | None, output: Any, value: float, start: int
) -> LossUse | None:
    """The LossUse of the caller's loss against its best constant logit; None where it asks no yes or no."""
    if loss is None or not value > CHEAP:
        return None
    binary = [node for node in recorder.nodes[start:] if node.op in BINARY]
    made = {recorder.value(tensor).node for tensor in tensors_in(output) if tensor.is_floating_point()}
    asked = _sources(recorder.nodes, binary, {index for index in made if index is not None})
    if not asked or all(_is_part(recorder.nodes, node, asked) for node in binary):
        return None

    def at(logit: float) -> float:
        return cost_of(loss, _constant(recorder, output, asked, logit))

    try:
        best, cost = _cheapest(at)
    except Exception:  # a loss may refuse answers that its model never gives
        return None
    return LossUse("prior", value, cost, node=max(asked), constant=best, answers=tuple(sorted(asked)))


def zero_use(
    recorder: Recorder, loss: Callable[[Any], Tensor] | None, output: Any, value: float
) -> LossUse | None:
    """The LossUse of a loss of the caller's own against the same with one output at 0, where that is cheaper.

    None for known losses, which say themselves what ignorance costs.
    """
    if loss is None or recorder.meter.losses or not 0 < value < math.inf:
        return None
    learnt = [t for t in tensors_in(output) if t.is_floating_point() and t.requires_grad][:OUTPUTS]

    def at(one: Tensor, factor: float) -> float:
        return cost_of(loss, pytree.tree_map_only(Tensor, partial(_scaled, one, factor), output))

    try:
        costs = [(at(one, 0.0), place) for place, one in enumerate(learnt)]
        cost, place = min((one for one in costs if one[0] > 0), default=(math.nan, 0))
        if not value > MUCH * cost or at(learnt[place], 0.5) > value / STEEP:
            return None
    except Exception:  # a loss may refuse answers that its model never gives
        return None
    known = recorder.value(learnt[place])
    answers = () if known.node is None else (known.node,)
    return LossUse("own", value, cost, answers=answers, of=tuple(sorted(known.parameters)))


def _scaled(one: Tensor, factor: float, tensor: Tensor) -> Tensor:
    # copies: a loss may write on what it is given
    return factor * tensor.detach() if tensor is one else tensor.detach().clone()


def _cheapest(at: Callable[[float], float]) -> tuple[float, float]:
    """The constant that costs least, to a quarter of a logit, and what it costs."""
    costs = {logit: at(logit) for logit in LOGITS}

    def cost(logit: float) -> float:
        return costs[logit] if math.isfinite(costs[logit]) else math.inf

    best = min(costs, key=cost)
    for step in (1.0, 0.5, 0.25):
        costs |= {logit: at(logit) for logit in (best - step, best + step) if logit not in costs}
        best = min(costs, key=cost)
    return best, costs[best]


def pulled(use: LossUse, gradients: Mapping[str, Tensor | None]) -> LossUse:
    """The use with the vectors whose elements all get a gradient of one sign, none next to nothing."""
    found = {name: g for name, g in gradients.items() if g is not None and g.dim() == 1}
    return replace(use, pulled=tuple(name for name, g in found.items() if _one_way(g)))


def _one_way(gradient: Tensor) -> bool:
    towards = gradient * gradient.mean().sign()
    return bool((towards > FAINT * gradient.square().mean().sqrt()).all())


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


def _is_part(nodes: Sequence[Node], node: Node, asked: set[int]) -> bool:
    """Whether it makes a scale of one channel of several, which is no answer of yes or no."""
    whole = max(math.prod(nodes[one].shape) for one in asked)
    return node.op == "softplus" and math.prod(node.shape) < whole


def _constant(recorder: Recorder, output: Any, asked: set[int], logit: float) -> Any:
    def given(tensor: Tensor) -> Tensor:
        plain, node = tensor.detach(), recorder.value(tensor).node
        if node not in asked:
            return plain
        answer = 1 / (1 + math.exp(-logit)) if _squashed(recorder.nodes, node) else logit
        return torch.full_like(plain, answer)

    return pytree.tree_map_only(Tensor, given, output)


def _squashed(nodes: Sequence[Node], index: int) -> bool:
    """Whether a model returns probabilities: a sigmoid's results, in whatever shape."""
    while nodes[index].kind in ("shape", "concatenate") and nodes[index].inputs:
        index = nodes[index].inputs[0]
    return nodes[index].activation == "sigmoid"


def cost_of(loss: Callable[[Any], Tensor], output: Any) -> float:
    """What the loss says of an output."""
    with torch.no_grad():
        return float(loss(output).float().mean())
