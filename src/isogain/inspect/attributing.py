"""Changes that no gain explains take the cause of a finding on their way that says what it saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from isogain.inspect.causes import FLAT, UNEXPLAINED, place
from isogain.inspect.closed import SILENT
from isogain.inspect.findings import CODES, SEVERITIES, Finding, at_least
from isogain.inspect.rules.drowned import drowning_biases
from isogain.inspect.table import Table

__all__ = ["attributed"]

MECHANISMS = frozenset(
    ["vanishing-forward", "exploding-forward", "vanishing-backward", "exploding-backward", "rank-collapse",
     "constant-output", "saturated-units", "dead-units", "time-scale", "uninitialized", "symmetric-units",
     "off-peers"]
)  # fmt: skip
"""Codes of findings that may name what makes a change, and be made by it."""


def attributed(table: Table, findings: Sequence[Finding]) -> list[Finding]:
    """The findings; those whose change no gain explains with the cause and the mends of one that does.

    A first loss is a consequence, too, where a mechanism made its answers large and a last weight alone would
    be made small for it.
    """
    way, drowned = set(_on_way(table)), {one.why for one in drowning_biases(table)}
    seen = [one for one in findings if one.why not in drowned and not way.isdisjoint((one.path, *one.paths))]
    told = sorted(filter(_tells, seen), key=_rank)
    loud = [one for one in told if one.code == "exploding-forward" and not one.blames]
    turning = [one for one in told if one.code != "time-scale"]  # sines that turn too fast multiply nothing
    units = [one for one in told if one.code in ("saturated-units", "dead-units")]
    return [
        _by(
            one,
            loud if one.code == "initial-loss" and _shrinks(one)
            else units if SILENT in one.why or FLAT in one.why
            else () if UNEXPLAINED not in one.why
            else turning if "exploding" in one.code
            else told,
        )
        for one in findings
    ]  # fmt: skip


def _by(finding: Finding, told: Sequence[Finding]) -> Finding:
    return replace(finding, why=told[0].why, paths=told[0].paths, mends=told[0].mends) if told else finding


def _shrinks(finding: Finding) -> bool:
    """Whether its first mend makes a weight smaller: targets in another unit are a cause of their own."""
    return bool(finding.mends) and all(change.verb == "norm" for change in finding.mends[0].changes)


def _tells(finding: Finding) -> bool:
    """Whether it names a mechanism that was seen, and is more than a note."""
    grave = at_least(finding.severity, "warning")
    return grave and finding.code in MECHANISMS and UNEXPLAINED not in finding.why


def _rank(finding: Finding) -> tuple[bool, int, int]:
    """What names something that was seen before what counts layers; then the gravest."""
    return finding.blames, -SEVERITIES.index(finding.severity), CODES.index(finding.code)


def _on_way(table: Table) -> Iterator[str]:
    """The places and parameters of what everything passes, and of what is made of the inputs alone."""
    for node in table.graph.nodes:
        if node.index in table.on_trunk or not node.learnt:
            yield from (place(node), f"({node.op})", *node.parameters)
