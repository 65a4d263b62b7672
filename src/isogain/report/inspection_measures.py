"""What an inspection measured of the whole model: at a glance, in number formats, its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from isogain.graph import family
from isogain.inspect import Report
from isogain.inspect.formats import FORMATS
from isogain.inspect.signals import Backward, Forward
from isogain.inspect.table import LossUse, ParameterState
from isogain.report.inspection_layers import number, span
from isogain.report.words import say

__all__ = ["formats_section", "glance_section", "parameters_section"]


HEADS = ("signals to 0", "signals overflow", "gradients to 0", "gradients overflow")
SHARES = (
    "Shares of the elements that would round to 0 or overflow (float8_e4m3fn: be clipped) without any "
    "scaling, and in parentheses the share in the worst layer."
)


def glance_section(report: Report) -> str:
    """A few numbers that say most."""
    pairs = "".join(f"<div><dt>{say(name)}</dt><dd>{value}</dd></div>" for name, value in _glance(report))
    return (
        f'<section id="glance"><h2>{say("At a glance")}</h2><dl class="glance">{pairs}</dl></section>\n'
        if pairs
        else ""
    )


def _chance(use: LossUse) -> str:
    """What a loss is held against."""
    if use.classes:
        return f"ln {use.classes}"
    if use.kind == "own":
        return escape(say(f"with {', '.join(use.of) or 'one output'} at 0"))
    if math.isfinite(use.constant):
        return say("with the best constant answer")
    return say("variance of the targets")


def _glance(report: Report) -> Iterator[tuple[str, str]]:
    for use in report.table.losses[:3]:
        if math.isfinite(use.value):
            kind = "loss" if use.kind in ("own", "prior") else use.kind
            beside = f"<small>{_chance(use)} = {number(use.chance)}</small>"
            yield escape(kind), f"{number(use.value)} {beside}"
    slopes = report.slopes
    for name, words in (("signal", "signal"), ("gradient", "gradient")):
        if math.isfinite(slopes[name]):
            yield (
                f"{words} along the trunk",
                f"{number(round(slopes[name], 3))} <small>{say('decades a layer')}</small>",
            )
    last = [layer.forward for layer in report.layers if layer.on_trunk and layer.forward]
    ranked = [one.spectrum for one in last if one.spectrum]
    if ranked:
        rank = ranked[-1]
        yield (
            "rank at the end",
            f"{rank.effective_rank:.1f} "
            f"<small>{say(f'effective, {rank.stable_rank:.1f} stable, of {rank.cap}')}</small>",
        )
    known = [one.correlation for one in last if not math.isnan(one.distance)]
    if known:
        yield "correlation between samples", f"{number(round(known[0], 3))} → {_correlation(known[-1])}"
    ratios = sorted(_ratios(report))
    if ratios:
        yield (
            "gradient : weight",
            f"10<sup>{math.log10(ratios[len(ratios) // 2]):.1f}</sup> <small>{say('median')}</small>".replace(
                "-", "−"
            ),
        )
    jacobian = report.table.jacobian
    if jacobian is not None:
        yield (
            f"Jacobian by {escape(jacobian.start)}",
            f"{number(jacobian.frobenius)} ± {number(jacobian.error)} <small>{say('‖J‖² / outputs')}</small>",
        )
        if math.isfinite(jacobian.sigma_max):
            yield "its largest gain", number(jacobian.sigma_max)


def _correlation(value: float) -> str:
    return number(round(value, 3)) if value < 0.999 else f"1 − {number(1 - value)}"


def _ratios(report: Report) -> list[float]:
    found = [state.gradient_to_weight for state in report.table.parameters.values()]
    return [one for one in found if one > 0 and math.isfinite(one)]


def formats_section(report: Report) -> str:
    """Shares that would under- or overflow in each number format, of all elements and in the worst layer."""
    signals = [layer.forward for layer in report.layers if layer.forward and layer.forward.scales]
    gradients = [layer.backward for layer in report.layers if layer.backward and layer.backward.scales]
    if not signals:
        return ""
    heads = "".join(f'<th scope="col" class="n">{say(name)}</th>' for name in HEADS)
    rows = "".join(_format_row(name, signals, gradients) for name in FORMATS if name != "float32")
    return (
        f'<section id="formats"><h2>{say("In other number formats")}</h2><div class="scroll" tabindex="0" '
        'role="region" '
        'aria-label="Number formats"><table><thead><tr>'
        f'<th scope="col">{say("format")}</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="note">{say(SHARES)}</p></section>\n'
    )


def _format_row(name: str, signals: list[Forward], gradients: list[Backward]) -> str:
    cells = []
    for found in (signals, gradients):
        for side in (0, 1):
            shares = [(one.headroom[name][side], one.size) for one in found]
            total = sum(size for _, size in shares)
            mean = sum(share * size for share, size in shares) / total if total else math.nan
            cells.append(_share(mean, max((share for share, _ in shares), default=math.nan)))
    return (
        f'<tr><th scope="row">{name}</th>' + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"
    )


def _share(mean: float, worst: float) -> str:
    if math.isnan(mean):
        return ""
    return "0" if worst == 0 else f"{_percent(mean)} <small>({_percent(worst)})</small>"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def parameters_section(report: Report) -> str:
    """Every parameter, families folded, with its gradient beside it; closed until asked for."""
    groups: dict[str, list[ParameterState]] = {}
    for state in report.table.parameters.values():
        groups.setdefault(family(state.name), []).append(state)
    rows = "".join(_parameter_row(name, states) for name, states in groups.items())
    if not rows:
        return ""
    heads = "".join(
        f'<th scope="col" class="n">{say(h)}</th>'
        for h in ("mean", "std", "zeros", "gradient", "gradient : weight")
    )
    return (
        f'<section id="parameters"><details><summary><h2>{say("Parameters")}</h2> <span class="times">'
        f"{len(report.table.parameters)}</span></summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Parameters"><table><thead><tr>'
        f'<th scope="col">{say("parameter")}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
        "</section>\n"
    )


def _parameter_row(name: str, states: list[ParameterState]) -> str:
    shown = name if len(states) > 1 else states[0].name
    times = f' <span class="times">× {len(states)}</span>' if len(states) > 1 else ""
    gradients = [s.gradient.rms if s.gradient else math.nan for s in states]
    columns = (
        [s.mean for s in states], [s.std for s in states], [s.zero_fraction for s in states], gradients,
        [s.gradient_to_weight for s in states],
    )  # fmt: skip
    cells = "".join(f'<td class="n">{span(values)}</td>' for values in columns)
    return f"<tr><td><code>{escape(shown)}</code>{times}</td>{cells}</tr>"
