"""One pass that sets every signal's size: each weight is scaled as its operation runs, by what arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.graph import WeightUse
from isogain.graph.plan import Entry, Plan
from isogain.torch.capture import Recorder
from isogain.torch.guard import Untouched
from isogain.torch.inspection import _batch, _called, _eager
from isogain.torch.operations import plain_name
from isogain.torch.shards import is_dtensor
from isogain.torch.targets import Target, public_path, targets
from isogain.torch.tensors import tensors_in

__all__ = ["Calibrator", "calibrate"]

Tensor = torch.Tensor
_WEIGHTED = frozenset(
    ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
     "matmul", "__matmul__", "mm", "bmm", "addmm", "baddbmm"]
)  # fmt: skip


class Calibrator(Recorder):
    """Follows which tensors are weights; scales those whose output misses the plan's size.

    The operation is linear in its weight, so its result is scaled along with it: nothing runs twice.
    """

    def __init__(
        self, model: nn.Module, guard: Untouched, work: Mapping[str, tuple[Entry, Target]], batch: int
    ) -> None:
        super().__init__(model, guard, batch, measure=False)
        self.work = work
        self.scaled: dict[str, float] = {}
        """path -> the factor it got."""
        self._done: set[str] = set()

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        use = self._weight(name, args, kwargs) if name in _WEIGHTED else None
        result = super()._run(name, func, args, kwargs)
        if use is None or use.name not in self.work or use.name in self._done:
            return result
        self._done.add(use.name)
        if not self._direct(use, (args, kwargs)):
            return result
        bias = self.parameters.get(use.bias) if use.bias else None
        return self._scaled(use, result, bias, 1 if plain_name(name).startswith("conv") else -1)

    def _direct(self, use: WeightUse, given: Any) -> bool:
        """Whether the operation reads the parameter's own memory, or a parametrization that can be set."""
        _, target = self.work[use.name]
        if target.set is not None:
            return True
        own = target.like.untyped_storage().data_ptr()
        return any(
            t.untyped_storage().data_ptr() == own for t in tensors_in(given, 2) if not is_dtensor(t)
        ) or (is_dtensor(target.like))

    def _scaled(self, use: WeightUse, result: Tensor, bias: Tensor | None, axis: int) -> Tensor:
        entry, target = self.work[use.name]
        shift: Tensor | float = 0.0
        if bias is not None and bool(bias.any()):
            shape = [1] * result.dim()
            shape[axis] = -1
            shift = bias.detach().view(shape)
        carried = result - shift if isinstance(shift, Tensor) else result
        factor = _factor(entry, carried, shift)
        if factor == 1.0:
            return result
        if not target.scale(factor):
            return result
        self.scaled[entry.path] = factor
        return result.copy_(carried * factor + shift)


def _factor(entry: Entry, carried: Tensor, shift: Tensor | float) -> float:
    """What brings the size of the output to the plan's; 1 where it is near enough, or cannot be told."""
    power = float(torch.linalg.vector_norm(carried, dtype=torch.float32)) ** 2 / max(carried.numel(), 1)
    offset = float(shift.float().square().mean()) if isinstance(shift, Tensor) else 0.0
    wanted = entry.signal**2 - offset
    if not (power > 0 and wanted > 0 and math.isfinite(power)):
        return 1.0
    factor = math.sqrt(wanted / power)
    return 1.0 if abs(factor - 1) <= entry.steady else factor


def calibrate(model: nn.Module, plan: Plan, positional: Any, named: Any) -> dict[str, float]:
    """Runs the model once; path -> factor, for every weight that was scaled."""
    wanted = {entry.path: entry for entry in plan.drawn if math.isfinite(entry.signal)}
    if not wanted:
        return {}
    found = targets(model)
    work = {
        name: (plan[path], found[path])
        for name, _ in model.named_parameters()
        if (path := _path_of(name, plan)) in wanted
    }
    positional, named = pytree.tree_map_only(Tensor, lambda t: t.detach().clone(), (positional, named))
    with Untouched(model) as guard, _eager(), torch.no_grad():
        calibrator = Calibrator(model, guard, work, _batch(positional, named))
        calibrator.mark_inputs((positional, named))
        with calibrator.scopes(), calibrator:
            _called(lambda: model(*positional, **named), "the model raised in forward")
    return calibrator.scaled


def _path_of(name: str, plan: Plan) -> str:
    from isogain.torch.materialize import stable_path

    path = stable_path(public_path(name))
    return plan[path].path if path in plan else path
