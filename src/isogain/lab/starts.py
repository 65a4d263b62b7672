"""The weights that runs start from, each a pure function of (initializer, shape, seed, layer)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isogain.core.values.initializer import Initializer
from isogain.drawing import draw
from isogain.errors import LabError
from isogain.lab.grouping import Run
from isogain.lab.spec import Experiment

__all__ = ["initial_biases", "initial_weights"]

_LAYOUT = "out in"


def initial_weights(experiment: Experiment, runs: Sequence[Run]) -> list[Tensor]:
    """R x o x i for each layer.

    Runs of one seed and equal shapes start from the same underlying random numbers, so that schemes
    are compared on paired draws.
    """
    drawn: dict[tuple[Any, ...], list[NDArray[Any]]] = {}
    for run in runs:
        key = _key(run)
        if key not in drawn:
            drawn[key] = _network(experiment, run)
    layers = range(runs[0].arm.network.depth)
    return [torch.from_numpy(np.stack([drawn[_key(run)][layer] for run in runs])) for layer in layers]


def initial_biases(experiment: Experiment, runs: Sequence[Run]) -> list[Tensor] | None:
    """R x o for each layer, or None where every arm's biases start at zero."""
    if not any(run.arm.bias for run in runs):
        return None
    dtype = getattr(torch, experiment.dtype)
    sizes = runs[0].arm.network.sizes
    biases = [torch.zeros(len(runs), outputs, dtype=dtype) for outputs in sizes[1:]]
    for row, run in enumerate(runs):
        for layer, bias in enumerate(biases if run.arm.bias else ()):
            assert run.arm.bias is not None
            path = f"layer{layer + 1}.bias"
            numbers = draw(
                run.arm.bias, (bias.shape[1],), layout="out", seed=run.seed, path=path, dtype=experiment.dtype
            )
            bias[row] = torch.from_numpy(numbers)
    return biases


def _key(run: Run) -> tuple[Any, ...]:
    return run.arm.weights, run.arm.output_weights, run.arm.input_weights, run.seed


def _network(experiment: Experiment, run: Run) -> list[NDArray[Any]]:
    sizes = run.arm.network.sizes
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    inits = [run.arm.weights] * len(shapes)
    if run.arm.input_weights is not None:
        inits[0] = run.arm.input_weights
    if run.arm.output_weights is not None:
        inits[-1] = run.arm.output_weights
    if experiment.stream == "numpy.RandomState":
        return _from_random_state(inits, shapes, run.seed)
    return [
        draw(
            init,
            shape,
            layout=_LAYOUT,
            seed=run.seed,
            path=f"layer{layer + 1}.weight",
            dtype=experiment.dtype,
        )
        for layer, (init, shape) in enumerate(zip(inits, shapes, strict=True))
    ]


def _from_random_state(
    inits: Sequence[Initializer], shapes: Sequence[tuple[int, int]], seed: int
) -> list[NDArray[Any]]:
    """`numpy.random.seed(seed)`, then `randn(out, in)` layer by layer, at each law's mean and std."""
    state = np.random.RandomState(seed)
    weights = []
    for init, shape in zip(inits, shapes, strict=True):
        law = init.law(shape, layout=_LAYOUT)
        if law.kind not in ("normal", "constant"):
            raise LabError(f"{init!r}: NumPy's RandomState stream serves normal and constant laws only")
        weights.append(state.randn(*shape) * law.std + np.real(law.mean))
    return weights
