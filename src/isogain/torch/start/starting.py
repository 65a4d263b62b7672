"""`init_`: plan, draw, calibrate in one pass, verify; everything but the parameters is as before."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.graph.receipt import Gain, Receipt, Written
from isogain.graph.recipes import check_options
from isogain.graph.rules.registry import DEFAULT
from isogain.inspect import Report
from isogain.torch.call.calling import arguments_of, plain_module
from isogain.torch.draw.targets import targets
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.record.gauge import Gauge, gauge
from isogain.torch.start.apply import apply_
from isogain.torch.start.calibration import Measured, calibrate
from isogain.torch.start.planning import plan, plan_of
from isogain.torch.start.rates import parameters_of, shapes_of_base

__all__ = ["init_"]

Loss = Callable[[Any], torch.Tensor]
_STARTED: weakref.WeakSet[nn.Module] = weakref.WeakSet()
"""Models that were written before: their present start is ours, and no reason to leave them alone."""


def init_(
    model: nn.Module,
    inputs: Any,
    seed: int = 0,
    *,
    loss: Loss | None = None,
    exclude: str | Sequence[str] = (),
    recipe: str = DEFAULT,
    keep_healthy: bool = True,
    findings: bool = False,
    **options: Any,
) -> Receipt:
    """Starts a model as well as theory allows, in place; returns the Receipt.

    The plan is made from one watched forward pass and drawn; in a second one every weight whose output
    misses the plan's size is scaled as it runs, and a backward pass from there verifies.  The same seed
    gives the same bits, also on a model that was started before.

    A model that nothing in its structure forbids to keep its own start, and in which `inspect` finds nothing,
    is left as it is (`keep_healthy=False` draws it all the same), and so is one that the plan made worse by
    these measures.  Frozen parameters and those that fit `exclude` are never written: pretrained weights
    cannot be told from drawn ones, so freeze or exclude them.  `findings=True` inspects before and after;
    `recipe` and its options are those of `plan`, and a recipe asked for is always drawn.
    Buffers, modes, gradients and all random states are as before; a model that draws random numbers gets
    the same ones whatever those are.  Without inputs (None) nothing is measured: the plan is drawn as it is.

    Raises PlanError or InspectError, with the model as it was, when it cannot be planned, run or written.

    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> init_(model, torch.randn(32, 8), seed=1).plan_hash == init_(model, torch.randn(32, 8)).plan_hash
    True
    """
    check_options(recipe, options)
    model = plain_module(model)
    if inputs is None:
        return apply_(model, plan(model, exclude=exclude, recipe=recipe, **options), seed)
    given = arguments_of(inputs)
    before = gauge(model, *given, loss, back=findings)
    made = plan_of(
        before, before.graph(before.returned), exclude=exclude, recipe=recipe, options=shapes_of_base(options)
    ).bind(parameters_of(model))
    meta = any(parameter.is_meta for parameter in model.parameters())
    optional = keep_healthy and recipe == DEFAULT and not made.needed and not meta and model not in _STARTED
    first = inspect(model, inputs, loss) if (optional or findings) and not meta else None
    if optional and first is not None and first.verdict == "healthy":
        why = "its own start is healthy, and nothing in its structure asks for another"
        return _receipt(made, seed, before, before, {}, first, first, why)
    kept = Snapshot(model, made)
    try:
        apply_(model, made, seed)
        scaled, after = calibrate(before, made, *given, loss)
        second = inspect(model, inputs, loss) if first is not None else None
    except BaseException:
        kept.restore()
        raise
    if optional and first is not None and second is not None and _worse(second, first):
        kept.restore()
        why = f"the plan's start is {second.verdict} ({second.cause}), its own {first.verdict}"
        return _receipt(made, seed, before, before, {}, first, first, why)
    _STARTED.add(model)
    return _receipt(made, seed, before, after, scaled, first, second, "")


class Snapshot:
    """Copies of the parameters a plan writes, to put them back."""

    def __init__(self, model: nn.Module, made: Plan) -> None:
        found = targets(model)
        paths = [entry.path for entry in made.drawn if entry.path in found]
        tensors = [tensor for path in paths for tensor in found[path].tensors if not tensor.is_meta]
        self._kept = [(tensor, tensor.detach().clone()) for tensor in tensors]

    @torch.no_grad()
    def restore(self) -> None:
        """Every parameter as it was."""
        for tensor, value in self._kept:
            tensor.copy_(value)


def _worse(after: Report, before: Report) -> bool:
    def badness(report: Report) -> tuple[int, int]:
        severe = [sum(f.severity == s for f in report.findings) for s in ("critical", "warning")]
        return severe[0], severe[1]

    return badness(after) > badness(before)


def _receipt(
    made: Plan, seed: int, before: Gauge, after: Gauge | Measured, scaled: Mapping[str, float],
    first: Report | None, second: Report | None, left: str,
) -> Receipt:  # fmt: skip
    written = tuple(
        Written(entry.path, str(entry.initializer), scaled.get(entry.path, 1.0)) for entry in made.drawn
    )
    return Receipt(
        made, seed, () if left else written, tuple(_gains(made, before, after)),
        _codes(first), _codes(second), first.verdict if first else "", second.verdict if second else "", left,
        (before.loss, after.loss),
    )  # fmt: skip


def _codes(report: Report | None) -> tuple[str, ...] | None:
    return None if report is None else tuple(finding.key for finding in report.findings)


def _gains(made: Plan, before: Gauge, after: Gauge | Measured) -> Iterator[Gain]:
    """One row for each operation with a weight, in execution order."""
    for node in after.nodes:
        if node.index not in after.sizes or node.weight is None:
            continue
        name = stable_path(node.weight.name)
        predicted = made[name].signal if name in made else math.nan
        same = before.nodes[node.index].op == node.op if node.index < len(before.nodes) else False
        old = before if same else None
        yield Gain(
            node.path, predicted, old.size(node.index) if old else math.nan, after.size(node.index),
            old.gradient(node.index) if old else math.nan, after.gradient(node.index),
        )  # fmt: skip
