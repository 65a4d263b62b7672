"""One pass that sets every signal's size: each weight is scaled as its operation runs, by what arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.graph.plan import Entry, Plan
from isogain.torch.capture import Recorder
from isogain.torch.guard import Untouched
from isogain.torch.inspection import _batch, _called, _eager
from isogain.torch.operations import plain_name

__all__ = ["Calibrator", "calibrate"]

Tensor = torch.Tensor


class Calibrator(Recorder):
    """Follows which tensors are weights; scales those whose output misses the plan's size."""

    def __init__(self, model: nn.Module, guard: Untouched, entries: Mapping[str, Entry], batch: int) -> None:
        super().__init__(model, guard, batch, measure=False)
        self.entries = entries
        self.scaled: dict[str, float] = {}
        """parameter -> the factor it got."""
        self._done: set[str] = set()

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        use = self._weight(name, args, kwargs) if name in _WEIGHTED else None
        entry = self.entries.get(use.name) if use is not None else None
        result = super()._run(name, func, args, kwargs)
        if entry is None or use is None or use.name in self._done or not isinstance(result, Tensor):
            return result
        self._done.add(use.name)
        bias = self.parameters.get(use.bias) if use.bias else None
        factor = self._factor(entry, result, bias, plain_name(name).startswith("conv"))
        if factor == 1.0:
            return result
        self.scaled[use.name] = factor
        self.parameters[use.name].mul_(factor)
        repeated = func(*args, **kwargs)
        self.known[repeated] = self.known[result]
        return repeated

    def _factor(self, entry: Entry, result: Tensor, bias: Tensor | None, channels_first: bool) -> float:
        shift = 0.0 if bias is None else float(bias.detach().double().square().mean())
        power = float(result.detach().double().square().mean()) - shift
        wanted = entry.signal**2 - shift
        if not (power > 0 and wanted > 0 and math.isfinite(power)):
            return 1.0
        factor = math.sqrt(wanted / power)
        return 1.0 if abs(factor - 1) <= entry.steady else factor


_WEIGHTED = frozenset(
    "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d matmul __matmul__ mm bmm "
    "addmm baddbmm".split()
)


def calibrate(model: nn.Module, plan: Plan, positional: Any, named: Any) -> dict[str, float]:
    """Runs the model once; parameter path -> factor, for every weight that was scaled."""
    entries = {
        name: entry
        for entry in plan.drawn
        if math.isfinite(entry.signal)
        for name in (entry.path, *entry.aliases)
    }
    positional, named = pytree.tree_map_only(Tensor, lambda t: t.detach().clone(), (positional, named))
    with Untouched(model) as guard, _eager(), torch.no_grad():
        calibrator = Calibrator(model, guard, entries, _batch(positional, named))
        calibrator.mark_inputs((positional, named))
        with calibrator.scopes(), calibrator:
            _called(lambda: model(*positional, **named), "the model raised in forward")
    return calibrator.scaled
