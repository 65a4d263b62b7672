"""The finished runs of one experiment, as its analysis reads them."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain._version import __version__
from isogain.jobs.statistics import METHOD, Interval, interval
from isogain.lab.spec import Arm, Experiment

__all__ = ["Results"]

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Results:
    """Every run of an experiment: `stack` gives one quantity of one arm, seeds first."""

    experiment: Experiment
    runs: Mapping[tuple[str, int], Arrays]
    """By arm label and seed."""
    data_title: str
    data_text: str
    engine: int
    arguments: tuple[str, ...] = ()
    """What followed `isogain lab run NAME`."""
    elapsed_s: float = 0.0
    is_reduced: bool = False

    def __repr__(self) -> str:
        size = f"{len(self.experiment.arms)} arms, {len(self.experiment.seeds)} seeds"
        return f"<Results of {self.experiment.name}: {size}; .stack(arm, measure) has the numbers>"

    def stack(self, arm: Arm | str, name: str) -> NDArray[Any]:
        """seeds x ... of this measure."""
        label = arm if isinstance(arm, str) else arm.label
        return np.stack([self.runs[label, seed][name] for seed in self.experiment.seeds])

    def interval(self, arm: Arm | str, name: str, index: int = -1) -> Interval:
        """The measure at one of its points (the last unless told), over seeds."""
        measured = interval(self.stack(arm, name)[:, index])
        return measured.within(0.0, 1.0) if name.endswith("accuracy") else measured

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """Arms by label."""
        return {arm.label: arm for arm in self.experiment.arms}

    def where(self, **keys: Any) -> list[Arm]:
        """The arms whose grouping keys have these values, in the experiment's order."""
        return [arm for arm in self.experiment.arms if all(arm.key(name) == keys[name] for name in keys)]

    def values(self, key: str) -> list[Any]:
        """The values a grouping key takes, in the experiment's order."""
        return list(dict.fromkeys(arm.key(key) for arm in self.experiment.arms))

    @property
    def command(self) -> str:
        """The line that repeats it."""
        return shlex.join(("isogain", "lab", "run", self.experiment.name, *self.arguments))

    @property
    def settings(self) -> dict[str, str]:
        """All it takes to repeat it, as name -> text."""
        return dict(self._settings())

    def _settings(self) -> Iterator[tuple[str, str]]:
        from importlib.metadata import version

        experiment = self.experiment
        yield "Data", self.data_text
        yield "Networks", "; ".join(_distinct(experiment.arms, lambda arm: arm.network.describe()))
        yield "Starts", "; ".join(_distinct(experiment.arms, lambda arm: repr(arm.weights)))
        if experiment.iterations:
            yield "Optimizer", _optimizers(experiment.arms)
            yield "Batches", _batches(experiment)
            yield "Updates", f"{experiment.iterations:,}"
        yield "Runs", f"{experiment.runs} ({len(experiment.arms)} arms x {len(experiment.seeds)} seeds)"
        yield "Seeds", ", ".join(map(str, experiment.seeds))
        yield (
            "Random numbers",
            "isogain.draw" if experiment.stream == "isogain" else "numpy.random.seed, randn",
        )
        yield "Precision", experiment.dtype
        yield "Intervals", METHOD
        yield "Source", experiment.source
        yield (
            "Versions",
            (
                f"isogain {__version__} (lab engine {self.engine}), torch {version('torch')}, "
                f"numpy {version('numpy')}, Python {platform.python_version()}"
            ),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about these runs."""
        if not self.is_reduced:
            return ()
        count, updates = len(self.experiment.seeds), self.experiment.iterations
        length = f" and {updates:,} updates" if updates else ""
        return (
            f"A shortened version: {count} seeds{length}. "
            f"`isogain lab run {self.experiment.name}` runs it in full.",
        )


def _distinct(arms: Sequence[Arm], text: Callable[[Arm], str]) -> list[str]:
    return list(dict.fromkeys(text(arm) for arm in arms))


def _optimizers(arms: Sequence[Arm]) -> str:
    rates = ", ".join(f"{rate:g}" for rate in sorted({arm.learning_rate for arm in arms}))
    parts = [f"SGD, learning rate {rates}"]
    for text, values in (
        ("momentum", {arm.momentum for arm in arms} - {0.0}),
        ("gradients clipped to norm", {arm.gradient_norm for arm in arms} - {None}),
        ("weights clipped to ±", {arm.weight_limit for arm in arms} - {None}),
    ):
        if values:
            parts.append(f"{text} {', '.join(f'{value:g}' for value in sorted(map(float, values)))}")  # type: ignore[arg-type]
    return "; ".join(parts)


def _batches(experiment: Experiment) -> str:
    if experiment.batches.size is None:
        return "all training examples, every update"
    how = "drawn with replacement" if experiment.batches.replacement else "from a shuffled pack"
    return f"{experiment.batches.size}, {how}, the same for every arm of a seed"
