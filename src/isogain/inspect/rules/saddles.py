"""Saddles: a product whose two factors are both 0, so that neither ever gets a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from isogain.graph import Node
from isogain.inspect.causes import pattern
from isogain.inspect.closed import stuck_zeros, why_stuck
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART, Change, Fix
from isogain.inspect.mending import filled, fresh, is_matrix, with_their_kind
from isogain.inspect.table import Table

__all__ = ["saddles", "stuck_weights"]

FAR = 400
"""Nodes that are followed from a factor of zeros."""
POWERS = frozenset(["pow", "square"])
"""Operations whose slope is 0 at 0."""
CARRYING = frozenset(["shape", "pool", "dropout"])
"""Kinds of nodes that hand zeros on as they are."""
DRAWN = 0.1
"""Standard deviation at which tables are drawn that are multiplied by each other."""
QUIET = 0.1
"""Size of a draw, as a share of the usual one, that leaves a saddle and adds little to the answer."""


def saddles(table: Table) -> Iterator[Finding]:
    """Weights and gates of zeros in one product, whose gradients are exactly 0 for that reason."""
    groups = stuck_weights(table)
    if not groups:
        yield from _lone(table)
        return
    names = sorted(groups)
    first = names[0]
    yield Finding(
        "symmetric-units", "critical", pattern(names),
        f"{len(names)} parameters of zeros with gradient exactly 0",
        "one factor of a product at 0, not both",
        _why(first, groups[first]),
        paths=tuple(names), mends=_opened(table, groups),
    )  # fmt: skip


def _lone(table: Table) -> Iterator[Finding]:
    """Zeros on the only way whose readers have no slope there."""
    if names := stuck_zeros(table):
        yield Finding(
            "symmetric-units", "critical", pattern(names), f"{len(names)} parameters of zeros with "
            "gradient exactly 0",
            "drawn numbers, or a gradient", why_stuck(names), paths=names,
            mends=(fresh(table, list(names)), RESTART),
        )  # fmt: skip
    elif names := _all_zeros(table):
        yield Finding(
            "symmetric-units", "critical", pattern(names),
            "all that is trained is 0, with gradient exactly 0", "drawn numbers, or a gradient",
            f"nothing but {pattern(names)} learns, and what multiplies it is 0 with it: no step changes "
            "anything (a saddle)", paths=names,
            mends=(Fix((Change("normal", tuple((name, DRAWN) for name in names)),)),),
        )  # fmt: skip


def _all_zeros(table: Table) -> tuple[str, ...]:
    """All parameters that a loss asked for, where each is 0 and none gets a gradient."""
    asked = [(one, one.gradient) for one in table.parameters.values() if one.requested and one.gradient]
    stuck = all(one.zero and gradient.largest == 0 for one, gradient in asked)
    return tuple(one.name for one, _ in asked) if stuck and table.loss_value != 0 else ()


def _why(first: str, others: set[str]) -> str:
    if others == {first}:
        return f"{first} is 0 and only squared, so that its gradient is 0 too: it never moves (a saddle)"
    return (
        f"{first} is multiplied by {', '.join(sorted(others))}, and both are 0: the gradient of each is the "
        "other times something, so neither ever moves (a saddle)"
    )


def stuck_weights(table: Table) -> dict[str, set[str]]:
    """Each parameter of such a product -> the others in it."""
    kept: dict[str, set[str]] | None = table.__dict__.get("_stuck_weights")
    if kept is None:
        kept = table.__dict__["_stuck_weights"] = {}
        stuck = [(node, name) for node in table.graph.nodes for name in _stuck(table, node)]
        for node, name in stuck:
            partners = {other for _, other in _partners(table, node, name, stuck)}
            if partners:
                kept.setdefault(name, set()).update(partners)
    return kept


def _stuck(table: Table, node: Node) -> list[str]:
    """The parameters of zeros that the node multiplies by and that get no gradient."""
    if node.kind not in ("weight", "multiply", "norm", "product", "embedding"):
        return []
    bias = node.weight.bias if node.weight else None
    return [
        name for name in node.parameters
        if name != bias and not (node.kind == "norm" and name.endswith("bias"))
        and (state := table.parameters.get(name)) is not None and state.zero and state.gradient is not None
        and state.gradient.largest == 0
    ]  # fmt: skip


def _partners(table: Table, node: Node, name: str, stuck: list[tuple[Node, str]]) -> list[tuple[Node, str]]:
    """Other such parameters in this node's own product, on its way, or met in a product."""
    same = [(n, other) for n, other in stuck if n.index == node.index and other != name]
    reached = _zero_way(table, node)
    behind = [(n, other) for n, other in stuck if n.index in reached and other != name]
    meets = {i for i in reached if _joins(table, table.node(i))}
    joined = [
        (n, other) for n, other in stuck
        if n.index != node.index and other != name and meets & _zero_way(table, n) and n.index not in reached
    ]  # fmt: skip
    ahead = [(n, other) for n, other in stuck if other != name and node.index in _zero_way(table, n)]
    squared = [(node, name)] if _only_squared(table, node) else []
    return [*same, *behind, *joined, *ahead, *squared]


def _only_squared(table: Table, node: Node) -> bool:
    """Whether powers are all that reads its zeros, whose slope is 0 there: a product with itself."""
    stack, seen, found = [node.index], {node.index}, False
    while stack and len(seen) < FAR:
        for reader in map(table.node, table.graph.consumers[stack.pop()]):
            if reader.op in POWERS:
                found = True
            elif reader.kind not in CARRYING:
                return False
            elif reader.index not in seen:
                seen.add(reader.index)
                stack.append(reader.index)
    return found


def _joins(table: Table, node: Node) -> bool:
    """Whether two signals are multiplied, each of them zero."""
    return node.kind in ("multiply", "product", "attention") and len(node.inputs) > 1


def _zero_way(table: Table, node: Node) -> set[int]:
    """The nodes a signal of zeros reaches from here before anything else is added to it."""
    kept: dict[int, set[int]] = table.__dict__.setdefault("_zero_ways", {})
    if node.index not in kept:
        found: set[int] = set()
        stack = [node.index]
        while stack and len(found) < FAR:
            one = stack.pop()
            seen = table.forward.get(one)
            if seen is not None and (seen.rms > 0 or not seen.finite):
                continue
            fresh = [reader for reader in table.graph.consumers[one] if reader not in found]
            found.update(fresh)
            stack += fresh
        kept[node.index] = found
    return kept[node.index]


def _opened(table: Table, groups: Mapping[str, set[str]]) -> tuple[Fix, ...]:
    """One factor of each product drawn, a matrix where there is one; then every factor; then a new start."""
    order = {use.name: place for place, use in enumerate(table.graph.parameters)}
    chosen: list[str] = []
    for name in sorted(groups, key=lambda name: (not is_matrix(table, name), order[name])):
        if not groups[name].intersection(chosen):
            chosen.append(name)
    drawn = [name for name in chosen if is_matrix(table, name)]
    ones = with_their_kind(table, [name for name in chosen if name not in drawn])
    return (
        fresh(table, drawn) + filled(table, ones, 1.0), fresh(table, list(groups)), RESTART,
        _quietly(fresh(table, drawn)),
    )  # fmt: skip


def _quietly(fix: Fix) -> Fix:
    """The same draws a tenth as large: a product of two grows with the square, a sum of many yet more."""
    return Fix(tuple(
        Change(one.verb, tuple((name, QUIET * value) for name, value in one.values)) if one.verb == "normal"
        else one
        for one in fix.changes
    ))  # fmt: skip
