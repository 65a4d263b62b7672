"""Predictions and advice as Outcomes, which the page and the terminal know how to show."""

from __future__ import annotations

import math

from isogain._version import __version__
from isogain.core.activations import Activation, activation
from isogain.core.initializers import DeltaOrthogonal, Initializer, Normal, Orthogonal, VarianceScaling
from isogain.lab.outcome import Chart, Column, Outcome, Table
from isogain.theory import Advice, CriticalPoint, FixedPoint, PhaseDiagram, Prediction, phase_diagram, predict
from isogain.theory.pairs import TheoryError
from isogain.theory.predicted import picked, widths_text

__all__ = ["advice_outcome", "advised_prediction", "diagram_outcome", "prediction_outcome", "theory_outcome"]

DEEPEST = 1000.0
"""Trainable depths are drawn up to this."""
CELLS = 24
FOLLOWED = 200
"""Layers of an advised network that are drawn."""


def prediction_outcome(prediction: Prediction) -> Outcome:
    """What a notebook shows of a prediction: its curves, and a dozen of its layers."""
    what = f"{prediction.depth} {prediction.activation} layers of {widths_text(prediction.widths)}"
    return Outcome(
        "theory", f"{what}, in theory", "What do the first signals and gradients do?",
        prediction.verdict, tuple(_curves(prediction)), (_layer_table(prediction),),
        notes=prediction.assumptions,
    )  # fmt: skip


def diagram_outcome(diagram: PhaseDiagram) -> Outcome:
    """What a notebook shows of a phase diagram: the picture, at most so many places a side."""
    title = f"{diagram.activation}: how deep a plain network trains"
    answer = "The ridge of large depths is the edge of chaos, between the ordered and the chaotic phase."
    return Outcome(
        "phase-diagram", title, "How deep does a network train, by the scales of weights and biases?",
        answer, (_depths(diagram),), (),
    )  # fmt: skip


def theory_outcome(phi: Activation, point: CriticalPoint, prediction: Prediction) -> Outcome:
    """What `isogain theory` shows of one activation and one network."""
    charts = [*_curves(prediction), *_diagram(phi, prediction)]
    return Outcome(
        experiment=f"theory-{phi.name}",
        title=f"{phi} in theory",
        question=(
            f"What do the first signals of {prediction.depth} layers of {widths_text(prediction.widths)} "
            f"{phi} units do"
            f"{'' if prediction.structure.plain else f', with {prediction.structure}'}?"
        ),
        answer=f"{point} {prediction.verdict} {_course(prediction)}",
        charts=tuple(charts),
        tables=(_layer_table(prediction), _moment_table(phi)),
        settings={
            "weights": f"{prediction.weights}, variance {prediction.weight_variance:.6g} / fan_in",
            "biases": f"variance {prediction.bias_variance:.6g}",
            **({"layers": str(prediction.structure)} if not prediction.structure.plain else {}),
            **({"settles at": _fixed_point(point_)} if (point_ := prediction.fixed_point) else {}),
            "isogain": __version__,
        },
        command=_theory_command(phi, prediction),
        notes=prediction.assumptions,
    )


def _theory_command(phi: Activation, prediction: Prediction) -> str:
    """The line that repeats it."""
    structure = prediction.structure
    parts = ["isogain theory", phi.name, f"--depth {prediction.depth}", f"--width {prediction.widths[0]}"]
    parts += [f"--set {key}={value:g}" for key, value in phi.parameters]
    parts += [f"--weights {prediction.weights}"] if prediction.weights != "gaussian" else []
    parts += [
        f"--weight-variance {prediction.weight_variance!r}",
        f"--bias-variance {prediction.bias_variance!r}",
    ]
    parts += [f"--normalization {structure.normalization}"] if structure.normalization else []
    parts += [f"--residual {structure.residual!r}"] if structure.residual is not None else []
    parts += [f"--dropout {structure.dropout:g}"] if structure.dropout else []
    if structure.kernel:
        parts += [f"--kernel {structure.kernel}", "--size " + "x".join(map(str, structure.size))]
        parts += [f"--padding {structure.padding}"]
    return " ".join(parts)


def _course(prediction: Prediction) -> str:
    """From which variance to which: the fixed point is where it goes, not where it is."""
    first, last = prediction.layers[0].typical_variance, prediction.layers[-1].typical_variance
    return (
        f"Inputs of variance {prediction.input_variance:.4g} put the typical network at q = {first:.3g} in "
        f"its first layer and at {last:.3g} in its last."
    )


def _fixed_point(point: FixedPoint) -> str:
    scales = (point.variance_depth, point.correlation_depth, point.gradient_depth)
    depths = ", ".join(
        f"{name} {scale:.4g}"
        for name, scale in zip(("variance", "correlation", "gradient"), scales, strict=True)
    )
    return (
        f"variance {point.variance:.4g}, correlation {1 - point.distance:.4g} ({point.phase}); "
        f"depth scales in layers: {depths}"
    )


def _curves(prediction: Prediction) -> list[Chart]:
    rows = tuple(
        {
            "layer": one.layer,
            "variance": one.typical_variance,
            "variance_low": one.variance_band[0],
            "variance_high": one.variance_band[1],
            "gradient": one.typical_gradient_variance,
            "gradient_low": one.gradient_band[0],
            "gradient_high": one.gradient_band[1],
            "correlation": one.correlation,
            "correlation_low": one.correlation_band[0] if one.correlation_band else None,
            "correlation_high": one.correlation_band[1] if one.correlation_band else None,
        }
        for one in prediction.layers
    )
    band = "The line is the typical network (exp of the mean of ln q), the band holds 95 % of such networks."

    def chart(key: str, title: str, y_title: str, log: bool, caption: str) -> Chart:
        return Chart(
            "lines", title, rows, "layer", key, "layer", y_title,
            low=f"{key}_low", high=f"{key}_high", log_y=log, caption=caption,
            alt=f"{title}, layer by layer, from {rows[0][key]:.3g} to {rows[-1][key]:.3g}, with a 95 % band.",
        )  # fmt: skip

    return [
        chart("variance", "Forward: typical variance of the pre-activations", "typical variance", True, band),
        chart("gradient", "Backward: typical variance of the gradient", "relative to the last layer", True,
              band),
        chart("correlation", "Correlation of two unlike inputs", "correlation", False,
              "1 means that the network no longer tells inputs apart. The line is that of infinite width; "
              "the band holds 95 % of networks of this width, and ends with its claim."),
    ]  # fmt: skip


def _diagram(phi: Activation, prediction: Prediction) -> list[Chart]:
    """Trainable depth of plain networks around this one's place, as a heatmap."""
    if not prediction.structure.plain:
        return []
    weight, bias = math.sqrt(prediction.weight_variance), math.sqrt(prediction.bias_variance)
    try:
        found = phase_diagram(phi, (weight / 2, 2 * weight), (0.0, max(1.0, 2 * bias)), CELLS)
    except TheoryError:
        return []
    return [_depths(found)]


def _depths(diagram: PhaseDiagram) -> Chart:
    """The diagram as a heatmap of layers, at most so many places a side."""
    rows = tuple(
        {
            "weight_std": f"{diagram.weight_std[j]:.2f}", "bias_std": f"{diagram.bias_std[i]:.2f}",
            "depth": max(min(diagram.trainable_depth[i][j], DEEPEST), 1.0),
        }
        for i in _spread(len(diagram.bias_std)) for j in _spread(len(diagram.weight_std))
    )  # fmt: skip
    title = "Trainable depth by scale of weights and biases"
    caption = f"Six correlation depths, in layers, up to {DEEPEST:.0f}; the ridge is the edge of chaos."
    return Chart(
        "heatmap", title, rows, "weight_std", "bias_std", "sqrt(fan_in Var[w])", "std of biases",
        value="depth", value_title="layers", log_value=True, caption=caption,
        alt=f"{title}: a ridge of large depths separates the ordered from the chaotic phase.",
    )  # fmt: skip


def _spread(count: int) -> list[int]:
    """At most CELLS places, evenly spread."""
    some = min(count, CELLS)
    return sorted({round(k * (count - 1) / max(some - 1, 1)) for k in range(some)})


def _layer_table(prediction: Prediction) -> Table:
    rows = tuple(
        {
            "layer": one.layer,
            "variance": one.typical_variance,
            "low": one.variance_band[0],
            "high": one.variance_band[1],
            "correlation": one.correlation,
            "gradient": one.typical_gradient_variance,
            "gradient_low": one.gradient_band[0],
            "gradient_high": one.gradient_band[1],
        }
        for one in picked(prediction.layers)
    )
    columns = (
        Column("layer", "layer", "d"),
        Column("variance", "typical variance", ".3g", "low", "high"),
        Column("correlation", "correlation", ".4f"),
        Column("gradient", "typical gradient variance", ".3g", "gradient_low", "gradient_high"),
    )
    note = (
        "Typical: exp of the mean of ln q over networks of this width; intervals hold 95 % of them. The "
        "mean over networks is larger, as few of them are much larger: .to_frame() has it as `variance`."
    )
    return Table("Layer by layer", columns, rows, note)


def _moment_table(phi: Activation) -> Table:
    moments = phi.moments()
    entries = (
        ("E[φ]", moments.mean), ("E[φ²]", moments.second), ("E[φ⁴]", moments.fourth),
        ("E[φ'²]", moments.slope_second), ("E[φ φ'']", moments.bend),
    )  # fmt: skip
    rows = [{"moment": name, "value": one.value, "error": one.error} for name, one in entries]
    derived = (
        ("gain 1/√E[φ²]", phi.gain()), ("χ at that gain", moments.slope_second.value * phi.gain() ** 2),
        ("κ", moments.kappa), ("S", moments.elasticity),
    )  # fmt: skip
    rows += [{"moment": name, "value": value, "error": None} for name, value in derived]
    columns = (
        Column("moment", "at variance 1"),
        Column("value", "value", ".6f"),
        Column("error", "error below", ".1e"),
    )
    return Table("Moments", columns, tuple(rows))


def _function(advice: Advice) -> Activation:
    """The activation that was asked about, by the name that the situation prints."""
    name, _, inside = advice.situation.activation.partition("(")
    numbers = dict(part.split("=") for part in inside.rstrip(")").split(", ") if part)
    return activation(name, **{key: float(value) for key, value in numbers.items()})


def advised_prediction(advice: Advice) -> Prediction | None:
    """What `predict` says of the start that is advised; None where it has no rule (mirrored weights)."""
    asked, roles = advice.situation, {one.role: one.initializer for one in advice.choices}
    hidden, bias = roles["hidden"], roles.get("bias")
    norm = asked.normalization if asked.normalization in ("batch", "layer", "rms") else None
    if isinstance(hidden, VarianceScaling):
        variance, weights = hidden.scale, "gaussian"
    elif isinstance(hidden, (Orthogonal, DeltaOrthogonal)):
        variance, weights = hidden.gain**2, "orthogonal"
    else:
        return None
    if asked.normalization and norm is None:
        return None
    first = roles.get("first")
    try:
        return predict(
            _function(advice), variance, bias.std**2 if isinstance(bias, Normal) else 0.0,
            min(asked.depth, FOLLOWED), asked.width, weights=weights, pairs=False,  # type: ignore[arg-type]
            input_variance=_first_variance(first) / variance if first else 1.0,
            normalization=norm, residual=asked.depth**-0.5 if asked.residual else None,  # type: ignore[arg-type]
        )  # fmt: skip
    except TheoryError:
        return None


def _first_variance(law: Initializer) -> float:
    """The variance at which a first layer's law puts the pre-activations, for inputs of second moment 1."""
    return float(law.scale if isinstance(law, VarianceScaling) else law.gain**2)  # type: ignore[attr-defined]


def advice_outcome(advice: Advice, prediction: Prediction | None = None) -> Outcome:
    """What `isogain advise` shows."""
    limit = advice.trainable_depth
    reach = "no limit found" if math.isinf(limit) else f"about {limit:.0f} layers"
    numbers = (
        ("signals, factor a layer", f"{advice.gain_per_layer:.4f}"),
        ("gradients, factor a layer on the way back", f"{advice.gradient_gain_per_layer:.4f}"),
        ("trainable depth", f"{reach} ({advice.trainable_reason})"),
    )
    choices = tuple(
        {"role": one.role, "initializer": repr(one.initializer), "reason": one.reason}
        for one in advice.choices
    )
    return Outcome(
        experiment="advise",
        title=f"Advice: {advice.situation}",
        question=f"Which initial weights suit {advice.situation}?",
        answer=f"{advice.method[0].upper()}{advice.method[1:]}.",
        charts=tuple(_curves(prediction)[:2]) if prediction else (),
        tables=(
            Table("What to use", (Column("role", "role"), Column("initializer", "initializer"),
                                  Column("reason", "because")), choices),
            Table("What to expect", (Column("what", "of"), Column("number", "expected")),
                  tuple({"what": what, "number": number} for what, number in numbers)),
            Table("Questions", (Column("question", "question"), Column("answer", "answer")),
                  tuple({"question": one.question, "answer": one.answer} for one in advice.answers)),
        ),
        settings={key: str(value) for key, value in advice.situation.to_dict().items()},
        command=_command(advice),
        notes=(
            *(f"Warning: {text}." for text in advice.warnings),
            *(f"Or: {text}." for text in advice.alternatives),
        ),
    )  # fmt: skip


def _command(advice: Advice) -> str:
    one = advice.situation
    parts = ["isogain advise --activation", one.activation.partition("(")[0]]
    parts += ["--depth", str(one.depth), "--width", str(one.width), "--optimizer", one.optimizer]
    parts += ["--normalization", one.normalization] if one.normalization else []
    parts += ["--residual"] if one.residual else []
    parts += ["--convolutional"] if one.convolutional else []
    return " ".join(parts)
