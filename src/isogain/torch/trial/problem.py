"""What is tried: a factory, data, a loss, a metric, how long; all that a job needs, ready to be sent."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from isogain.checking import Checks, shown
from isogain.errors import TrialError
from isogain.torch.call.guard import seeded
from isogain.torch.call.inputs import plain_module
from isogain.torch.start.schemes import Scheme
from isogain.torch.trial.batches import pair_of
from isogain.torch.trial.signatures import takes

__all__ = [
    "Measure",
    "Problem",
    "Start",
    "accuracy",
    "loss_of",
    "measure_of",
    "named_loss",
    "outputs_of",
]

CHECKS = Checks(TrialError)
Tensor = torch.Tensor
Loss = Callable[..., Any]


@dataclass(frozen=True)
class Start:
    """One start and its name."""

    name: str
    scheme: Scheme


@dataclass(frozen=True)
class Measure:
    """The number that decides, and which way is better."""

    name: str
    function: Callable[[Any, Any], Any] | None
    """Of (outputs, targets); None: the loss itself."""
    lower_is_better: bool

    @property
    def worst(self) -> float:
        """What no run can be worse than."""
        return math.inf if self.lower_is_better else -math.inf


@dataclass(frozen=True)
class Problem:
    """Everything that decides a run, but the start, the optimizer, the rate and the seed."""

    build: Any
    data: Any
    judged_by: Any
    """Batches to judge by: a Source of its own, or None: what `data` holds out."""
    loss: Loss | None
    measure: Measure
    steps: int
    starts: tuple[Start, ...]
    optimizers: tuple[tuple[str, Any], ...]
    device: str | None = None
    threads: int = 1
    channels_last: bool = False
    """Images are laid out pixel by pixel, which processors convolve faster."""
    form: str = ""
    """Of networks whose runs at one rate are made as one computation; "": each alone."""

    def model(self, seed: int) -> nn.Module:
        """The model as it is built from this seed, nobody else's."""
        seeded(seed)
        if isinstance(self.build, nn.Module):
            return copy.deepcopy(self.build)
        if not callable(self.build):
            raise TrialError(
                f"build must be a function that makes the model, or a model, got {shown(self.build)}"
            )
        try:
            made = self.build(seed) if takes(self.build, "seed") else self.build()
        except TrialError:
            raise
        except Exception as error:
            raise TrialError(f"build raised {type(error).__name__}: {error}") from error
        if not isinstance(made, nn.Module):
            raise TrialError(f"build must give a torch.nn.Module, got {shown(made)}")
        return _own(_whole(plain_module(made)))

    def loss_on(self, model: nn.Module, batch: Any) -> tuple[Tensor, Any, Any]:
        """(loss, output, target) of one batch."""
        inputs, target = pair_of(batch)
        output = outputs_of(model, inputs)
        return loss_of(self.loss, output, target), output, target

    def validation(self) -> list[Any]:
        """The batches that judge."""
        batches = self.data.held_out() if self.judged_by is None else self.judged_by.whole()
        if not batches:
            raise TrialError("validation gives no batch: there is nothing to judge by")
        return list(batches)


def _whole(made: nn.Module) -> nn.Module:
    """The model, if all of its parameters are there to be started."""
    lazy = [name for name, value in made.named_parameters() if is_lazy(value)]
    if lazy:
        raise TrialError(
            f"build gives a model whose {shown(lazy[0])} has no shape before a first call: let build call it "
            "on an example, or give the layer its sizes"
        )
    return made


def _own(made: nn.Module) -> nn.Module:
    """A copy: a factory may give the same module again, and training it would change the next run's start."""
    try:
        return copy.deepcopy(made)
    except RuntimeError:  # it holds tensors that were computed, so it was made just now
        return made


def outputs_of(model: nn.Module, inputs: Any) -> Any:
    """The model called with a tensor, a tuple of positional or a mapping of keyword arguments."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, (tuple, list)) and not hasattr(inputs, "_fields"):
        return model(*inputs)
    return model(inputs)


def loss_of(loss: Loss | None, output: Any, target: Any) -> Tensor:
    """The scalar to be trained on; TrialError where there is none."""
    if loss is None:
        value = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", output)
        told = "the model's output has no scalar .loss: give loss=, a function of (output, target)"
    else:
        value, told = loss(output, target), "loss must give one number, a tensor without axes"
    if not isinstance(value, Tensor) or value.dim() != 0 or not value.is_floating_point():
        mean = "; take its mean, .mean()" if loss and isinstance(value, Tensor) and value.dim() else ""
        raise TrialError(f"{told}, got {_got(value)}{mean}")
    return value


def _got(value: Any) -> str:
    """What came instead of one number."""
    if not isinstance(value, Tensor):
        return shown(value)
    if value.dim():
        return f"a tensor of shape {tuple(value.shape)}"
    return f"one of {str(value.dtype).removeprefix('torch.')}, along which there is no gradient"


def named_loss(loss: Any) -> Loss | None:
    """The loss as given, or torch.nn.functional's of that name."""
    if isinstance(loss, type):
        name = loss.__name__
        raise TrialError(f"loss must be a function of (output, target), got the class {name}: loss={name}()")
    if loss is None or (callable(loss) and not isinstance(loss, str)):
        return cast(Loss | None, loss)
    found = getattr(nn.functional, loss, None) if isinstance(loss, str) else None
    if not callable(found):
        raise TrialError(
            f"loss must be a function of (output, target) or the name of one of torch.nn.functional, "
            f"such as 'cross_entropy', got {shown(loss)}"
        )
    return cast(Loss, found)


def measure_of(metric: Any, lower_is_better: bool | None) -> Measure:
    """The Measure of "loss", "accuracy" or a function of (outputs, targets)."""
    if lower_is_better is not None:
        lower_is_better = CHECKS.flag("lower_is_better", lower_is_better)
    known: Mapping[str, tuple[Any, bool]] = {"loss": (None, True), "accuracy": (accuracy, False)}
    if isinstance(metric, str) and metric in known:
        function, lower = known[metric]
        return Measure(metric, function, lower if lower_is_better is None else lower_is_better)
    if isinstance(metric, str) or not callable(metric):
        raise TrialError(
            f"metric must be 'loss', 'accuracy' or a function of (outputs, targets), got {shown(metric)}"
        )
    inner = metric.func if isinstance(metric, partial) else metric
    return Measure(getattr(inner, "__name__", type(inner).__name__), metric, bool(lower_is_better))


def accuracy(outputs: Any, targets: Any) -> float:
    """The share of examples whose largest output is the target; of mappings, "logits" and "labels" are
    these."""
    scores, classes = _part(outputs, "logits"), _part(targets, "labels", "label")
    if not isinstance(scores, Tensor) or not isinstance(classes, Tensor):
        raise TypeError(f"accuracy needs tensors of scores and classes, got {shown(outputs)}")
    return float((scores.argmax(1) == classes).double().mean())


def _part(value: Any, *names: str) -> Any:
    """A tensor itself, or what something larger has under the first of these names."""
    if isinstance(value, Tensor):
        return value
    named = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    return next((named[name] for name in names if name in named), None)
