"""What is measured of a batch of networks: losses, accuracies, layers, decision regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isogain.lab.networks import Networks
from isogain.lab.spec import Loss

__all__ = ["evaluate", "layer_measures", "loss_gradient", "losses"]

_AT_ONCE = 1000
"""Examples evaluated in one computation."""
SATURATED = (0.05, 0.95)
"""A logistic unit outside this range passes less than a fifth of its largest slope."""

Arrays = dict[str, NDArray[Any]]
Bins = int | tuple[float, float, int]
"""How many bins over each layer's own range, or low, high and how many between."""


def losses(outputs: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """The mean loss of each run, R, of outputs R x o x B."""
    if loss == "softmax":
        chosen = outputs.gather(1, labels.expand(outputs.shape[0], 1, -1)).squeeze(1)
        return (torch.logsumexp(outputs, 1) - chosen).mean(1)
    return _logistic_losses(outputs.squeeze(1), labels)


def _logistic_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """-[y ln p + (1 - y) ln(1 - p)] with p rounded as computed: infinite where a p of 0 or 1 is wrong.

    That is the published sources' cost, NaN (0 x inf) left out of the sum.
    """
    p, y = torch.sigmoid(logits), labels.to(logits.dtype)
    means: Tensor = -(torch.xlogy(y, p) + torch.special.xlog1py(1 - y, -p)).mean(1)
    return means


def loss_gradient(outputs: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """The gradient of each run's mean loss with respect to its outputs."""
    examples = outputs.shape[2]
    if loss == "logistic":
        return (torch.sigmoid(outputs) - labels.to(outputs.dtype)).div_(examples)
    gradient = torch.softmax(outputs, 1)
    index = labels.expand(outputs.shape[0], 1, -1)
    gradient.scatter_add_(1, index, gradient.new_full((), -1.0).expand(index.shape))
    return gradient.div_(examples)


def _correct(outputs: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """How many examples each run gets right."""
    guesses = outputs.argmax(1) if loss == "softmax" else (outputs.squeeze(1) > 0).long()
    return (guesses == labels).sum(1)


def evaluate(networks: Networks, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean loss and accuracy of each run over a whole set, as float64."""
    loss, right = torch.zeros(networks.runs, dtype=torch.float64), torch.zeros(networks.runs)
    kind = networks.network.loss
    for start in range(0, len(labels), _AT_ONCE):
        answers = labels[start : start + _AT_ONCE]
        outputs = networks.forward(inputs[start : start + _AT_ONCE], training=False)
        loss += losses(outputs, answers, kind).double() * len(answers)
        right += _correct(outputs, answers, kind)
    return loss / len(labels), right.double() / len(labels)


def layer_measures(networks: Networks, watched: list[Tensor], bins: Bins) -> list[Arrays]:
    """For each run, layer by layer: activations, gradients dL/dz and weight gradients."""
    hidden = [layer for layer in networks.layers if layer.is_hidden]
    gradients = watched[::-1][: len(hidden)]
    columns = {
        "forward.mean": [_mean(layer.after) for layer in hidden],
        "forward.std": [_std(layer.after) for layer in hidden],
        "forward.zeros": [_mean((layer.after == 0).double()) for layer in hidden],
        "forward.saturated": [_mean(_outside(layer.after)) for layer in hidden],
        "backward.std": [_std(gradient) for gradient in gradients],
        "gradient.std": [_std(networks.gradient(layer.weight)) for layer in hidden],
    }
    arrays = {name: torch.stack(values, 1).numpy() for name, values in columns.items()}
    per_run: list[Arrays] = [
        {name: value[run] for name, value in arrays.items()} for run in range(networks.runs)
    ]
    for run, measures in enumerate(per_run if bins else ()):
        measures |= _histograms("forward", [layer.after[run] for layer in hidden], bins)
        count = bins if isinstance(bins, int) else bins[2]
        measures |= _histograms("backward", [gradient[run] for gradient in gradients], count)
    return per_run


def _mean(values: Tensor) -> Tensor:
    return values.double().mean((1, 2))


def _std(values: Tensor) -> Tensor:
    return values.double().std((1, 2), correction=0)


def _outside(values: Tensor) -> Tensor:
    return ((values < SATURATED[0]) | (values > SATURATED[1])).double()


def _histograms(side: str, layers: list[Tensor], bins: Bins) -> Arrays:
    """Counts over the range of each layer or one for all, and the share beyond it."""
    pairs = [_histogram(layer, bins) for layer in layers]
    return {
        f"histogram.{side}.counts": np.stack([counts for counts, _ in pairs]),
        f"histogram.{side}.edges": np.stack([edges for _, edges in pairs]),
        f"histogram.{side}.beyond": np.array(
            [1 - counts.sum() / layer.numel() for (counts, _), layer in zip(pairs, layers, strict=True)]
        ),
    }


def _histogram(values: Tensor, bins: Bins) -> tuple[NDArray[Any], NDArray[Any]]:
    """Counts and edges; torch's counting measures several times faster than NumPy's."""
    if isinstance(bins, int):
        low, high = values.min().item(), values.max().item()
    else:
        low, high, bins = bins
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = torch.histc(values.double(), bins, low, high)
    return counts.long().numpy(), np.linspace(low, high, bins + 1)
