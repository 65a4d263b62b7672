"""What a look at a start found that few parameters settle: ends of adapters, a prior, a saddle, old memory.

None of it follows from the model's structure.  That a trainable part around frozen ones changes their answer,
that the loss asks for answers which are nearly all alike, that two zeros of one product get no gradient and
that numbers were never drawn is seen on the batch, and so is what mends it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from isogain.core.initializers import Constant, Normal, Orthogonal, Zeros
from isogain.core.values.initializer import Initializer
from isogain.graph.entry import Entry
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.inspect import Report
from isogain.inspect.findings import Finding, at_least
from isogain.inspect.fixes import Change
from isogain.inspect.table import Table
from isogain.torch.draw.targets import public_path

__all__ = ["alone", "resized", "settled", "unplanned", "with_settled"]

REASONS = {
    "adapter-not-neutral": "the end of a part around frozen layers, which it changes by {}: neutral at 0",
    "initial-loss": "a first loss of {}: the constant answer that costs least is where it starts",
    "exploding-forward": "{} through what it scales: at 0 that is 1",
    "vanishing-backward": "{}: it held the only way shut",
    "symmetric-units": "{}: one factor is drawn, and both learn",
    "uninitialized": "{}: memory that was never drawn",
}
_LAWS: Mapping[str, Callable[[float], Initializer]] = {
    "fill": lambda value: Constant(value) if value else Zeros(),
    "normal": Normal,
    "patch": Normal,
    "orthogonal": Orthogonal,
}
"""What each verb of a Fix draws."""
Settled = Mapping[str, tuple[Initializer, str]]
"""Path -> its law and the reason."""


def settled(report: Report) -> dict[str, tuple[Initializer, str]]:
    """The parameters that settle a finding, and their laws; none inside a parametrization."""
    return {
        stable_path(name): (_LAWS[change.verb](value), _reason(finding))
        for finding, change, name, value in _changes(report)
        if finding.code in REASONS and change.verb in _LAWS
    }


def resized(report: Report) -> dict[str, tuple[Initializer, str]]:
    """The same, and matrices of another size: for a model of which nothing that is planned mends more."""
    found = {
        stable_path(name): (_of_length(report.table, name, value), finding.why)
        for finding, change, name, value in _changes(report)
        if change.verb == "norm" and name in report.table.parameters and value > 0
    }
    return found | settled(report)


def _of_length(table: Table, name: str, length: float) -> Initializer:
    """A law of that length; one number stays one number, as a spread is."""
    size = length / math.sqrt(math.prod(table.graph.by_parameter[name].shape))
    return Constant(size) if table.parameters[name].constant else Normal(size)


def _changes(report: Report) -> Iterator[tuple[Finding, Change, str, float]]:
    """What the first mend of each finding changes, one parameter after the other."""
    for finding in report.findings:
        if finding.mends and at_least(finding.severity, "warning"):
            for change in finding.mends[0].changes:
                yield from ((finding, change, n, v) for n, v in change.values if public_path(n) == n)


def _reason(finding: Finding) -> str:
    size = finding.measured.rpartition("by up to ")[2] if "by up to" in finding.measured else finding.measured
    return REASONS[finding.code].format(size)


def unplanned(found: Settled, made: Plan) -> Settled:
    """Those among them that the plan itself does not draw: what it draws fits its place better."""
    return {
        path: (law, reason)
        for path, (law, reason) in found.items()
        if isinstance(law, (Constant, Zeros)) or path not in made or made[path].initializer in (None, Zeros())
    }


def with_settled(made: Plan, found: Settled, fixed: frozenset[str]) -> Plan:
    """The plan with these values; what is frozen or excluded keeps what it has."""
    return _remade(made, lambda entry: _settled(entry, found, fixed) or entry)


def alone(made: Plan, found: Settled, fixed: frozenset[str]) -> Plan:
    """The plan that writes these values and nothing else."""
    kept = "its own start is well but for what is settled elsewhere"

    def change(entry: Entry) -> Entry:
        left = replace(entry, initializer=None, drawn_as="", reason=kept)
        return _settled(entry, found, fixed) or left

    return _remade(made, change)


def _settled(entry: Entry, found: Settled, fixed: frozenset[str]) -> Entry | None:
    if entry.path not in found or entry.path in fixed:
        return None
    law, reason = found[entry.path]
    return replace(
        entry, initializer=law, reason=reason, gain=math.nan, signal=math.nan, drawn_as="", packing=None
    )


def _remade(made: Plan, change: Callable[[Entry], Entry]) -> Plan:
    return Plan(
        made.model, [change(entry) for entry in made.values()], recipe=made.recipe, notes=made.notes,
        needed=made.needed, rates=made.rates,
    )  # fmt: skip
