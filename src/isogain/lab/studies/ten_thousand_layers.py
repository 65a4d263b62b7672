"""How deep a plain ReLU network trains with nothing but its start: mirrored orthogonal against He."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from isogain.core.constructions.orthogonals import MirroredOrthogonal
from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.errors import LabError
from isogain.lab.axes import Point
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import CHANCE_LOSS, CHANCE_RULE, claim, curve, outcome
from isogain.lab.studies.varied import Usual, along
from isogain.theory import deep_start

WIDTH = 64
DEPTHS = (10, 100, 1000, 10_000)
HE_UP_TO = 1000
"""He's start is not followed deeper: what it loses in these layers does not come back in more."""
RATE = 0.2
"""Times 1 / depth: all layers of an isometry move its output together, so their steps add up."""
CHANCE = 0.2
"""Test accuracies below this count as not having learnt: guessing among ten gives .1."""
TRAINED = 0.9
LOST_FROM = 1000
"""Layers from which He's start is said to fail at this width: ln q strays by 5 depth / width."""
HE, MIRRORED = "He", "mirrored orthogonal"


def _arms(depth: int) -> tuple[Arm, ...]:
    """The starts at one depth, trained alike."""
    network = Network((64, *(WIDTH,) * depth, 10), "relu")
    made = {MIRRORED: _mirrored(network), HE: _trained(network, get("he_normal"))}
    starts = (HE, MIRRORED) if depth <= HE_UP_TO else (MIRRORED,)
    return tuple(
        replace(made[name], label=f"{name}, {depth} layers", keys=(("depth", depth), ("start", name)))
        for name in starts
    )


def _trained(network: Network, weights: Initializer) -> Arm:
    return Arm("", network, weights, RATE / network.hidden, 0.9)


def _mirrored(network: Network) -> Arm:
    """Mirrored orthogonal matrices at the gains of this depth; LabError for an activation without them."""
    start = deep_start(network.activation, depth=network.hidden, width=network.sizes[1])
    if start.kind != "mirrored":
        raise LabError(f"starts: {network.activation} has no mirrored start; name others, such as he_normal")

    def mirrored(position: str, gain: float) -> MirroredOrthogonal:
        return MirroredOrthogonal(network.activation, position, gain)

    return replace(
        _trained(network, mirrored("hidden", start.gain)),
        input_weights=mirrored("first", start.first_gain),
        output_weights=mirrored("last", start.last_gain),
    )


def _varied(point: Point, network: Network) -> dict[str, Arm]:
    own = point.start == MIRRORED
    return {"": _mirrored(network) if own else _trained(network, point.law)}


EXPERIMENT = Experiment(
    name="ten-thousand-layers",
    title="Ten thousand layers",
    question="How deep can a plain network be, without normalization or skip connections, and still train?",
    source="Balduzzi et al. 2017, section 4 (looks-linear); He et al. 2015",
    arms=tuple(arm for depth in DEPTHS for arm in _arms(depth)),
    data="digits-standard",
    batches=Batches(128),
    iterations=150,
    seeds=(0,),
    record=Record(loss="before", evaluate_at=(0, 150), evaluate_train=300, test_at_end=True, layers_at=(0,)),
    reduction=Reduction(seeds=1, iterations=100, leave_out=tuple(arm.label for arm in _arms(10_000))),
)


@dataclass(frozen=True)
class Reached:
    """What became of one arm; means over seeds, NaN where a run had none."""

    start: str
    depth: int
    accuracy: float
    loss: float
    forward: float
    """Standard deviation of the last hidden layer's values at the start."""
    backward: float
    """Standard deviation of the loss's gradient at the first hidden layer, at the start."""

    @property
    def told(self) -> str:
        return f"{self.accuracy:.3f} at {self.depth:,}"


USUAL = Usual(WIDTH, DEPTHS[0] + 1, ("relu",), {HE: get("he_normal"), MIRRORED: get("orthogonal")})
"""The second by its name: its law is that of the network it starts."""


@register(EXPERIMENT, along(USUAL, _varied))
def analyse(results: Results) -> Outcome:
    """Test accuracy and training loss over depth, and what is left of the signal at the last layer."""
    reached = [_reached(results, arm) for arm in results.experiment.arms]
    note = (
        f"Every network is {WIDTH} units wide and trained alike: SGD with momentum 0.9 at learning rate "
        f"{RATE:g} / depth, no normalization, no skip connections."
    )
    charts = [_losses(results), _accuracies(reached)]
    return outcome(results, _answer(reached), charts, [_table(reached)], _claims(reached), notes=(note,))


def _reached(results: Results, arm: Arm) -> Reached:
    def mean(measure: str, place: int) -> float:
        values = results.stack(arm, measure)
        return float(np.mean(values.reshape(len(values), -1)[:, place]))

    return Reached(
        str(arm.key("start")), int(arm.key("depth")), float(np.nan_to_num(mean("test.accuracy", -1))),
        mean("loss", -1), mean("forward.std", -1), mean("backward.std", 0),
    )  # fmt: skip


def _of(reached: list[Reached], start: str) -> list[Reached]:
    return sorted((each for each in reached if each.start == start), key=lambda each: each.depth)


def _deepest(reached: list[Reached]) -> int:
    """The deepest of these networks that trained; 0 where none did."""
    return max((each.depth for each in reached if each.accuracy >= TRAINED), default=0)


def _answer(reached: list[Reached]) -> str:
    mirrored, he = _of(reached, MIRRORED), _deepest(_of(reached, HE))
    against = f"the deepest that does with He's has {he:,}" if he else "with He's start none does"
    deepest = mirrored[-1]
    return (
        f"With {deepest.depth:,} layers, started mirrored, a plain network gets {deepest.accuracy:.1%} of "
        f"the test digits right. Networks started so reach {TRAINED:.0%} up to {_deepest(mirrored):,} "
        f"layers; {against}."
    )


def _losses(results: Results) -> Chart:
    rows = [
        row
        for arm in results.experiment.arms
        for row in curve(
            results.stack(arm, "loss"),
            np.arange(results.experiment.iterations),
            start=arm.key("start"),
            depth=f"{arm.key('depth'):,} layers",
        )
    ]
    return Chart(
        "lines", "Training loss", tuple(rows), "x", "y", "updates", "loss", color="start",
        color_title="start", facet_column="depth", low="low", high="high", rules=(CHANCE_RULE,),
        caption=f"Loss of each update's own batch; guessing costs ln 10 = {CHANCE_LOSS:.3f}.",
        alt="Training loss: mirrored networks learn at every depth, He networks at small depths only.",
    )  # fmt: skip


def _accuracies(reached: list[Reached]) -> Chart:
    points = tuple({"x": each.depth, "y": each.accuracy, "start": each.start} for each in reached)
    return Chart(
        "lines", "Test accuracy over depth", points, "x", "y", "layers", "test accuracy", color="start",
        color_title="start", log_x=True, rules=(Rule(0.1, "guessing"),),
        alt="Test accuracy over depth: flat for mirrored orthogonal starts, falling to chance for He's.",
    )  # fmt: skip


def _table(reached: list[Reached]) -> Table:
    columns = (
        Column("start", "start", ""),
        Column("depth", "layers", ",d"),
        Column("accuracy", "test accuracy", ".3f"),
        Column("loss", "last training loss", ".3f"),
        Column("forward", "std of the last hidden layer, at the start", ".2e"),
        Column("backward", "std of the first layer's gradient, at the start", ".2e"),
    )
    rows = tuple({name: _cell(value) for name, value in asdict(each).items()} for each in reached)
    return Table("Signals at the start, and what came of them", columns, rows)


def _cell(value: str | float) -> str | float | None:
    return value if isinstance(value, str) or np.isfinite(value) else None


def _claims(reached: list[Reached]) -> list[Claim]:
    mirrored, he = _of(reached, MIRRORED), _of(reached, HE)
    lost = [each.accuracy <= CHANCE for each in he if each.depth >= LOST_FROM]
    return [
        claim(
            "Started mirrored orthogonal, a plain ReLU network trains at every depth",
            [each.accuracy >= TRAINED for each in mirrored],
            ", ".join(each.told for each in mirrored),
        ),
        claim(
            f"He's start does not train {LOST_FROM:,} plain layers of this width",
            lost,
            ", ".join(each.told for each in he),
        ),
    ]
