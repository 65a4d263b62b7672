"""How deep a plain tanh network trains, over the scale of its weights: Schoenholz's experiment."""

from __future__ import annotations

import math

import numpy as np

from isogain.core.activations import activation
from isogain.core.initializers import Normal
from isogain.core.names.catalog import get
from isogain.lab.axes import Point
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import claim, listed, outcome
from isogain.lab.studies.varied import Usual, along
from isogain.theory import FixedPoint, MeanField

WIDTH = 300
DEPTHS = (10, 20, 40, 80)
WEIGHT_VARIANCES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
BIAS_VARIANCE = 0.05
SCALES = 6
"""Networks are expected to train up to this many correlation depths."""
LEARNING_RATE, SHALLOW = 0.001, 40
"""Up to SHALLOW layers this rate trains; beyond, it falls as 1 / depth^2 (`rate_at`)."""
TRAINED, STUCK = 0.5, 0.2
"""Test accuracies above and below which a network counts as one that trains, or does not."""
MARGIN = 1.5
"""Depths within this factor of the boundary are its width, and not counted for or against it."""


def _network(depth: int) -> Network:
    return Network((784, *(WIDTH,) * depth, 10), "tanh")


def rate_at(depth: int) -> float:
    """A learning rate at which networks of this depth do train where signals reach their end.

    In a deep plain network all inputs look alike, and what they share is learnt so fast that a larger rate
    shakes the rest: at the edge of chaos 160 layers stand still at 0.001 and train at a sixteenth of it.
    """
    return LEARNING_RATE * min(1.0, (SHALLOW / depth) ** 2)


EXPERIMENT = Experiment(
    name="trainable-depth",
    title="How deep a network trains",
    question="Does the depth to which a plain network trains follow from its initial weights alone?",
    source="Schoenholz, Gilmer, Ganguli & Sohl-Dickstein 2017, figure 5",
    arms=tuple(
        Arm(
            f"{depth} layers, weight variance {variance:g}",
            _network(depth),
            get("variance_scaling", scale=variance),
            learning_rate=rate_at(depth),
            momentum=0.9,
            bias=Normal(math.sqrt(BIAS_VARIANCE)),
            keys=(("depth", depth), ("weight_variance", variance)),
        )
        for depth in DEPTHS
        for variance in WEIGHT_VARIANCES
    ),
    batches=Batches(32),
    iterations=1000,
    seeds=(0,),
    record=Record(loss="no", evaluate_at=(0, 250, 500, 1000), evaluate_train=500, evaluate_test=1000),
    reduction=Reduction(seeds=1, iterations=100),
)


def fixed_point(variance: float) -> FixedPoint:
    """Where signals of a network of this weight variance settle."""
    return MeanField(activation("tanh"), variance, BIAS_VARIANCE).settle(variance + BIAS_VARIANCE)


def _rated(point: Point, network: Network) -> dict[str, Arm]:
    """With the biases and the rate of its depth."""
    bias = Normal(math.sqrt(BIAS_VARIANCE))
    rate = rate_at(point.depth - 1)
    return {"": Arm("", network, point.law, learning_rate=rate, momentum=0.9, bias=bias)}


USUAL = Usual(
    WIDTH, DEPTHS[0] + 1, ("tanh",),
    {f"weight variance {one:g}": get("variance_scaling", scale=one) for one in WEIGHT_VARIANCES},
)  # fmt: skip


@register(EXPERIMENT, along(USUAL, _rated))
def analyse(results: Results) -> Outcome:
    """Accuracy over depth and weight variance, beside six correlation depths."""
    accuracies = {
        (arm.key("depth"), arm.key("weight_variance")): float(
            np.nan_to_num(results.interval(arm, "test.accuracy").mean)
        )
        for arm in results.experiment.arms
    }
    return outcome(
        results,
        _answer(accuracies),
        [_map(accuracies), _boundary(accuracies)],
        [_table(accuracies)],
        _claims(accuracies),
        notes=(
            f"Trains: test accuracy above {TRAINED:.0%}; does not: below {STUCK:.0%}, after "
            f"{results.experiment.iterations} updates. Biases have variance {BIAS_VARIANCE:g}.",
        ),
    )


Accuracies = dict[tuple[int, float], float]


def _reach(variance: float) -> float:
    """Six correlation depths, in layers."""
    return SCALES * fixed_point(variance).correlation_depth


def _deepest(accuracies: Accuracies, variance: float) -> int:
    """The deepest network of this weight variance that trains; 0 where none does."""
    trained = (d for (d, v), accuracy in accuracies.items() if v == variance and accuracy >= TRAINED)
    return max(trained, default=0)


def _variances(accuracies: Accuracies) -> list[float]:
    return sorted({variance for _, variance in accuracies})


def _answer(accuracies: Accuracies) -> str:
    depths = {variance: _deepest(accuracies, variance) for variance in _variances(accuracies)}
    best, worst = max(depths, key=lambda v: depths[v]), min(depths, key=lambda v: depths[v])
    agree, judged = _judged(accuracies)
    return (
        f"The deepest network that trains has {depths[best]} layers at weight variance {best:g} "
        f"and {depths[worst]} "
        f"at {worst:g}; six correlation depths tell {agree} of {judged} networks rightly (those "
        "well to one side)."
    )


def _judged(accuracies: Accuracies) -> tuple[int, int]:
    """How many networks well inside or outside the boundary do as it says, and how many there are."""
    inside, outside = _within(accuracies), _beyond(accuracies)
    return sum(inside) + sum(outside), len(inside) + len(outside)


def _within(accuracies: Accuracies) -> list[bool]:
    """Whether each network well inside the boundary trains."""
    return [a >= TRAINED for (depth, v), a in accuracies.items() if depth <= _reach(v) / MARGIN]


def _beyond(accuracies: Accuracies) -> list[bool]:
    """Whether each network well outside stands still."""
    return [a <= STUCK for (depth, v), a in accuracies.items() if depth >= _reach(v) * MARGIN]


def _map(accuracies: Accuracies) -> Chart:
    rows = tuple(
        {"weight_variance": f"{variance:g}", "depth": f"{depth:g}", "accuracy": accuracy}
        for (depth, variance), accuracy in accuracies.items()
    )
    return Chart(
        "heatmap",
        "Test accuracy by depth and weight variance",
        rows,
        "weight_variance",
        "depth",
        "weight variance × fan_in",
        "layers",
        value="accuracy",
        value_title="test accuracy",
        alt="Test accuracy: deep networks train only near the edge of chaos.",
    )


def _boundary(accuracies: Accuracies) -> Chart:
    """What trained, over the theory's curve."""
    fine = np.linspace(min(_variances(accuracies)), max(_variances(accuracies)), 61)
    deepest = max(depth for depth, _ in accuracies)
    rows = [
        {"x": float(v), "y": min(_reach(float(v)), 2.0 * deepest), "series": "six correlation depths"}
        for v in fine
    ]
    rows += [
        {"x": v, "y": float(_deepest(accuracies, v)), "series": "deepest that trained"}
        for v in _variances(accuracies)
        if _deepest(accuracies, v)
    ]
    return Chart(
        "lines",
        "The boundary of what trains",
        tuple(rows),
        "x",
        "y",
        "weight variance × fan_in",
        "layers",
        color="series",
        color_title="",
        log_y=True,
        caption=f"The theory's peak is the edge of chaos; it is drawn up to {2 * deepest} layers.",
        alt="The deepest network that trained, and six correlation depths, over the weight variance.",
    )


def _table(accuracies: Accuracies) -> Table:
    rows = tuple(
        {
            "weight_variance": variance,
            "chi": fixed_point(variance).gradient_rate,
            "phase": fixed_point(variance).phase,
            "reach": _reach(variance),
            "deepest": _deepest(accuracies, variance) or None,
        }
        for variance in _variances(accuracies)
    )
    columns = (
        Column("weight_variance", "weight variance", ".3g"),
        Column("phase", "phase", ""),
        Column("chi", "χ₁", ".3f"),
        Column("reach", "6 ξ_c, layers", ".0f"),
        Column("deepest", "deepest that trained", "d"),
    )
    return Table("Theory and training", columns, rows, "An empty cell: no depth of the grid trained.")


def _claims(accuracies: Accuracies) -> list[Claim]:
    inside, outside = _within(accuracies), _beyond(accuracies)
    depths = {variance: _deepest(accuracies, variance) for variance in _variances(accuracies)}
    critical = min(depths, key=lambda v: abs(fixed_point(v).gradient_rate - 1))
    return [
        claim(
            "Networks train to about six correlation depths, and no further",
            [sum(side) >= 0.7 * len(side) > 0 for side in (inside, outside)],
            f"a factor {MARGIN:g} inside the boundary {sum(inside)} of {len(inside)} networks train, "
            f"as far outside {sum(outside)} of {len(outside)} stand still",
        ),
        claim(
            "The deepest trainable networks lie at the edge of chaos",
            [depths[critical] == max(depths.values())],
            f"nearest the edge, weight variance {critical:g}: {depths[critical]} layers; elsewhere "
            + listed([f"{depth} at {v:g}" for v, depth in depths.items() if v != critical]),
        ),
    ]
