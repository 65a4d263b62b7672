"""`Monitor`: inspections while training, at steps 0, 1, 2, 4, 8, ..., and one page at the end."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from isogain.errors import InspectError, IsogainError
from isogain.inspect import Report
from isogain.rendering import Line, rendered
from isogain.theory.rates import RateRange
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import LossLike
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.start.ramp import rate_range
from isogain.torch.training.pace import Pace, pace, values_of, while_training

__all__ = ["HuggingFaceMonitor", "LightningMonitor", "Monitor", "Snapshot", "is_due"]


class Writer(Protocol):
    """What TensorBoard's SummaryWriter offers."""

    def add_scalar(self, tag: str, value: float, step: int) -> Any:
        """Records one number."""


@dataclass(frozen=True)
class Snapshot(Line):
    """One inspected step."""

    step: int
    report: Report
    update_to_data: dict[str, float] = field(default_factory=dict)
    """log10 of std(change) / std(parameter) over the step just taken; about -3 is usual."""

    def __str__(self) -> str:
        return f"step {self.step}: {self.report.verdict}, {self.report.cause}"


def is_due(step: int) -> bool:
    """Whether a step is 0 or a power of two.

    >>> [step for step in range(20) if is_due(step)]
    [0, 1, 2, 4, 8, 16]
    """
    return step & (step - 1) == 0


class Monitor:
    """Watches a plain training loop, and stays out of its way between the steps it looks at.

        monitor = igt.Monitor(model, batch, loss=lambda output: criterion(output, target))
        for batch, target in loader:
            ...
            optimizer.step()
            monitor.step()
        monitor.close("training.html")

    `inputs` and `loss` are those of `inspect`: one fixed batch, so that steps can be compared.  A `writer`
    (TensorBoard's SummaryWriter) gets a few scalars at each inspected step.

    From step 1 on reports say what is wrong with training: `rate-too-high` where weights move far more than
    usual and the loss along the step says so, with the factor that would have fitted; with an `optimizer` in
    rates, and against the range measured at the start where training is undone.  No fix draws trained
    weights anew.
    """

    def __init__(
        self, model: nn.Module, inputs: Any, loss: LossLike | None = None, *, writer: Writer | None = None,
        when: Callable[[int], bool] = is_due, most: int = 32, optimizer: Any = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.inputs, self.loss = understood(plain_module(model), inputs, loss)
        self.writer, self.when, self.most, self.optimizer = writer, when, most, optimizer
        self.snapshots: list[Snapshot] = []
        self.seconds = 0.0
        """Time spent looking."""
        self.steps = 0
        self._before: dict[str, torch.Tensor] = {}
        self._fitting = self._measured()
        self._look(Pace({}))

    def step(self) -> Snapshot | None:
        """To be called after each optimizer step; the Snapshot of this one if it was looked at."""
        self.steps += 1
        looked = None
        if self._before:
            started = time.perf_counter()
            taken = pace(self.model, self._before, self.inputs, self.loss)
            self._before = {}
            self.seconds += time.perf_counter() - started
            looked = self._look(taken)
        if self.when(self.steps + 1) and len(self.snapshots) < self.most:
            started = time.perf_counter()
            self._before = values_of(self.model)
            self.seconds += time.perf_counter() - started
        return looked

    def _look(self, taken: Pace) -> Snapshot:
        started = time.perf_counter()
        report = inspect(self.model, self.inputs, self.loss)
        if self.snapshots:
            report = while_training(
                report, self.snapshots[0].report, self.steps, taken, self._rates(), self._fitting
            )
        snapshot = Snapshot(self.steps, report, taken.updates)
        self.snapshots.append(snapshot)
        if self.steps == 0 and self.when(1):
            self._before = values_of(self.model)
        self._write(snapshot)
        self.seconds += time.perf_counter() - started
        return snapshot

    def _measured(self) -> RateRange | None:
        """The range of rates that trains from where the model stands now, of an optimizer that is known."""
        if self.optimizer is None:
            return None
        try:
            return rate_range(self.model, self.inputs, self.loss, self.optimizer)
        except IsogainError:
            return None

    def _rates(self) -> list[float]:
        """The optimizer's learning rates now, if it is known."""
        return [float(group["lr"]) for group in getattr(self.optimizer, "param_groups", ())]

    def _write(self, snapshot: Snapshot) -> None:
        if self.writer is None:
            return
        report = snapshot.report
        counts = {s: sum(f.severity == s for f in report.findings) for s in ("critical", "warning")}
        for name, value in _scalars(snapshot).items():
            self.writer.add_scalar(f"isogain/{name}", value, snapshot.step)
        for severity, count in counts.items():
            self.writer.add_scalar(f"isogain/{severity}", count, snapshot.step)

    def close(self, path: str | Path | None = None) -> Snapshot:
        """Looks at the last step if it was not, writes the page of all steps to `path`; the last Snapshot."""
        if self.snapshots[-1].step != self.steps:
            self._look(Pace({}))
        if path is not None:
            rendered("monitor.page", self.snapshots, path)
        return self.snapshots[-1]


def _scalars(snapshot: Snapshot) -> dict[str, float]:
    report = snapshot.report
    forward = [layer.rms for layer in report.layers if layer.on_trunk and layer.rms > 0]
    backward = [layer.gradient_rms for layer in report.layers if layer.on_trunk and layer.gradient_rms > 0]
    found = {"loss": report.table.loss_value}
    if forward and backward:
        found |= {"last_signal": forward[-1], "first_gradient": backward[0]}
    if snapshot.update_to_data:
        values = sorted(snapshot.update_to_data.values())
        found["update_to_data"] = values[len(values) // 2]
    return found


def _base(module: str, name: str) -> type:
    """The callback class of a framework; raises InspectError where it is not installed."""
    try:
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
    except ImportError as error:
        raise InspectError(
            f"this callback needs {module.partition('.')[0]}, which is not installed"
        ) from error


class _Callback:
    """What both frameworks' callbacks share: a Monitor made when training starts."""

    def __init__(
        self, inputs: Any, loss: LossLike | None = None, page: str | Path | None = None, **options: Any
    ) -> None:
        super().__init__()
        self.inputs, self.loss, self.page, self.options = inputs, loss, page, options
        self.monitor: Monitor | None = None

    def _start(self, model: nn.Module, writer: Writer | None = None, optimizer: Any = None) -> None:
        options = {"writer": writer, "optimizer": optimizer} | self.options
        self.monitor = Monitor(model, self.inputs, self.loss, **options)

    def _step(self) -> None:
        if self.monitor is not None:
            self.monitor.step()

    def _end(self) -> None:
        if self.monitor is not None:
            self.monitor.close(self.page)


def LightningMonitor(
    inputs: Any, loss: LossLike | None = None, page: str | Path | None = None, **options: Any
) -> Any:
    """A Lightning callback that monitors `trainer.fit`; needs lightning or pytorch_lightning."""
    try:
        base = _base("lightning.pytorch", "Callback")
    except InspectError:
        base = _base("pytorch_lightning", "Callback")

    def on_train_start(self: Any, trainer: Any, pl_module: Any) -> None:
        experiment = getattr(getattr(trainer, "logger", None), "experiment", None)
        writer = experiment if hasattr(experiment, "add_scalar") else None
        self._start(pl_module, writer, next(iter(getattr(trainer, "optimizers", ())), None))

    def on_train_batch_end(
        self: Any, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step > self.monitor.steps:  # gradient accumulation: only real steps count
            self._step()

    def on_train_end(self: Any, trainer: Any, pl_module: Any) -> None:
        self._end()

    methods = {
        "on_train_start": on_train_start, "on_train_batch_end": on_train_batch_end,
        "on_train_end": on_train_end,
    }  # fmt: skip
    return type("LightningMonitor", (_Callback, base), methods)(inputs, loss, page, **options)


def HuggingFaceMonitor(
    inputs: Any, loss: LossLike | None = None, page: str | Path | None = None, **options: Any
) -> Any:
    """A callback for transformers' Trainer; needs transformers."""
    base = _base("transformers", "TrainerCallback")

    def on_train_begin(
        self: Any, args: Any, state: Any, control: Any, model: Any = None, **more: Any
    ) -> None:
        self._start(model, optimizer=more.get("optimizer"))

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **more: Any) -> None:
        self._step()

    def on_train_end(self: Any, args: Any, state: Any, control: Any, **more: Any) -> None:
        self._end()

    methods = {"on_train_begin": on_train_begin, "on_step_end": on_step_end, "on_train_end": on_train_end}
    return type("HuggingFaceMonitor", (_Callback, base), methods)(inputs, loss, page, **options)
