"""A Fix is data: which parameters, and what is done to each.  It is tried on a copy, and printed as code.

Every change can be made twice without harm (sizes are set, not multiplied; draws have a seed), so findings
of one cause may carry the same line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "FLAT_ANSWERS", "RESCALED_ANSWERS", "RESTART", "VERBS", "Change", "Dialect", "Fix", "flat_answers",
    "line_of", "rescaled_answers",
]  # fmt: skip

VERBS = (
    "fill",
    "entry",
    "norm",
    "normal",
    "orthogonal",
    "patch",
    "drop",
    "freeze",
    "restart",
    "cast",
    "inputs",
    "standardise",
    "targets",
    "align",
    "data",
)
"""Set to one value; one entry set, which the text counts; scaled to a length; drawn N(0, std); drawn
orthogonal with a gain; drawn N(0, std) only where not finite; 0 where at least as large; no longer trained;
`init_` of the whole model; another number format; smaller inputs; standardised inputs; standardised targets;
answers and targets of one shape; what no copy of the model can try."""


@dataclass(frozen=True)
class Change:
    """One verb, with a number for each parameter it is done to."""

    verb: str
    values: tuple[tuple[str, float], ...] = ()
    text: str = ""
    """The number format of a cast, what inputs are divided by, mean and deviation of targets, a line
    about data."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters it changes; none for what concerns the whole model or its data."""
        return tuple(name for name, _ in self.values)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Those of its text: what inputs are divided by, a mean and a deviation."""
        return tuple(map(float, self.text.split()))


@dataclass(frozen=True)
class Fix:
    """Changes made together."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __add__(self, other: Fix) -> Fix:
        return Fix(self.changes + other.changes)

    @property
    def names(self) -> frozenset[str]:
        """Every parameter it changes by name."""
        return frozenset(name for change in self.changes for name in change.names)

    @property
    def leaves_numbers(self) -> bool:
        """Whether it changes no number of the model: there is nothing to try."""
        return all(change.verb in ("freeze", "data") for change in self.changes)

    @property
    def restarts(self) -> bool:
        """Whether it starts the whole model anew."""
        return any(change.verb == "restart" for change in self.changes)


RESTART = Fix((Change("restart"),))
RESCALED_ANSWERS = "loss = (lambda loss: lambda output: loss(output * {1} + {0}))(loss)"
"""A loss of the output alone holds its targets: answers on their scale are what standardised targets are."""


FLAT_ANSWERS = "loss = (lambda loss: lambda output: loss(output.reshape{0}))(loss)"
"""A column of answers as a row, for targets that are one, or the other way round."""


def flat_answers(loss: Callable[[Any], Any], shapes: str) -> Callable[[Any], Any]:
    """What `FLAT_ANSWERS` makes of a loss; `shapes` is the text of its Change, the targets' and its own."""
    wanted = (-1, 1) if shapes.startswith("(-1,1)") else (-1,)
    return lambda output: loss(output.reshape(wanted))


def rescaled_answers(loss: Callable[[Any], Any], mean: float, deviation: float) -> Callable[[Any], Any]:
    """What `RESCALED_ANSWERS` makes of a loss, with the numbers of its Change."""
    return lambda output: loss(output * deviation + mean)


@dataclass(frozen=True)
class Dialect:
    """How a framework writes each verb: expressions in {name}, {value}, and the parameter {p}."""

    parameter: str
    """The expression of a parameter in {name}."""
    verbs: Mapping[str, str]
    """A verb that is missing cannot be said, and is not tried."""
    modules: bool = False
    """Whether lines that a rule wrote itself, for a torch module, run here."""

    def says(self, fix: Fix) -> bool:
        """Whether every change has words."""
        return all(change.verb in self.verbs or change.verb == "data" for change in fix.changes)


def line_of(fix: Fix, dialect: Dialect) -> str:
    """One line of code that does what the Fix says; '' for an empty one."""
    return "; ".join(_said(change, dialect) for change in fix.changes)


def _said(change: Change, dialect: Dialect) -> str:
    if change.verb == "data":
        return change.text
    template = dialect.verbs[change.verb]
    if not change.values:
        return template.format(*change.text.split(), text=change.text)
    if "{values}" in template:
        return template.format(values=_mapping(change))
    return _over_parameters(change, template, dialect.parameter)


def _mapping(change: Change) -> str:
    """The numbers by name, as an expression; one number for many is written once."""
    several = {f"{value:.6g}" for _, value in change.values}
    if len(several) == 1 and len(change.values) > 2:
        return f"dict.fromkeys({list(change.names)!r}, {several.pop()})"
    return "{" + ", ".join(f"{name!r}: {value:.6g}" for name, value in change.values) + "}"


def _over_parameters(change: Change, template: str, parameter: str) -> str:
    """One call, or a list of them over names, or over names and their numbers."""
    several = {value for _, value in change.values}
    if len(change.values) == 1:
        ((name, value),) = change.values
        return _filled(template, parameter, repr(name), f"{value:.6g}", change.text)
    if len(several) == 1:
        line = _filled(template, parameter, "n", f"{several.pop():.6g}")
        return f"[{line} for n in {list(change.names)!r}]"
    listed = ", ".join(f"{name!r}: {value:.6g}" for name, value in change.values)
    return f"[{_filled(template, parameter, 'n', 'v')} for n, v in {{{listed}}}.items()]"


def _filled(template: str, parameter: str, name: str, value: str, text: str = "") -> str:
    return template.format(p=parameter.format(name=name), name=name, value=value, text=text)
