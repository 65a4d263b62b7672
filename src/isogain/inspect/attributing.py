"""Changes that no gain explains take the cause of a finding on their way that says what it saw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from isogain.inspect.causes import UNEXPLAINED, place
from isogain.inspect.findings import CODES, SEVERITIES, Finding, at_least
from isogain.inspect.table import Table

__all__ = ["attributed"]

CHANGES = frozenset(
    ["vanishing-forward", "exploding-forward", "vanishing-backward", "exploding-backward", "rank-collapse",
     "constant-output"]
)  # fmt: skip
"""What a mechanism on the way brings about."""
MECHANISMS = CHANGES | {
    "saturated-units", "dead-units", "time-scale", "uninitialized", "symmetric-units", "off-peers",
}  # fmt: skip
BY_LAYERS = re.compile(r"\d+ (of \d+ )?layers |one layer |no layer |the \w+ is gone ")
"""How a cause begins that counts layers."""
DROWNED = re.compile(r"the bias of \S+ has root mean square ")
"""How one begins that is a consequence itself: a bias beside which next to nothing is left."""

SILENT = "reads nothing but zeros: what lies in front of it hands on none of the signal"
FLAT = "its units saturate, where slopes are near 0"
"""What is said where flat or dead units may be what lets nothing pass: a finding of theirs knows by what."""


def attributed(table: Table, findings: Sequence[Finding]) -> list[Finding]:
    """The findings; those whose change no gain explains with the cause and the mends of one that does.

    A first loss is a consequence, too, where a mechanism made its answers large.
    """
    on_way = set(_on_way(table))
    told = sorted(
        (one for one in findings if _tells(one) and not on_way.isdisjoint((one.path, *one.paths))),
        key=lambda one: (
            bool(BY_LAYERS.match(one.why)),
            -SEVERITIES.index(one.severity),
            CODES.index(one.code),
        ),
    )
    loud = [one for one in told if one.code == "exploding-forward" and not BY_LAYERS.match(one.why)]
    quiet = [one for one in told if one.code != "time-scale"]  # sines that turn too fast multiply nothing
    return [
        _by(one, loud if one.code == "initial-loss" else quiet if "exploding" in one.code else told)
        for one in findings
    ]


def _by(finding: Finding, told: Sequence[Finding]) -> Finding:
    flat = SILENT in finding.why or FLAT in finding.why
    if flat:
        told = [one for one in told if one.code in ("saturated-units", "dead-units")]
    asks = UNEXPLAINED in finding.why or flat or finding.code == "initial-loss"
    if not asks or not told:
        return finding
    return replace(finding, why=told[0].why, paths=told[0].paths, mends=told[0].mends)


def _tells(finding: Finding) -> bool:
    """Whether it names a mechanism that was seen, and is more than a note."""
    grave = at_least(finding.severity, "warning")
    seen = UNEXPLAINED not in finding.why and not DROWNED.match(finding.why)
    return grave and seen and finding.code in MECHANISMS


def _on_way(table: Table) -> Iterator[str]:
    """The places and parameters of what everything passes, and of what is made of the inputs alone."""
    for node in table.graph.nodes:
        if node.index in table.on_trunk or not node.learnt:
            yield from (place(node), f"({node.op})", *node.parameters)
