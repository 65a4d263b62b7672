"""Figure 6-14 and its sigmoid and tanh siblings, forwards and backwards, beside the theory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.core.activations import activation
from isogain.core.initializers import Normal
from isogain.jobs.statistics import interval, intervals
from isogain.lab.axes import Axes
from isogain.lab.datasets import Dataset
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.lab.registry import Study, register
from isogain.lab.results import Results
from isogain.lab.spec import Arm, Batches, Experiment, Network, Record, Reduction
from isogain.lab.studies.common import CLASSIC_STARTS, HE, LECUN, SMALL, claim, listed, number, outcome

UNIT = "std 1"
STARTS = {UNIT: Normal(1.0), **CLASSIC_STARTS}
ACTIVATIONS = ("sigmoid", "tanh", "relu")
LAYERS = 5
BINS = (-1.0, 1.0, 60)
"""As in the figures: thirty bins between 0 and 1, and as many for what tanh has below."""
STANDARD_ERRORS = 3.0
MOST_HISTOGRAMS = 12
"""Layers whose histograms stand side by side; more cannot be told apart."""

EXPERIMENT = Experiment(
    name="activation-distributions",
    title="What five layers do to a signal",
    question=(
        "How do activations and gradients spread over five layers, for each activation and each scale "
        "of the initial weights?"
    ),
    source="Saitō, Deep Learning from Scratch (2016), figures 6-10 to 6-14; backward pass added",
    arms=tuple(
        Arm(
            f"{name}, {label}",
            Network((100,) * (LAYERS + 1), name, loss="probe", bias=False),
            weights,
            keys=(("activation", name), ("start", label)),
        )
        for name in ACTIVATIONS
        for label, weights in STARTS.items()
    ),
    data="gaussian",
    batches=Batches(None),
    iterations=0,
    seeds=tuple(range(20)),
    record=Record(loss="no", layers_at=(0,), histogram_bins=BINS),
    dtype="float64",
    reduction=Reduction(seeds=10),
)


@dataclass(frozen=True)
class LayerTheory:
    """What an infinitely wide layer does."""

    mean: float
    std: float
    gradient_std: float


def theory(arm: Arm) -> list[LayerTheory]:
    """q_1 = n s^2, q_(l+1) = n s^2 E[phi(u)^2], u ~ N(0, q_l); gradients with E[phi'^2], from the end."""
    sizes = arm.network.sizes
    variances = [
        arm.weights.law(shape, layout="out in").std ** 2 for shape in zip(sizes[1:], sizes, strict=False)
    ]
    phi = activation(arm.network.activation)
    moments, second = [], 1.0
    for inputs, variance in zip(sizes, variances, strict=False):
        moments.append(phi.moments(inputs * variance * second))
        second = moments[-1].second.value
    gradients, gradient = [], 1.0
    for layer, outputs, variance in zip(*map(reversed, (moments, sizes[1:], variances)), strict=True):
        gradient *= layer.slope_second.value
        gradients.append(math.sqrt(gradient))
        gradient *= outputs * variance
    return [
        LayerTheory(layer.mean.value, math.sqrt(layer.variance), back)
        for layer, back in zip(moments, reversed(gradients), strict=True)
    ]


def vary(study: Study, axes: Axes, data: Dataset) -> Study:
    """The figures for networks and starts of one's own: a setting stands where an activation stood."""
    arms = tuple(
        Arm(
            f"{point.setting}, {point.start}",
            Network(
                (data.features, *[point.width] * point.depth), point.activation, loss="probe", bias=False
            ),
            point.law, keys=(("activation", point.setting), ("start", point.start)),
        )
        for point in axes.points(100, LAYERS, ("relu",), STARTS)
    )  # fmt: skip
    return Study(replace(study.experiment, arms=arms), analyse_varied)


def analyse_varied(results: Results) -> Outcome:
    """Breadths beside the theory, and every histogram that a page can hold."""
    charts = [_breadth_chart(results, "forward"), _breadth_chart(results, "backward")]
    shown = [name for name in results.values("activation") if _depth(results, name) <= MOST_HISTOGRAMS]
    charts += [_histograms(results, name) for name in shown]
    return outcome(results, _answer_varied(results), charts, [_table(results), _means(results)])


def _depth(results: Results, name: str) -> int:
    return max(arm.network.depth for arm in results.where(activation=name))


def _answer_varied(results: Results) -> str:
    """Of each setting the start that comes closest to keeping the signal's breadth."""
    parts = []
    for name in results.values("activation"):
        kept = {start: _ratio(results, name, start) for start in results.values("start")}
        best = min(kept, key=lambda start: abs(math.log(kept[start])) if kept[start] > 0 else math.inf)
        parts.append(f"{name}: {best} keeps the breadth best (last to first layer {kept[best]:.3g})")
    return "; ".join(parts) + "."


@register(EXPERIMENT, vary)
def analyse(results: Results) -> Outcome:
    """The figure, measured and predicted, and what each start does to the signal's breadth."""
    table = _table(results)
    charts = [_breadth_chart(results, "forward"), _breadth_chart(results, "backward")]
    charts += [_histograms(results, name) for name in results.values("activation")]
    return outcome(
        results, _answer(results), charts, [table, _means(results)], _claims(results), _notes(results)
    )


def _ratio(results: Results, name: str, start: str, side: str = "forward") -> float:
    """How much wider the far end is: last over first layer forwards, first over last backwards."""
    (arm,) = results.where(activation=name, start=start)
    stds = results.stack(arm, f"{side}.std")[:, 0].mean(0)
    return float(stds[-1] / stds[0] if side == "forward" else stds[0] / stds[-1])


def _about(factor: float) -> str:
    """Two digits, written out: 4.1, 2,400."""
    digits = 1 - math.floor(math.log10(factor))
    return f"{round(factor, digits):,.{max(digits, 0)}f}"


def _answer(results: Results) -> str:
    kept = {start: _ratio(results, "relu", start) for start in results.values("start")}
    best = min(kept, key=lambda start: abs(math.log(kept[start])))
    changes = [
        f"{start} {'multiplies' if ratio > 1 else 'divides'} it by {_about(max(ratio, 1 / ratio))}"
        for start, ratio in kept.items()
        if start != best
    ]
    return (
        f"With ReLU, {best} comes closest to keeping the signal's breadth over {LAYERS} layers "
        f"(last to first: {kept[best]:.2f}); {listed(changes)}."
    )


def _rows(results: Results) -> Iterator[dict[str, Any]]:
    for arm in results.experiment.arms:
        expected = theory(arm)
        for layer in range(arm.network.depth):
            yield {
                "activation": arm.key("activation"),
                "start": arm.key("start"),
                "layer": layer + 1,
                **_against(results, arm, "forward.mean", layer, expected[layer].mean, "mean"),
                **_against(results, arm, "forward.std", layer, expected[layer].std, "std"),
                **_against(results, arm, "backward.std", layer, expected[layer].gradient_std, "gradient"),
            }


def _against(results: Results, arm: Arm, name: str, layer: int, expected: float, key: str) -> dict[str, Any]:
    """Measured with its interval, theory, and how many standard errors lie between."""
    values = results.stack(arm, name)[:, 0, layer]
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    distance = (values.mean() - expected) / error if error else 0.0
    return {**interval(values).columns(key), f"{key}_theory": expected, f"{key}_errors": number(distance)}


def _table(results: Results) -> Table:
    columns = [
        Column("activation", "activation", ""),
        Column("start", "start", ""),
        Column("layer", "layer", "d"),
    ]
    for key, label in (("mean", "mean"), ("std", "std"), ("gradient", "gradient std")):
        columns.append(Column(key, label, ".3g", f"{key}_low", f"{key}_high"))
        columns.append(Column(f"{key}_theory", f"{label}, theory", ".3g"))
        columns.append(Column(f"{key}_errors", "s.e. apart", ".1f"))
    return Table(
        "Activations and gradients, layer by layer, beside the theory of infinitely wide layers",
        tuple(columns),
        tuple(_rows(results)),
        note="s.e. apart: from theory to measured, in standard errors of the mean over seeds.",
    )


def _means(results: Results) -> Table:
    """The shares of zeros and of saturated units, which scales do not all change."""
    rows = [
        {
            "activation": arm.key("activation"),
            "start": arm.key("start"),
            "layer": layer + 1,
            **interval(results.stack(arm, "forward.zeros")[:, 0, layer]).columns("zeros"),
            **interval(results.stack(arm, "forward.saturated")[:, 0, layer]).columns("outside"),
        }
        for arm in results.experiment.arms
        for layer in (0, arm.network.depth - 1)
        if arm.key("activation") != "tanh"
    ]
    columns = (
        Column("activation", "activation", ""),
        Column("start", "start", ""),
        Column("layer", "layer", "d"),
        Column("zeros", "share of exact zeros", ".1%", "zeros_low", "zeros_high"),
        Column("outside", "share outside [.05, .95]", ".1%", "outside_low", "outside_high"),
    )
    return Table("Zeros and saturation", columns, tuple(rows))


def _breadth_chart(results: Results, side: str) -> Chart:
    rows: list[dict[str, Any]] = []
    for arm in results.experiment.arms:
        keys = {"start": arm.key("start"), "activation": arm.key("activation")}
        expected = theory(arm)
        for layer in range(arm.network.depth):
            measured = results.stack(arm, f"{side}.std")[:, 0, layer]
            band = dict(zip(("low", "high"), _factors(measured), strict=True))
            predicted = expected[layer].std if side == "forward" else expected[layer].gradient_std
            rows.append({"x": layer + 1, "y": float(measured.mean()), **band, "series": "measured", **keys})
            rows.append(
                {"x": layer + 1, "y": predicted, "low": None, "high": None, "series": "theory", **keys}
            )
    what = "activations" if side == "forward" else "gradients dL/dz"
    return Chart(
        "lines",
        f"Breadth of the {what}, layer by layer",
        tuple(rows),
        x="x",
        y="y",
        x_title="layer",
        y_title=f"standard deviation of the {what}",
        color="start",
        color_title="initial weights",
        dash="series",
        low="low",
        high="high",
        facet_column="activation",
        log_y=True,
        order=tuple(results.values("start")),
        caption=(
            "Solid: measured, mean over seeds with the 95 % interval of its logarithm. "
            "Dashed: theory for infinite width."
        ),
        alt=f"Standard deviation of {what} over layers, for every start and activation.",
    )


def _factors(values: NDArray[Any]) -> tuple[float | None, float | None]:
    """Ends of the interval of a scale's logarithm: on a log axis as far up as down, and never below 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _, low, high = intervals(np.log(values))
        return number(np.exp(low)), number(np.exp(high))


def _histograms(results: Results, name: str) -> Chart:
    """The figure itself: one draw (the first seed), all layers on the axes of the book's figures."""
    seed = results.experiment.seeds[0]
    least = 0.0 if name.partition(",")[0] in ("relu", "sigmoid") else -1.0
    rows = [
        {"x": low, "x2": high, "y": share, "layer": f"layer {layer + 1}", "start": arm.key("start")}
        for arm in results.where(activation=name)
        for layer in range(arm.network.depth)
        for low, high, share in _bins(results.runs[arm.label, seed], layer)
        if low > least - 1e-9
    ]
    return Chart(
        "histograms",
        f"Activations of {name}, layer by layer",
        tuple(rows),
        x="x",
        x2="x2",
        y="y",
        x_title="activation",
        y_title="share",
        facet_row="start",
        facet_column="layer",
        caption=(
            f"Shares of the activations of a layer, seed {seed}. All panels share both axes: what is "
            f"piled up at one place, what drifts towards 0, and what is spread. {_beyond(results, name)}"
        ),
        alt=f"Histograms of the activations of {name} layers for every start.",
    )


def _beyond(results: Results, name: str) -> str:
    """Which starts put how much beyond the axis in the last layer."""
    seed = results.experiment.seeds[0]
    shares = {
        arm.key("start"): float(results.runs[arm.label, seed]["histogram.forward.beyond"][0, -1])
        for arm in results.where(activation=name)
    }
    found = [f"{share:.0%} with {start}" for start, share in shares.items() if share > 0.005]
    return f"Beyond the axis lie, in the last layer, {listed(found)}." if found else ""


def _bins(run: Any, layer: int) -> Iterator[tuple[float, float, float]]:
    counts, edges = run["histogram.forward.counts"][0, layer], run["histogram.forward.edges"][0, layer]
    inside = 1 - float(run["histogram.forward.beyond"][0, layer])
    shares = counts / max(counts.sum(), 1) * inside
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True)


def _claims(results: Results) -> list[Claim]:
    small, xavier, he = (_ratio(results, "relu", start) for start in (SMALL, LECUN, HE))
    back = _ratio(results, "relu", SMALL, "backward")
    zeros = [results.stack(arm, "forward.zeros")[:, 0].mean() for arm in results.where(activation="relu")]
    return [
        claim(
            "ReLU at std 0.01: signals, and so gradients, vanish",
            [small < 0.1, back < 0.1],
            f"breadth of layer {LAYERS} over layer 1: {small:.2g}; of the gradient, backwards: {back:.2g}",
        ),
        claim(
            "ReLU with the book's Xavier: the bias towards 0 grows with depth",
            [xavier < 0.8],
            f"breadth of layer {LAYERS} over layer 1: {xavier:.2f}",
        ),
        claim(
            "ReLU with He: the same breadth in every layer",
            [abs(math.log(he)) < math.log(1.25)],
            f"breadth of layer {LAYERS} over layer 1: {he:.2f}",
        ),
        claim(
            "The share of zeros of a bias-free ReLU network says nothing about its scale",
            [max(zeros) - min(zeros) < 0.01],
            f"mean share of zeros by start: {', '.join(f'{share:.1%}' for share in zeros)}",
        ),
        _relu_theory_claim(results),
        _smooth_theory_claim(results),
    ]


def _relu_theory_claim(results: Results) -> Claim:
    keys = ("mean_errors", "std_errors", "gradient_errors")
    rows = [row for row in _rows(results) if row["activation"] == "relu"]
    distances = [abs(row[key]) for row in rows for key in keys if row[key] is not None]
    inside = [distance < STANDARD_ERRORS for distance in distances]
    return claim(
        f"ReLU: means and breadths lie within {STANDARD_ERRORS:.0f} standard errors of infinite-width theory",
        inside,
        f"{sum(inside)} of {len(inside)} do; the farthest is {max(distances, default=0):.1f} off",
        settled=bool(distances),
    )


def _smooth_theory_claim(results: Results) -> Claim:
    """Theory for infinite width is off by order 1 / width where q enters nonlinearly: told in percent."""
    rows = [row for row in _rows(results) if row["activation"] != "relu"]
    keys = ("std", "gradient")
    off = [abs(row[key] / row[f"{key}_theory"] - 1) for row in rows for key in keys]
    return claim(
        "Sigmoid and tanh: width 100 is wide enough for the theory's breadths to hold to 5 %",
        [distance < 0.05 for distance in off],
        f"largest distance {max(off):.1%}, typical (median) {np.median(off):.1%}",
    )


def _notes(results: Results) -> list[str]:
    return [
        "The bins cover (0, 1) as in the original figures, and (-1, 1) for tanh; ReLU's values above 1 are "
        "counted, and told below the figure.",
        "Backwards, a gradient of N(0, 1) is put in at the last layer's activations, whatever the weights.",
    ]
