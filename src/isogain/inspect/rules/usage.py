"""unused-parameter: trainable parameters that no gradient reaches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from isogain.graph import ParameterUse, family
from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.table import Table

__all__ = ["unused_parameter"]


def unused_parameter(table: Table) -> Iterator[Finding]:
    """Parameters that no operation used, or that are cut off from the loss."""
    states = table.parameters
    trainable = [
        u
        for u in table.graph.parameters
        if u.trainable and states[u.name].on_device and not states[u.name].empty
    ]
    missing = [use for use in trainable if table.parameters[use.name].gradient is None]
    if not missing or not table.forward:
        return
    if len(missing) == len(trainable):
        yield _nothing(table, missing)
        return
    groups: dict[str, list[ParameterUse]] = defaultdict(list)
    for use in missing:
        kind = "idle" if not use.used else "cut"
        if kind == "idle" and _routed(table, use):
            kind = "routed"
        elif kind == "idle" and table.random_choices:
            kind = "skipped"
        groups[kind].append(use)
    total = sum(_size(use) for use in trainable)
    for kind, uses in groups.items():
        yield _finding(kind, uses, total)


def _nothing(table: Table, missing: list[ParameterUse]) -> Finding:
    return Finding(
        "unused-parameter", "critical", pattern([use.name for use in missing]),
        f"none of {len(missing)} trainable parameters gets a gradient", "every one",
        "the loss does not depend on any trainable parameter: a detach(), no_grad or a round trip through "
        "NumPy or integers lies between", "", tuple(use.name for use in missing),
    )  # fmt: skip


def _routed(table: Table, use: ParameterUse) -> bool:
    """One of several experts that this batch was not routed to: others of its family saw part of the rows."""
    mine = family(use.name)
    if mine == use.name:
        return False
    users = [
        table.node(index) for other in table.graph.parameters
        if other.name != use.name and family(other.name) == mine for index in other.nodes
    ]  # fmt: skip
    rows = {node.shape[0] for node in users if node.shape}
    return bool(users) and (len(rows) > 1 or "expert" in use.name.lower())


def _finding(kind: str, uses: list[ParameterUse], total: int) -> Finding:
    vectors = all(sum(length > 1 for length in use.shape) <= 1 for use in uses)
    minor = vectors and sum(_size(use) for use in uses) < 0.02 * total  # a mask token, say
    severity: Severity = "info" if kind in ("routed", "skipped") or minor else "warning"
    names = tuple(use.name for use in uses)
    why = {
        "routed": "experts that this batch was not routed to; another batch uses them",
        "skipped": "not run this time; the forward pass draws single random numbers, by which it may "
        "skip layers",
        "idle": "no operation of the forward pass read them: a layer that is built but never called, "
        "or a branch "
        "not taken; with DistributedDataParallel the backward pass would wait for them",
        "cut": "they are used, but no gradient comes back: detach(), no_grad, integer operations or "
        "an output that "
        "the loss ignores lie between; if that is meant, freeze them",
    }[kind]
    fix = (
        ""
        if kind in ("routed", "skipped")
        else f"[model.get_parameter(n).requires_grad_(False) for n in {list(names)!r}]"
    )
    count = sum(_size(use) for use in uses)
    return Finding(
        "unused-parameter", severity, pattern(names), f"{len(uses)} parameters ({count:,} numbers) "
        f"without gradient",
        "a gradient for every trainable parameter", why, fix, names,
    )  # fmt: skip


def _size(use: ParameterUse) -> int:
    size = 1
    for length in use.shape:
        size *= length
    return size
