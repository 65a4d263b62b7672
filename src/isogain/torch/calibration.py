"""One pass that sets every signal's size: each weight is scaled as its operation runs, by what arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from isogain.graph import WeightUse
from isogain.graph.plan import Entry, Plan
from isogain.torch.gauge import Gauge, Loss, gauge, mean_square
from isogain.torch.guard import Untouched
from isogain.torch.materialize import stable_path
from isogain.torch.operations import plain_name
from isogain.torch.targets import Target, public_path, targets
from isogain.torch.tensors import tensors_in

__all__ = ["Calibrator", "calibrate"]

Tensor = torch.Tensor
_WEIGHTED = frozenset(
    ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
     "matmul", "__matmul__", "mm", "bmm", "addmm", "baddbmm", "einsum", "bilinear", "grouped_mm",
     "_grouped_mm"]
)  # fmt: skip


class Calibrator(Gauge):
    """Scales the results of operations whose output misses the plan's size, and remembers the factors.

    An operation is linear in its weight, so scaling its result is scaling the weight: nothing runs twice, and
    gradients on the way back are those of the scaled weights, which are written only afterwards.
    """

    def __init__(
        self, model: nn.Module, guard: Untouched, batch: int, work: Mapping[str, tuple[Entry, Target]]
    ) -> None:
        super().__init__(model, guard, batch, measure=False)
        self.work = work
        self.factors: dict[str, float] = {}
        """parameter -> the factor it is to get."""

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        use = self._weight(name, args, kwargs) if name in _WEIGHTED else None
        if use is None or use.name not in self.work or not self._direct(use, (args, kwargs)):
            return super()._run(name, func, args, kwargs)
        axis = 1 if plain_name(name).startswith("conv") else -1
        return super()._run(name, partial(self._scaled, use, axis, func), args, kwargs)

    def _direct(self, use: WeightUse, given: Any) -> bool:
        """Whether the operation reads the parameter's own memory, or a parametrization that can be set."""
        _, target = self.work[use.name]
        if target.set is not None:
            return True
        own = target.like.untyped_storage().data_ptr()
        return any(tensor.untyped_storage().data_ptr() == own for tensor in tensors_in(given, 2))

    def _scaled(
        self, use: WeightUse, axis: int, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        result: Tensor = func(*args, **kwargs)
        shift = self._shift(use, result, axis)
        carried = result if shift is None else result - shift
        if use.name not in self.factors:
            self.factors[use.name] = _factor(self.work[use.name][0], carried, shift)
        factor = self.factors[use.name]
        if factor == 1.0:
            return result
        return carried * factor if shift is None else carried * factor + shift

    def _shift(self, use: WeightUse, result: Tensor, axis: int) -> Tensor | None:
        """The bias, shaped like the result, unless it is 0."""
        bias = self.parameters.get(use.bias) if use.bias else None
        if bias is None or not bool(bias.any()):
            return None
        shape = [1] * result.dim()
        shape[axis] = -1
        return bias.view(shape)


def _factor(entry: Entry, carried: Tensor, shift: Tensor | None) -> float:
    """What brings the size of the output to the plan's; 1 where it is near enough, or cannot be told."""
    power = float(mean_square(carried))
    offset = 0.0 if shift is None else float(mean_square(shift))
    wanted = entry.signal**2 - offset
    if not (power > 0 and wanted > 0 and math.isfinite(power)):
        return 1.0
    factor = math.sqrt(wanted / power)
    # four digits: what rounding differs by from machine to machine shall not show in the weights
    return 1.0 if abs(factor - 1) <= entry.steady else float(f"{factor:.4g}")


def calibrate(
    model: nn.Module, plan: Plan, positional: Any, named: Any, loss: Loss | None = None
) -> tuple[dict[str, float], Gauge]:
    """One forward and one backward pass: path -> factor of each scaled weight, and the sizes then."""
    found = targets(model)
    wanted = {entry.path for entry in plan.drawn if math.isfinite(entry.signal)}
    work = {
        name: (plan[path], found[path])
        for name, _ in model.named_parameters()
        if (path := _path_of(name, plan)) in wanted and found[path].free()
    }
    seen = gauge(model, positional, named, loss, back=True, recorder=partial(Calibrator, work=work))
    scaled = {}
    for name, factor in seen.factors.items() if isinstance(seen, Calibrator) else ():
        entry, target = work[name]
        if factor != 1.0:
            target.scale(factor)
            scaled[entry.path] = factor
    return scaled, seen


def _path_of(name: str, plan: Plan) -> str:
    path = stable_path(public_path(name))
    return plan[path].path if path in plan else path
