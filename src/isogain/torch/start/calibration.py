"""One pass that sets every signal's size: each weight is scaled as its operation runs, by what arrives.

The model was recorded before it was drawn, so this pass need not work out again what its operations are: it
goes along the recorded steps.  Where a model takes another way than then (experts chosen by what they read),
the pass is made again and recorded anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from isogain.core.initializers import Zeros
from isogain.graph import Node, WeightUse
from isogain.graph.entry import Entry
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.torch.call.guard import Untouched
from isogain.torch.call.operations import plain_name
from isogain.torch.call.processes import ALONE, Processes
from isogain.torch.call.tensors import reads, tensors_of_call
from isogain.torch.draw.targets import Target, public_path, targets
from isogain.torch.measure.sizes import MEASURED, Sizes, mean_square
from isogain.torch.record.gathering import gathered
from isogain.torch.record.gauge import Gauge, Loss, watched
from isogain.torch.record.watch import Watch
from isogain.torch.start.chorus import Chorus

__all__ = ["Measured", "calibrate"]

Tensor = torch.Tensor
_WEIGHTED = frozenset(
    ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
     "matmul", "__matmul__", "mm", "bmm", "addmm", "baddbmm", "einsum", "bilinear", "grouped_mm",
     "_grouped_mm"]
)  # fmt: skip

LOST = 1e4
"""Times a weight may be made larger for what it reads."""


class Scaler:
    """Scales the results of operations whose output misses the plan's size, and remembers the factors.

    An operation is linear in its weight, so scaling its result is scaling the weight: nothing runs twice, and
    gradients on the way back are those of the scaled weights, which are written only afterwards.
    """

    def __init__(
        self, model: nn.Module, plan: Plan, chorus: Chorus, apart: Container[str] = frozenset()
    ) -> None:
        self.model, self.chorus = model, chorus
        found, self.parameters = targets(model), dict(model.named_parameters())
        paths = {name: _path_of(name, plan) for name in self.parameters}
        entries = {name: plan[path] for name, path in paths.items() if path in plan}
        self.work: dict[str, tuple[Entry, Target]] = {
            name: (entry, found[entry.path])
            for name, entry in entries.items()
            if not entry.kept
            and entry.path not in apart
            and not entry.drawn_as
            and math.isfinite(entry.signal)
            and found[entry.path].free()
        }
        self.copies: dict[str, list[str]] = {}
        """path -> what is to stay a copy of it."""
        for entry in plan.values():
            if entry.drawn_as:
                self.copies.setdefault(entry.drawn_as, []).append(entry.path)
        self.zeros = frozenset(n for n, entry in entries.items() if isinstance(entry.initializer, Zeros))
        self.factors: dict[str, float] = {}
        """parameter -> the factor it is to get."""

    def around(
        self, name: str, use: WeightUse | None, func: Callable[..., Any], given: Any
    ) -> Callable[..., Any]:
        """The operation, scaled if its weight may be; itself if not."""
        if use is None or name not in _WEIGHTED or use.name not in self.work or not self._reads(use, given):
            return func
        return partial(self._scaled, use, 1 if plain_name(name).startswith("conv") else -1, func)

    def _reads(self, use: WeightUse, given: Any) -> bool:
        """Whether the operation reads the parameter's own memory, or a parametrization that can be set."""
        _, target = self.work[use.name]
        return target.set is not None or use.multiple != 1.0 or reads(given, target.like)

    def _scaled(
        self, use: WeightUse, axis: int, func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        result: Tensor = func(*args, **kwargs)
        shift = self._shift(use, result, axis)
        carried = result if shift is None else result - shift
        if use.name not in self.factors:
            power = self.chorus.mean(use.name, mean_square(carried))
            self.factors[use.name] = _factor(self.work[use.name][0], power, shift)
        factor = self.factors[use.name]
        if factor == 1.0:
            return result
        return carried * factor if shift is None else carried * factor + shift

    def _shift(self, use: WeightUse, result: Tensor, axis: int) -> Tensor | None:
        """The bias, shaped like the result, unless it is 0."""
        bias = self.parameters.get(use.bias) if use.bias else None
        if bias is None or use.bias in self.zeros or not bool(bias.any()):
            return None
        shape = [1] * result.dim()
        shape[axis] = -1
        return bias.view(shape)

    def write(self) -> dict[str, float]:
        """Scales the weights themselves; path -> factor of each."""
        changed = {self.work[name][0].path: one for name, one in self.factors.items() if one != 1.0}
        found = targets(self.model) if changed else {}  # of now: what was gathered for the pass is gone
        for path, factor in changed.items():
            for each in (path, *self.copies.get(path, ())):
                found[each].scale(factor)
        return changed


def _factor(entry: Entry, power: float, shift: Tensor | None) -> float:
    """What brings the size of the output to the plan's; 1 where it is near enough, or cannot be told.

    1 also where it would be huge: that signal was lost before, in what is kept, and no weight mends that.
    """
    found = entry.correction(power, 0.0 if shift is None else mean_square(shift).value)
    return found if found < LOST else 1.0


class Follower(Watch, Sizes):
    """Goes along recorded steps, scaling and measuring; `lost` once the model does something else."""

    def __init__(self, before: Gauge, scaler: Scaler, guard: Untouched, batch: int) -> None:
        Watch.__init__(self, before.model, guard)
        Sizes.__init__(self)
        self.before, self.scaler, self.nodes = before, scaler, before.nodes
        self.lost = False
        self._steps = iter(before.steps)
        self._done = False

    def mark_inputs(self, inputs: Any) -> None:
        """Nothing to do: they are known."""

    def scopes(self) -> AbstractContextManager[Any]:
        """None: every operation's module is known."""
        return nullcontext()

    def finish(self, output: Any) -> bool:
        """Finds out whether steps are left; what follows (a loss) is not followed."""
        self.lost = self.lost or next(self._steps, None) is not None
        self._done = True
        return not self.lost

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._done or self.lost:
            return func(*args, **kwargs)
        step = next(self._steps, None)
        if step is None or step.name != name:
            self.lost = True
            return func(*args, **kwargs)
        node = self.nodes[step.node] if step.node is not None else None
        if node is None or node.kind not in MEASURED:
            return func(*args, **kwargs)
        given = tensors_of_call(args, kwargs)
        self.lost = not self._same(node, given)
        result = self.scaler.around(name, node.weight, func, given)(*args, **kwargs)
        seen = self.see(node.index, result, first=self.before.is_first(node.index))
        self.lost = self.lost or (seen is not None and tuple(seen.shape) != node.shape)
        return result

    def _same(self, node: Node, given: list[Tensor]) -> bool:
        """Whether a call reads the weight it read when it was recorded, as far as that can be seen."""
        use = node.weight
        if use is None or use.name not in self.before.direct:
            return True
        return reads(given, self.scaler.parameters[use.name])


class Calibrator(Gauge):
    """Records the model anew and scales: for a model that takes another way than when it was planned."""

    def __init__(self, scaler: Scaler, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scaler = scaler

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        use = self._weight(name, args, kwargs) if name in _WEIGHTED else None
        given = tensors_of_call(args, kwargs)
        return super()._run(name, self.scaler.around(name, use, func, given), args, kwargs)


Measured = Follower | Gauge


def calibrate(
    before: Gauge, plan: Plan, positional: Any, named: Any, loss: Loss | None = None,
    processes: Processes = ALONE, apart: Container[str] = frozenset(),
) -> tuple[dict[str, float], Measured]:  # fmt: skip
    """One forward and one backward pass: path -> factor of each scaled weight, and the sizes then.

    The paths in `apart` are left as they are.
    """
    model, chorus = before.model, Chorus(processes)
    with gathered(model):
        scaler = Scaler(model, plan, chorus, apart)
        follow = partial(Follower, before, scaler)
        followed = watched(model, positional, named, loss, back=True, make=follow)
        done: Measured = followed
        if chorus.end(followed.lost):
            scaler.factors.clear()
            record = partial(Calibrator, scaler, model, measure=False)
            done = watched(model, positional, named, loss, back=True, make=record)
            chorus.end(False)
    if processes.groups:
        done.meet(processes)
        scaler.factors = processes.first(scaler.factors)
    return scaler.write(), done


def _path_of(name: str, plan: Plan) -> str:
    path = stable_path(public_path(name))
    return plan[path].path if path in plan else path
