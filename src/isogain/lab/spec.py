"""Experiments are data: what is trained, from which start, on what, how long, and what is written down.

Everything here is frozen, hashable and JSON-ready, and knows neither torch nor a data set's content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import groupby
from typing import Any, Literal, get_args

from isogain.checking import shown
from isogain.core.values.initializer import Initializer
from isogain.errors import LabError

__all__ = ["Arm", "Batches", "Experiment", "Network", "Record", "Reduction", "content_hash"]

Loss = Literal["softmax", "logistic", "probe"]
"""Cross-entropy over classes, over one logit, or no loss: a random gradient put in at the output."""


@dataclass(frozen=True)
class Network:
    """A plain multilayer perceptron: sizes[0] inputs, hidden layers with an activation, one output layer.

    With loss "probe" the last layer is a hidden one as well: nothing is trained, signals are looked at.
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    loss: Loss = "softmax"
    bias: bool = True
    batch_norm: bool = False
    batch_norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or any(size < 1 for size in self.sizes):
            raise LabError(f"Network: sizes are two or more positive widths, got {self.sizes!r}")
        if not isinstance(self.activation, str):
            raise LabError(
                f"Network: activation is a name, by which runs are kept: 'relu', 'tanh' or one of "
                f"torch.nn.functional's elementwise names; got {shown(self.activation)}"
            )
        if self.loss not in get_args(Loss):
            raise LabError(f"Network: loss is one of {', '.join(get_args(Loss))}, got {shown(self.loss)}")

    @property
    def depth(self) -> int:
        """How many weight matrices there are."""
        return len(self.sizes) - 1

    @property
    def hidden(self) -> int:
        """How many layers end in the activation."""
        return self.depth - (self.loss != "probe")

    def describe(self) -> str:
        """'784-100-100-10, relu, batch normalization'; many equal widths as '64-(300 x 128)-10'."""
        runs = [(size, len(list(group))) for size, group in groupby(self.sizes)]
        widths = [
            f"({count} x {size})" if count > 6 else "-".join([str(size)] * count) for size, count in runs
        ]
        parts = ["-".join(widths), self.activation]
        return ", ".join(parts + ["batch normalization"] * self.batch_norm)


@dataclass(frozen=True)
class Arm:
    """One thing compared: a network, its start, and how it is trained.

    `label` names the arm within its experiment; `scheme` names the start, `keys` whatever else an
    analysis groups by.  Neither is part of what a run is: two arms of equal content share their runs.
    """

    label: str
    network: Network
    weights: Initializer
    learning_rate: float = 0.01
    momentum: float = 0.0
    gradient_norm: float | None = None
    """Gradients are scaled down to this norm over all parameters of the network."""
    weight_limit: float | None = None
    """After each update weights (not biases) are clipped to [-limit, limit]."""
    output_weights: Initializer | None = None
    """The output layer's start, where it differs."""
    input_weights: Initializer | None = None
    """The first layer's start, where it differs."""
    bias: Initializer | None = None
    """The biases' start; zeros unless given."""
    keys: tuple[tuple[str, Any], ...] = ()

    def key(self, name: str) -> Any:
        """The value of one of the grouping `keys`."""
        return dict(self.keys)[name]

    @property
    def content(self) -> Mapping[str, Any]:
        """What makes a run of this arm the run it is, JSON-ready."""
        content = {name: value for name, value in encode(self).items() if name not in ("label", "keys")}
        if self.input_weights is None:
            del content["input_weights"]  # arms from before it was there keep their runs
        return content


@dataclass(frozen=True)
class Batches:
    """Which examples each update sees; the same ones for every arm of a seed, so that arms pair up."""

    size: int | None = 128
    """None: all training examples, every time."""
    replacement: bool = True
    """Drawn anew each time, or dealt from a shuffled pack, epoch by epoch."""


@dataclass(frozen=True)
class Record:
    """What a run writes down."""

    loss: Literal["after", "before", "no"] = "after"
    """The loss on the update's own batch, every update: after the update, before it, or not at all."""
    evaluate_at: tuple[int, ...] = ()
    """After how many updates loss and accuracy are measured on whole sets (0: at the start)."""
    evaluate_train: int | None = 1000
    """How many training examples (the first ones) are evaluated; None: all."""
    evaluate_test: int | None = None
    test_at_end: bool = False
    """Test examples are evaluated only at the last of those times (NaN before)."""
    layers_at: tuple[int, ...] = ()
    """After how many updates each layer's activations and gradients are measured, on the next batch."""
    histogram_bins: int | tuple[float, float, int] = 0
    """How many bins over each layer's own range; or (low, high, bins) for the activations of all layers."""
    grid: int = 0
    """Points a side of a grid over the two inputs on which the trained network is evaluated."""


@dataclass(frozen=True)
class Reduction:
    """A smaller version of an experiment, for a demonstration: it says so wherever it is shown."""

    seeds: int
    iterations: int | None = None
    leave_out: tuple[str, ...] = ()
    """Labels of arms that the smaller version does without."""


@dataclass(frozen=True)
class Experiment:
    """A frozen description of arms x seeds."""

    name: str
    title: str
    question: str
    source: str
    arms: tuple[Arm, ...]
    data: str = "mnist"
    """"mnist" (whichever digits the caller names), "circles", "gaussian", or a name `datasets.load` takes."""
    train_limit: int | None = None
    """Only the first so many training examples are used."""
    batches: Batches = Batches()
    iterations: int = 1000
    seeds: tuple[int, ...] = tuple(range(5))
    record: Record = Record()
    dtype: Literal["float32", "float64"] = "float32"
    stream: Literal["isogain", "numpy.RandomState"] = "isogain"
    """Where standard normals come from; the second reproduces sources that used NumPy's global seed."""
    seed_block: int = 1
    """How many seeds train in one computation; above 1 only where all examples are seen every time."""
    reduction: Reduction = Reduction(seeds=3)

    def __post_init__(self) -> None:
        labels = [arm.label for arm in self.arms]
        if not labels or len(set(labels)) != len(labels):
            raise LabError(f"experiment {self.name!r}: arms need labels of their own, got {labels!r}")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds:
            raise LabError(f"experiment {self.name!r}: seeds must differ and be at least one")
        if self.seed_block > 1 and self.batches.size is not None:
            raise LabError(f"experiment {self.name!r}: seeds of different batches cannot share a computation")

    def with_seeds(self, seeds: int | Iterable[int] | None) -> Experiment:
        """The same experiment over other seeds: that many from 0 on, or these."""
        if seeds is None:
            return self
        return replace(self, seeds=tuple(range(seeds) if isinstance(seeds, int) else seeds))

    def reduced(self) -> Experiment:
        """The demonstration's version: fewer seeds, updates and arms, as the reduction says."""
        updates = min(self.reduction.iterations or self.iterations, self.iterations)
        at = tuple(sorted({min(step, updates) for step in self.record.evaluate_at}))
        record = replace(self.record, evaluate_at=at)
        arms = tuple(arm for arm in self.arms if arm.label not in self.reduction.leave_out)
        seeds = self.seeds[: self.reduction.seeds]
        return replace(self, arms=arms, seeds=seeds, iterations=updates, record=record)

    @property
    def conditions(self) -> Mapping[str, Any]:
        """What all runs share, JSON-ready: with an arm's content, a seed and the data it makes a run."""
        names = ("data", "train_limit", "batches", "iterations", "record", "dtype", "stream")
        return {name: encode(getattr(self, name)) for name in names}

    @property
    def runs(self) -> int:
        """How many networks are trained (or probed)."""
        return len(self.arms) * len(self.seeds)


def encode(value: Any) -> Any:
    """Dataclasses, initializers and tuples as JSON-ready dictionaries and lists."""
    if isinstance(value, Initializer):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def content_hash(content: Any) -> str:
    """sha256 over the canonical JSON of `content`, in hex."""
    text = json.dumps(encode(content), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
