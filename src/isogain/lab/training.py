"""One computation: runs of one structure, on the same examples, from their starts to their measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isogain.core.initializers import Normal
from isogain.drawing import draw
from isogain.lab.datasets import Dataset, region_grid
from isogain.lab.grouping import Run
from isogain.lab.measures import (
    Arrays,
    evaluate,
    layer_measures,
    loss_gradient,
    losses,
)
from isogain.lab.networks import Networks
from isogain.lab.optimizer import Descent
from isogain.lab.spec import Experiment
from isogain.lab.starts import initial_biases, initial_weights
from isogain.lab.streams import batch_indices, torch_seed

__all__ = ["ENGINE_VERSION", "Examples", "Interrupted", "train"]

ENGINE_VERSION = 1
"""Part of every run's key: raised whenever the same description would give other numbers."""
_TICK_EVERY = 20

Tick = Callable[[int], bool]
"""Told how many updates were done since the last call; False asks to stop."""


class Interrupted(Exception):
    """The computation was asked to stop before its end."""


def _go_on(updates: int) -> bool:
    return True


@dataclass(frozen=True, eq=False)
class Examples:
    """A data set as the experiment's computations read it: tensors of its precision, made once for all."""

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor

    @classmethod
    def of(cls, data: Dataset, experiment: Experiment) -> Examples:
        """The limited, scaled examples."""
        dtype: torch.dtype = getattr(torch, experiment.dtype)
        limited = data.limited(experiment.train_limit)
        tested = slice(experiment.record.evaluate_test)

        def scaled(stored: NDArray[Any]) -> Tensor:
            return torch.from_numpy(stored).to(dtype).div_(data.divisor)

        return cls(
            scaled(limited.train_inputs.copy()),
            torch.from_numpy(limited.train_labels.copy()),
            scaled(data.test_inputs[tested].copy()),
            torch.from_numpy(data.test_labels[tested].copy()),
        )


@torch.no_grad()
def train(
    experiment: Experiment, runs: Sequence[Run], data: Dataset | Examples, tick: Tick = _go_on
) -> list[Arrays]:
    """The measures of each run, by name.

    All runs must share their network; they must share their seed too, unless every update sees all
    training examples.
    """
    examples = data if isinstance(data, Examples) else Examples.of(data, experiment)
    return _Training(experiment, runs, examples, tick).measures()


@dataclass
class _Logs:
    """What has been written down so far; first axis time, second axis runs."""

    loss: Tensor
    evaluated_at: list[int] = field(default_factory=list)
    evaluations: list[Tensor] = field(default_factory=list)
    layers: list[list[Arrays]] = field(default_factory=list)


class _Training:
    """The state of one computation."""

    def __init__(self, experiment: Experiment, runs: Sequence[Run], examples: Examples, tick: Tick) -> None:
        self.experiment, self.runs, self.examples, self.tick = experiment, tuple(runs), examples, tick
        self.network = runs[0].arm.network
        self.seeds = tuple(dict.fromkeys(run.seed for run in runs))
        noise = [torch.Generator().manual_seed(torch_seed("rrelu", seed)) for seed in self.seeds]
        weights, biases = initial_weights(experiment, runs), initial_biases(experiment, runs)
        self.networks = Networks(self.network, weights, biases, noise)
        self.descent = Descent(self.networks, [run.arm for run in runs])
        self.inputs, self.labels = self._inputs(), examples.labels
        self.logs = _Logs(torch.full((experiment.iterations, len(runs)), torch.nan, dtype=weights[0].dtype))

    def _inputs(self) -> Tensor:
        if self.experiment.data != "gaussian":
            return self.examples.inputs
        shape, dtype = tuple(self.examples.inputs.shape), self.experiment.dtype
        return torch.from_numpy(draw(Normal(), shape, seed=self.seeds[0], path="inputs", dtype=dtype))

    def measures(self) -> list[Arrays]:
        """Trains to the end and hands over each run's measures."""
        iterations, examples = self.experiment.iterations, len(self.labels)
        probes = max(self.experiment.record.layers_at, default=-1) >= iterations
        steps = batch_indices(self.experiment.batches, examples, iterations + probes, self.seeds[0])
        for step, index in enumerate(steps):
            self._look(step, index)
            if step < iterations:
                self._update(step, index)
            if step % _TICK_EVERY == 0 and not self.tick(_TICK_EVERY):
                raise Interrupted
        if not probes:
            self._look(iterations, None)
        return [self._of_run(row) for row in range(len(self.runs))]

    def _batch(self, index: NDArray[np.int64] | None) -> tuple[Tensor, Tensor]:
        if index is None:
            return self.inputs, self.labels
        chosen = torch.from_numpy(index)
        return self.inputs.index_select(0, chosen), self.labels.index_select(0, chosen)

    def _update(self, step: int, index: NDArray[np.int64] | None) -> None:
        inputs, labels = self._batch(index)
        outputs = self.networks.forward(inputs)
        self.networks.backward(loss_gradient(outputs, labels, self.network.loss))
        self.descent.step()
        if self.experiment.record.loss == "after":
            outputs = self.networks.forward(inputs, learn=False)
        if self.experiment.record.loss != "no":
            self.logs.loss[step] = losses(outputs, labels, self.network.loss)

    def _look(self, step: int, index: NDArray[np.int64] | None) -> None:
        record = self.experiment.record
        if step in record.layers_at:
            self.logs.layers.append(self._layers(index))
        if step in record.evaluate_at:
            self.logs.evaluated_at.append(step)
            self.logs.evaluations.append(torch.stack([*self._on_training(), *self._on_test(step)]))

    def _on_training(self) -> tuple[Tensor, Tensor]:
        first = slice(self.experiment.record.evaluate_train)
        return evaluate(self.networks, self.inputs[first], self.labels[first])

    def _on_test(self, step: int) -> tuple[Tensor, Tensor]:
        record = self.experiment.record
        if record.test_at_end and step < max(record.evaluate_at):
            unseen = torch.full((len(self.runs),), torch.nan, dtype=torch.float64)
            return unseen, unseen
        return evaluate(self.networks, self.examples.test_inputs, self.examples.test_labels)

    def _layers(self, index: NDArray[np.int64] | None) -> list[Arrays]:
        inputs, labels = self._batch(index)
        outputs = self.networks.forward(inputs, learn=False)
        if self.network.loss == "probe":
            gradient = self._probe(outputs)
        else:
            gradient = loss_gradient(outputs, labels, self.network.loss)
        watched: list[Tensor] = []
        self.networks.backward(gradient, watched)
        return layer_measures(self.networks, watched, self.experiment.record.histogram_bins)

    def _probe(self, outputs: Tensor) -> Tensor:
        """N(0, 1) as the gradient of the outputs, the same for all runs of a seed."""
        shape = tuple(outputs.shape[1:])
        name = f"gradient of {shape[0]} outputs"
        noise = draw(Normal(), shape, seed=self.seeds[0], path=name, dtype=self.experiment.dtype)
        return torch.from_numpy(noise).expand(outputs.shape)

    def _of_run(self, row: int) -> Arrays:
        record, logs = self.experiment.record, self.logs
        arrays: Arrays = {}
        if record.loss != "no":
            arrays["loss"] = logs.loss[:, row].double().numpy()
        if logs.evaluations:
            table = torch.stack(logs.evaluations)[:, :, row].numpy()
            arrays["evaluated_at"] = np.array(logs.evaluated_at)
            names = ("train.loss", "train.accuracy", "test.loss", "test.accuracy")
            arrays |= {name: table[:, column] for column, name in enumerate(names)}
        if logs.layers:
            times: list[Arrays] = [layers[row] for layers in logs.layers]
            arrays |= {name: np.stack([time[name] for time in times]) for name in times[0]}
        if record.grid:
            arrays["grid.probability"] = self._grid()[row]
        return arrays

    def _grid(self) -> NDArray[Any]:
        """The trained networks' probability over the plane, R x points^2."""
        places = torch.from_numpy(region_grid(self.inputs.numpy(), self.experiment.record.grid))
        outputs = self.networks.forward(places.to(self.inputs.dtype), training=False)
        return torch.sigmoid(outputs).squeeze(1).numpy()
