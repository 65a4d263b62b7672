"""unused-parameter: trainable parameters that no gradient reaches."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from isogain.graph import ParameterUse, family
from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.mending import frozen
from isogain.inspect.table import Table

__all__ = ["plain_weights", "routed", "unregistered", "unused_parameter"]


def unregistered(table: Table) -> Iterator[Finding]:
    """Parameters that the model reads but does not hold: an optimizer never sees them."""
    if not table.strangers:
        return
    names = tuple(name for name, _ in table.strangers)
    total = sum(math.prod(shape) for _, shape in table.strangers)
    yield Finding(
        "unused-parameter", "warning", pattern(names),
        f"{len(names)} parameters ({total:,} numbers) that are none of the model's",
        "every one among model.parameters()",
        f"a plain list, dictionary or attribute holds {pattern(names)}: the optimizer, state_dict() and to() "
        "do not see what lies there; use nn.Parameter, nn.ModuleList, nn.ModuleDict or nn.ParameterList",
        paths=names,
    )  # fmt: skip


def plain_weights(table: Table) -> Iterator[Finding]:
    """Layers behind one another whose weights are plain tensors: one alone may be a fixed projection."""
    nodes = sorted(table.maps)
    bent = [node.index for node in table.graph.nodes if node.kind == "activation"]
    deep = any(
        table.makers[last] >> phi & 1 and table.makers[phi] >> first & 1
        for first, last in combinations(nodes, 2) for phi in bent
    )  # fmt: skip
    if not deep:
        return
    names = tuple(table.maps[index] for index in nodes)
    yield Finding(
        "unused-parameter", "warning", pattern(names),
        f"{len(names)} matrices that a layer multiplies by are no parameters", "every one a parameter",
        f"plain tensors are held as {pattern(names)}: the optimizer, state_dict() and to() do not see them, "
        "and the layers that multiply by them stay as they were drawn; use nn.Parameter, or register_buffer "
        "if they are to stay so", paths=names,
    )  # fmt: skip


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
    leading = _leading_to_loss(table)
    for use in missing:
        groups[_kind(table, use, leading)].append(use)
    if all(_last_of_its_kind(table, use) for use in groups["aside"]):
        groups["left"] = groups.pop("aside")
    total = sum(_size(use) for use in trainable)
    for kind, uses in groups.items():
        if uses:
            yield _finding(kind, uses, total)


def _leading_to_loss(table: Table) -> set[int]:
    """Nodes whose numbers the loss depends on, gradient or not."""
    found = {table.loss_node} if table.loss_node is not None else set(table.graph.outputs)
    for node in reversed(table.graph.nodes):
        if node.index in found:
            found.update(node.inputs)
    return found


def _copies(table: Table) -> set[str]:
    """Modules with a weight that equals one which gets a gradient, bit for bit."""
    learning = {s.fingerprint for s in table.parameters.values() if s.gradient is not None}
    return {
        state.name.rpartition(".")[0] for state in table.parameters.values()
        if state.gradient is None and state.fingerprint and state.fingerprint in learning
    }  # fmt: skip


def _kind(table: Table, use: ParameterUse, leading: set[int]) -> str:
    if use.used and use.name.rpartition(".")[0] in _copies(table):
        return "copy"
    if use.used:
        return "cut" if leading.intersection(use.nodes) or not use.nodes else "aside"
    if routed(table, use):
        return "routed"
    if table.random_choices:
        return "skipped"
    if not use.optional:
        return "tapped" if use.tapped else "idle"
    return "off" if use.switched else "optional"


def _last_of_its_kind(table: Table, use: ParameterUse) -> bool:
    """Whether the same parameter of other layers, all of them earlier, gets a gradient."""
    others = [one for one in table.graph.parameters if family(one.name) == family(use.name) != use.name]
    learning = [one for one in others if table.parameters[one.name].gradient is not None and one.nodes]
    return bool(learning) and bool(use.nodes) and max(max(one.nodes) for one in learning) < min(use.nodes)


def _nothing(table: Table, missing: list[ParameterUse]) -> Finding:
    return Finding(
        "unused-parameter", "critical", pattern([use.name for use in missing]),
        f"none of {len(missing)} trainable parameters gets a gradient", "every one",
        "the loss does not depend on any trainable parameter: a detach(), no_grad or a round trip through "
        "NumPy or integers lies between", "", tuple(use.name for use in missing),
    )  # fmt: skip


def routed(table: Table, use: ParameterUse) -> bool:
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


WHY = {
    "routed": "experts that this batch was not routed to; another batch uses them",
    "skipped": "not run this time; the forward pass draws single random numbers, by which it may skip layers",
    "optional": "the model's code uses them in a branch that was not taken with these inputs (an input left "
    "out, a switch turned off)",
    "off": "the model's code uses them behind a switch alone that no call turns: they are built, and stay "
    "as they are whatever comes in; build them only where the switch is on, or turn it",
    "tapped": "they lie in a sequence behind the last member that the model runs: what comes out in front of "
    "them is all that it takes (features of a backbone)",
    "aside": "they are used, but the loss does not depend on what they make: an output that it ignores, or a "
    "result that is thrown away; give the loss a term of it, or hand it on",
    "left": "what the last layer makes beside the answer, and nobody reads; the same part of the layers "
    "before it learns",
    "idle": "no operation of the forward pass read them, and no method of the model names them: a layer that "
    "is built but never called; with DistributedDataParallel the backward pass would wait for them",
    "copy": "a copy of another part of the model, used without gradient, as a target network or a teacher is",
    "cut": "the loss depends on them, but no gradient comes back: detach(), no_grad or integer operations "
    "lie between; take it away if they are to learn, and freeze them if not",
}
UNTOUCHED = frozenset(["cut", "aside", "off"])
"""Kinds that to freeze changes nothing: the code has to let a gradient through, or the signal."""
HARMLESS = frozenset(["routed", "skipped", "optional", "tapped", "copy", "left"])
ASIDE = 0.1
"""Share of the trainable numbers below which a side branch (a pooler, say) is no more than a note."""

SMALL = 0.02
"""The same of vectors (a mask token), and of what a switch keeps off."""
MOST = 0.5
"""Share from which a branch that was not taken is more than a note."""


def _severity(kind: str, uses: list[ParameterUse], total: int) -> Severity:
    share = sum(_size(use) for use in uses) / total
    vectors = all(sum(length > 1 for length in use.shape) <= 1 for use in uses)
    least = ASIDE if kind == "aside" else SMALL if vectors or kind == "off" else 0.0
    most = kind == "optional" and share > MOST  # a model that hardly is what its size says
    return "info" if (kind in HARMLESS and not most) or share < least else "warning"


def _finding(kind: str, uses: list[ParameterUse], total: int) -> Finding:
    names = tuple(use.name for use in uses)
    return Finding(
        "unused-parameter", _severity(kind, uses, total), pattern(names),
        f"{len(uses)} parameters ({sum(map(_size, uses)):,} numbers) without gradient",
        "a gradient for every trainable parameter", WHY[kind], "", names,
        mends=() if kind in HARMLESS | UNTOUCHED else (frozen(names),),
    )  # fmt: skip


def _size(use: ParameterUse) -> int:
    return math.prod(use.shape)
