"""Whether a sample's answer depends on the samples beside it, where an operation may mix them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.graph import Node
from isogain.inspect.looks import Company, Look
from isogain.torch.call.guard import same_random
from isogain.torch.call.tensors import tensors_in
from isogain.torch.record.capture import Recorder

__all__ = ["company"]

Tensor = torch.Tensor
SAMPLES = 4
"""Fewest samples of which half are still several."""
FELT = 1e-3
"""Share of the answers' standard deviation from which on a difference is no rounding."""
REGROUPING = frozenset(["view", "reshape", "flatten"])


def company(
    recorder: Recorder, positional: tuple[Any, ...], named: Mapping[str, Any], output: Any
) -> list[Look]:
    """The Look at the first operation that may mix samples, if answers do depend on those beside.

    The model runs in evaluation mode, without gradients: on all samples twice, and on the first half.
    Nothing where no operation runs along the axis of the samples, or where a draw decides.
    """
    batch = recorder.meter.batch
    apart = batch >= SAMPLES and _one_by_one(recorder.nodes, batch, (positional, named), output)
    suspect = next((one for one in recorder.nodes if _mixes(recorder.nodes, one, batch)), None)
    if not apart or suspect is None:
        return []
    half = batch // 2
    some = pytree.tree_map_only(Tensor, lambda tensor: tensor[:half], (positional, dict(named)))
    try:
        with same_random(), torch.no_grad(), _evaluating(recorder.model):
            full, again = (_answers(recorder.model, positional, named) for _ in range(2))
            alone = _answers(recorder.model, *some)
    except Exception:  # it is for a further question alone
        return []
    change = _distance([one[:half] for one in full], alone)
    if not change > FELT or _distance(full, again) > FELT:
        return []
    return [Look(suspect.path, suspect.op, suspect.index, Company(batch, change))]


def _one_by_one(nodes: Sequence[Node], batch: int, inputs: Any, output: Any) -> bool:
    """Whether each sample is an entry of all that comes in, and has one row in all that comes out.

    Where it has several, the first axis may be one of steps, unless a layer says that it is not.
    """
    given = [tensor for tensor in tensors_in(inputs) if tensor.dim()]
    made = list(tensors_in(output))
    several = any(tensor.dim() > (2 if tensor.is_floating_point() else 1) for tensor in given)
    rows = all(tensor.dim() <= 2 for tensor in made) or any(_counts_samples(node, batch) for node in nodes)
    return several and rows and bool(made) and all(t.shape[:1] == (batch,) for t in (*given, *made))


def _counts_samples(node: Node, batch: int) -> bool:
    """Whether an operation takes its first axis for samples, and another for places or steps."""
    shape = node.shape
    if shape[:1] != (batch,) or len(shape) < 3:
        return False
    if node.kind == "recurrent":
        return node.steps == shape[1] != batch
    return node.kind == "weight" and node.op.startswith("conv")


def _mixes(nodes: Sequence[Node], node: Node, batch: int) -> bool:
    """Whether it may run along the samples, or take numbers of several for one."""
    shape = node.shape
    if node.kind == "softmax" and "axis" in node.settings:
        return node.learnt and shape[int(node.settings["axis"])] == batch
    if node.kind == "recurrent":
        return len(shape) == 3 and node.steps == shape[0] == batch
    if node.kind == "attention":
        return len(shape) == 4 and shape[2] == batch
    before = nodes[node.inputs[0]].shape if node.op in REGROUPING and node.inputs else ()
    return shape[:1] != before[:1] and any(
        one[:1] == (batch,) and batch in other[1:] for one, other in ((shape, before), (before, shape))
    )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """In evaluation mode, and back in each module's own; `eval()` of a model may do more (merge weights)."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


def _answers(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> list[Tensor]:
    return [
        one.detach().float() for one in tensors_in(model(*positional, **named)) if one.is_floating_point()
    ]


def _distance(some: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    """The largest difference, where 1 is the standard deviation of an answer."""
    pairs = [(a, b) for a, b in zip(some, others, strict=True) if a.shape == b.shape]
    found = [float((a - b).abs().max() / a.std()) for a, b in pairs if a.numel() > 1 and float(a.std()) > 0]
    return max(found, default=0.0)
