"""symmetric-units and identical-layers: parts that start the same and would stay the same."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from isogain.graph import Node, WeightUse, family
from isogain.inspect.causes import pattern
from isogain.inspect.chains import under_shapes
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Change, Fix
from isogain.inspect.mending import changeable, drawn, fresh, is_matrix
from isogain.inspect.rules.saddles import stuck_weights
from isogain.inspect.rules.slices import ENOUGH, FATES, fate_of, tokens
from isogain.inspect.table import ParameterState, Table

__all__ = ["copied_rows", "identical_layers", "same_rows", "symmetric_units"]

SHARES = (0.05, 0.5)
"""Shares of a layer's units from which duplicates are a warning, and critical."""

ALIKE = 0.02
"""Different units over all units below which a layer is worth one unit, whatever their gradients."""

POSITIVE = frozenset(["sqrt", "exp", "softplus", "rsqrt"])
"""Operations behind which a signal is a scale."""

SERIES = (
    "as copy.deepcopy of a drawn layer leaves them (torch.nn.TransformerEncoder does this): draw each anew"
)


def symmetric_units(table: Table) -> Iterator[Finding]:
    """Units with the same incoming weights, bias and gradient: no step can ever tell them apart."""
    groups: dict[str, list[tuple[Node, ParameterState]]] = defaultdict(list)
    known = stuck_weights(table)  # whose zeros have a reason of their own
    for node in _hidden(table):
        state = table.state_of(node)
        if not state or state.name in known:
            continue
        if (_twins(table, node, state) and not _waits(table, node, state)) or _before_zeros(table, node):
            groups["constant" if state.constant else family(state.name)].append((node, state))
    for members in groups.values():
        yield _symmetric(table, members)


def same_rows(table: Table) -> Iterator[Finding]:
    """Tables (of queries, of points) with one row many times, which get one gradient: no step parts them."""
    weights = {node.weight.name for node in table.graph.nodes if node.weight}
    names = [
        name for name, state in table.parameters.items()
        if _alike_for_good(state) and state.constant and name not in weights and is_matrix(table, name)
        and not _offset(table, name)
    ]  # fmt: skip
    if names:
        yield Finding(
            "symmetric-units", "warning", pattern(names),
            f"{table.parameters[names[0]].units} equal rows with equal gradients", "rows that differ",
            f"all rows of {pattern(names)} are one, and so are their gradients: whatever asks or is asked by "
            "them gets the same many times over, and no step tells them apart",
            paths=tuple(names), mends=(fresh(table, names), RESTART),
        )  # fmt: skip


def _offset(table: Table, name: str) -> bool:
    """Whether it is only added to what is learnt, which tells its rows apart."""
    uses = [table.node(one) for one in table.graph.by_parameter[name].nodes]
    return all(one.kind == "add" and any(table.node(k).learnt for k in one.inputs) for one in uses)


def _hidden(table: Table) -> Iterator[Node]:
    """One use of each weight; heads that their targets tell apart may start equal."""
    seen, asked = set[str](), _asked_one_by_one(table)
    for node in table.graph.nodes:
        alike = _alike_for_good(table.state_of(node)) and node.index not in asked
        head = node.role in ("head", "tied head") and not alike
        hidden = node.kind == "weight" and not head
        if hidden and node.weight and node.weight.name not in seen:
            seen.add(node.weight.name)
            yield node


def _asked_one_by_one(table: Table) -> set[int]:
    """Nodes of which a regression holds each number against a target of its own, which may repeat."""
    uses = [use for use in table.losses if use.targets and use.node is not None]
    read = [table.node(one) for use in uses for one in table.node(use.node or 0).inputs]
    return {under_shapes(table, one).index for one in read}


def _alike_for_good(state: ParameterState | None) -> bool:
    """Whether the units of a head are one, and get one gradient, or a few sets of them do: a mixture's."""
    if state is None or state.gradient is None or state.gradient.largest == 0:
        return False
    return _one_unit(state) and state.units > 1 and _one_gradient(state, 0.99)


def _one_gradient(state: ParameterState, share: float) -> bool:
    """Whether so many of the units get gradients that leave each with a twin."""
    return state.twin_gradients > share or state.twin_sets > 0


def _twins(table: Table, node: Node, state: ParameterState) -> bool:
    one_value = not state.zero and state.units > 3 and (state.constant or _one_unit(state))
    if node.weight is not None and node.weight.constant is False:  # noise, say, is another part of it
        one_value = False
    if one_value and not _one_gradient(state, 0.5) and _opens(table, node):
        one_value = False
    return one_value or (state.duplicate_units > SHARES[0] and _one_gradient(state, 0.5))


def _before_zeros(table: Table, node: Node) -> bool:
    """Whether units of zeros, which are not 0 behind their activation, are read by a layer of zeros alone.

    That layer moves first, alike for all of them, so all of them move alike behind it.
    """
    state, reader = table.state_of(node), _lone_reader(table, node)
    other = None if reader is None else table.state_of(reader)
    if state is None or other is None or not (state.zero and other.zero and state.units > 1):
        return False
    still = state.gradient is not None and state.gradient.largest == 0
    return still and other.gradient is not None and other.gradient.largest > 0


def _lone_reader(table: Table, node: Node) -> Node | None:
    """The layer that alone reads what a layer makes, behind activations, biases and changes of shape."""
    while len(readers := table.graph.consumers[node.index]) == 1:
        node = table.node(readers[0])
        if node.kind == "weight":
            return node
        if node.kind not in ("activation", "softmax", "shape", "dropout", "add") or len(node.inputs) > 1:
            return None
    return None


def _one_unit(state: ParameterState) -> bool:
    """Whether hardly two of its units differ; copies in fours, say, part as soon as they are read apart."""
    return state.duplicate_units > 0.99 and state.distinct_units <= max(1, ALIKE * state.units)


def _waits(table: Table, node: Node, state: ParameterState) -> bool:
    """Whether its gradient is 0 only until a weight of zeros behind it has made its first step."""
    if state.gradient is None or state.gradient.largest > 0 or _in_series(table, node):
        return False
    return any(
        table.gated(later.index) and _own_gradient(table, later)
        for later in table.graph.nodes[node.index + 1 :]
    )


def _in_series(table: Table, node: Node) -> bool:
    """Whether two weights of zeros follow one another on a trunk: neither lets the other learn."""
    zeros = [n for n in _hidden(table) if table.is_zero_weight(n) and n.index in table.on_trunk]
    return node in zeros and len(zeros) > 1 and not _scales(table, node)


def _opens(table: Table, node: Node) -> bool:
    """Whether it makes a scale, positive by what stands behind it, of what tells its units apart (noise)."""
    reached, positive = {node.index}, set[int]()
    for later in table.graph.nodes[node.index + 1 :]:
        if later.kind == "multiply" and not positive.isdisjoint(later.inputs):
            constant = len(later.inputs) == 1 and "factor" not in later.settings and not later.parameters
            return constant or not reached.issuperset(later.inputs)
        if len(later.inputs) == 1 and not reached.isdisjoint(later.inputs):
            reached.add(later.index)
            if later.op in POSITIVE or not positive.isdisjoint(later.inputs):
                positive.add(later.index)
    return False


def _scales(table: Table, node: Node) -> bool:
    """Whether what it gives is a factor of other signals, which tell its units apart."""
    reached = {node.index}
    for later in table.graph.nodes[node.index + 1 :]:
        if not reached.isdisjoint(later.inputs):
            if later.kind == "multiply" and not reached.issuperset(later.inputs):
                return True
            if later.kind in ("shape", "add"):
                reached.add(later.index)
    return False


def _own_gradient(table: Table, node: Node) -> bool:
    names = [node.weight.name] if node.weight else node.parameters
    states = [table.parameters[name] for name in names if name in table.parameters]
    return any(s.gradient is not None and s.gradient.largest > 0 and s.zero for s in states)


def _symmetric(table: Table, members: list[tuple[Node, ParameterState]]) -> Finding:
    nodes, states = [n for n, _ in members], [s for _, s in members]
    share = max(1.0 if state.constant else state.duplicate_units for state in states)
    severity: Severity = "critical" if share > SHARES[1] else "warning"
    value = states[0]
    made = "all zeros" if value.zero else f"all {value.mean:.3g}" if value.constant else "repeated rows"
    names = [state.name for state in states]
    twins = any(_one_gradient(state, 0.5) for state in states)
    fate = "twins get the same gradient too: they stay one unit for ever" if twins else (
        "all units compute one sum: the layer is worth one unit"
    )  # fmt: skip
    return Finding(
        "symmetric-units", severity, pattern(names), f"{share:.0%} of the units have an exact twin",
        "0 %: drawn weights differ", f"the weights are {made}, and {fate}", "", tuple(names),
        mends=_mends(table, nodes),
    )  # fmt: skip


def _mends(table: Table, nodes: list[Node]) -> tuple[Fix, ...]:
    """The first factors drawn, ends of branches left at 0; then every one; then a new start."""
    first = [node for node in nodes if node.role != "residual branch end"]
    return drawn(table, first), drawn(table, nodes), RESTART


def copied_rows(table: Table) -> Iterator[Finding]:
    """Tables of one drawn row, repeated: slots and hypotheses that are one, and that no gradient parts."""
    maps = {use.name for node in _hidden(table) if (use := node.weight) and _whole(table, use)}
    for name, state in table.parameters.items():
        copied = state.requested and not state.constant and state.duplicate_units > 0.99
        alone = state.lone_gradients and tokens(table) >= ENOUGH * state.units
        if name not in maps and copied and (alone or _alike_for_good(state)):
            yield _repeated(table, name, state)


def _whole(table: Table, use: WeightUse) -> bool:
    """Whether an operation reads a parameter as it is, and not once for each sample."""
    return math.prod(use.shape) <= math.prod(table.graph.by_parameter[use.name].shape)


def _repeated(table: Table, name: str, state: ParameterState) -> Finding:
    severity: Severity = "warning" if state.lone_gradients else "critical"
    fate = (
        "one alone gets a gradient, as the first of equals does where the best is taken: the others stay "
        "copies"
        if state.lone_gradients
        else "get the same gradient too: they stay one for ever"
    )
    redraw = Fix((Change("normal", tuple((one, state.rms) for one in changeable(table, [name]))),))
    return Finding(
        "symmetric-units", severity, name, f"{state.units} rows, {state.distinct_units} of them different",
        "rows that differ", f"the rows of {name} are copies of one another, and {fate}", "", (name,),
        mends=(redraw,),
    )  # fmt: skip


def identical_layers(table: Table) -> Iterator[Finding]:
    """Different layers that hold bit-identical drawn weights: one was copied from the other."""
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for use in table.graph.parameters:
        state = table.parameters[use.name]
        # a target network or an average of weights is equal on purpose, and gets no gradient
        if state.fingerprint and use.nodes and state.gradient is not None:
            groups[(state.fingerprint, use.shape)].append(use.name)
    by_fate: dict[str, list[list[str]]] = defaultdict(list)
    for names in groups.values():
        if len(names) > 1:
            by_fate[_fate(table, names)].append(names)
    for fate, copied in by_fate.items():
        yield _identical(table, copied, fate)


def _fate(table: Table, names: list[str]) -> str:
    if table.in_series([one for name in names for one in table.graph.by_parameter[name].nodes]):
        return "after one another"
    felt = [gradient.largest > 0 for name in names if (gradient := table.parameters[name].gradient)]
    return "first" if sum(felt) == 1 else fate_of(table.parameters[names[0]].kinship)


def _identical(table: Table, copied: list[list[str]], fate: str) -> Finding:
    severity, why = FATES.get(fate, ("warning", SERIES))
    layers = sorted({name.rpartition(".")[0] for names in copied for name in names})
    count = max(len(names) for names in copied)
    return Finding(
        "identical-layers", severity, pattern(layers), f"{count} layers with the same numbers",
        "different draws", f"{len(copied)} weights are bit-identical in {count} layers, {why}",
        "", tuple(name for names in copied for name in names), mends=(_redraw(table, copied),),
    )  # fmt: skip


def _redraw(table: Table, copied: list[list[str]]) -> Fix:
    """All but the first of each set of copies drawn anew, as large as they are."""
    later = changeable(table, [name for names in copied for name in names[1:]])
    return Fix((Change("normal", tuple((name, table.parameters[name].std) for name in later)),))
