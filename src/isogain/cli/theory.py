"""`isogain theory NAME` and `isogain advise`: what the theory says of a network before it is built."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isogain.cli.opening import opened, page_asked
from isogain.cli.options import AsJson, Html, Lang, Open
from isogain.cli.printing import show

if TYPE_CHECKING:
    from isogain.lab.outcome import Outcome
    from isogain.theory import Advice, Prediction

__all__ = ["register"]

SCHEMA = "isogain.theory/1"


class Law(StrEnum):
    """Laws of weights whose spread is predicted."""

    gaussian = "gaussian"
    orthogonal = "orthogonal"


class Normalization(StrEnum):
    """What may stand before every activation."""

    none = "none"
    batch = "batch"
    layer = "layer"
    rms = "rms"
    group = "group"
    instance = "instance"


class PredictedNormalization(StrEnum):
    """Normalizations whose networks are predicted."""

    none = "none"
    batch = "batch"
    layer = "layer"
    rms = "rms"


class Padding(StrEnum):
    """What a convolution sees beyond the edges."""

    zeros = "zeros"
    circular = "circular"


Depth = Annotated[int, typer.Option("--depth", min=1, help="Layers with weights.")]
Width = Annotated[int, typer.Option("--width", min=2, help="Units of every layer.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=NUMBER", help="A parameter of the activation: negative_slope=0.2."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("theory")(theory)
    app.command("advise")(advise)


def theory(
    name: Annotated[str, typer.Argument(help="An activation: relu, tanh, gelu, ...")],
    depth: Depth = 50,
    width: Width = 256,
    weights: Annotated[Law, typer.Option("--weights", help="Law of the weights.")] = Law.gaussian,
    weight_variance: Annotated[
        float | None,
        typer.Option("--weight-variance", help="fan_in Var[w]; the critical point's when not given."),
    ] = None,
    bias_variance: Annotated[
        float | None, typer.Option("--bias-variance", help="Var[b]; the critical point's when not given.")
    ] = None,
    normalization: Annotated[
        PredictedNormalization, typer.Option("--normalization", help="Between weights and activation.")
    ] = PredictedNormalization.none,
    residual: Annotated[
        str | None,
        typer.Option(
            "--residual", metavar="A", help="Layers are x + A * branch(x); 'auto' is 1 / sqrt(depth)."
        ),
    ] = None,
    dropout: Annotated[
        float, typer.Option("--dropout", help="Share of every layer's outputs dropped.")
    ] = 0.0,
    kernel: Annotated[
        int | None,
        typer.Option("--kernel", help="Layers are convolutions of this odd side; --width channels."),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="N[xN]", help="Positions that a convolution sees: 32x32.")
    ] = None,
    padding: Annotated[Padding, typer.Option("--padding", help="At the edges of --size.")] = Padding.zeros,
    parameters: Parameters = None,
    html: Html = None,
    lang: Lang = None,
    open_it: Open = False,
    as_json: AsJson = False,
) -> None:
    """Predict variance, correlation and gradients of every layer, with bands, and how deep one can train.

    Example:  isogain theory gelu --depth 50 --width 256 --html gelu.html

    Example:  isogain theory relu --depth 24 --width 64 --kernel 3 --size 32x32 --residual auto
    """
    from isogain.core.activations import activation
    from isogain.theory import critical_point, predict

    html = page_asked(html, open_it, "theory")
    phi = activation(name, **_numbers(parameters))
    point = critical_point(phi)
    if weight_variance is None and not point.exists:
        weight_variance, bias_variance = 1.0, bias_variance or 0.0
    prediction = predict(
        phi, weight_variance, bias_variance, depth, width, weights=weights.value,
        normalization=None if normalization is PredictedNormalization.none else normalization.value,  # type: ignore[arg-type]
        residual=_scale(residual), dropout=dropout, kernel=kernel, size=_sizes(size), padding=padding.value,
    )  # fmt: skip
    if as_json:
        document = {
            "schema": SCHEMA,
            "moments": _moments(phi),
            "critical_point": point.to_dict(),
            "prediction": prediction.to_dict(),
        }
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    from isogain.report.theory_outcomes import theory_outcome

    _show(theory_outcome(phi, point, prediction), html)
    opened(html, open_it)


def advise(
    activation: Annotated[
        str, typer.Option("--activation", help="An activation: relu, tanh, gelu, ...")
    ] = "relu",
    depth: Depth = 10,
    width: Width = 256,
    normalization: Annotated[
        Normalization, typer.Option("--normalization", help="What stands before every activation.")
    ] = Normalization.none,
    residual: Annotated[bool, typer.Option("--residual", help="The layers are residual blocks.")] = False,
    convolutional: Annotated[
        bool, typer.Option("--convolutional", help="The layers are convolutions.")
    ] = False,
    optimizer: Annotated[str, typer.Option("--optimizer", help="sgd, momentum, adam, adamw, ...")] = "sgd",
    classes: Annotated[int | None, typer.Option("--classes", help="Outputs of a classifier.")] = None,
    weight_clip: Annotated[
        float | None, typer.Option("--weight-clip", help="A bound that training puts on every weight.")
    ] = None,
    html: Html = None,
    lang: Lang = None,
    open_it: Open = False,
    as_json: AsJson = False,
) -> None:
    """Say which initializer each role of a network wants, why, and what to expect of it.

    Example:  isogain advise --activation tanh --depth 50 --width 128 --optimizer adam
    """
    from isogain.theory import advise as ask

    html = page_asked(html, open_it, "advice")
    advice = ask(
        activation, depth, width,
        normalization=None if normalization is Normalization.none else normalization.value,  # type: ignore[arg-type]
        residual=residual, optimizer=optimizer, convolutional=convolutional, classes=classes,
        weight_clip=weight_clip,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(advice.to_dict(), indent=2, allow_nan=False))
        return
    from isogain.report.theory_outcomes import advice_outcome, advised_prediction

    prediction = advised_prediction(advice)
    _print_advice(advice, prediction)
    if html is not None:
        from isogain.report import write_page

        outcome = advice_outcome(advice, prediction)
        page = write_page([outcome], html, title=outcome.title, summary=outcome.answer)
        typer.echo(f"\nPage  {page}")
        opened(page, open_it)


def _print_advice(advice: Advice, prediction: Prediction | None) -> None:
    """Choices with reasons, what to expect with a picture, and the questions with their answers."""
    from rich.padding import Padding

    for line in str(advice).split("\n"):
        text = line.lstrip()
        show(Padding(text, (0, 0, 0, len(line) - len(text))))
    if prediction is not None and len(prediction.layers) > 1:
        show("", *_picture(prediction))
    for one in advice.answers:
        show(f"\n{one.question}", Padding(one.answer, (0, 0, 0, 2)))


def _picture(prediction: Prediction) -> list[str]:
    """Typical size of signals and gradients from the first layer to the last, one line each."""
    from isogain.report.terminal import sparkline

    lines = []
    for name, key in (("signals", "typical_variance"), ("gradients", "typical_gradient_variance")):
        sizes = [math.log(getattr(layer, key)) / 2 for layer in prediction.layers]
        low, high = min(sizes), max(sizes)
        middle, half = (low + high) / 2, max((high - low) / 2, math.log(2))  # a factor 4 fills the line
        picture = sparkline(sizes, middle - half, middle + half)
        lines.append(f"  {name:<10} {picture}  {math.exp(sizes[0]):.3g} to {math.exp(sizes[-1]):.3g}")
    return lines


def _numbers(pairs: list[str] | None) -> dict[str, float]:
    """KEY=NUMBER pairs as a dictionary."""
    numbers = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        try:
            numbers[key.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise typer.BadParameter(f"--set takes KEY=NUMBER, as in negative_slope=0.2; got {pair!r}")
    return numbers


def _scale(text: str | None) -> float | bool | None:
    """The scale of a residual branch: a number, or 'auto'."""
    if text is None or text.lower() == "auto":
        return None if text is None else True
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--residual takes a number or 'auto', got {text!r}") from None


def _sizes(text: str | None) -> tuple[int, ...] | None:
    """32x32 as (32, 32)."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        raise typer.BadParameter(
            f"--size takes whole numbers joined by x, as in 32x32; got {text!r}"
        ) from None


def _moments(phi: Any) -> dict[str, Any]:
    """Moments at variance 1, each with its error bound."""
    moments = phi.moments()
    keys = ("mean", "second", "fourth", "slope", "slope_second", "bend")
    found = {key: getattr(moments, key) for key in keys}
    return {
        "activation": str(phi),
        "gain": phi.gain(),
        **{key: {"value": one.value, "error": one.error} for key, one in found.items()},
        "kappa": moments.kappa,
        "elasticity": moments.elasticity,
    }


def _show(outcome: Outcome, html: Path | None) -> None:
    from isogain.report import print_summary, write_page

    page = None if html is None else write_page([outcome], html, title=outcome.title, summary=outcome.answer)
    print_summary([outcome], page=page)
