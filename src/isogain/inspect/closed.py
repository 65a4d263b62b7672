"""Where zeros, or next to nothing, close the only way: scales and weights that nothing goes around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from isogain.graph import Node
from isogain.graph.rules.deliberate import SHUT
from isogain.inspect.causes import pattern, place
from isogain.inspect.clipping import cut_weights, longer_steps, why_cut
from isogain.inspect.findings import SEVERITIES, Finding
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.mending import filled, fresh, is_matrix
from isogain.inspect.stops import stops_of_signal
from isogain.inspect.table import Table

__all__ = ["SILENT", "closed", "explained", "reads_zeros", "rounded", "stuck_zeros", "takes_all", "why_stuck"]

FOLLOWING = frozenset(
    ["vanishing-forward", "vanishing-backward", "dead-units", "rank-collapse", "constant-output"]
)
"""What such zeros bring about."""
SILENT = "reads nothing but zeros: what lies in front of it hands on none of the signal"
"""What is said where a signal has gone, and no zeros took it: dead or flat units may have."""
SAME = 1e-12
"""1 - cosine of samples that differ by rounding alone."""
LONELY = "vanishing-forward"
"""The code under which a norm that takes all away is told."""
NOTHING = 1e-3
"""Share of a norm's scale below which it hands on nothing."""
PLAIN = 0.03
"""Root mean square from which on a norm's input cannot be outweighed by its epsilon: ten times sqrt(1e-5)."""
AJAR = 0.05
"""What a gate lets through below which it is a wall: a sigmoid of -3."""


def explained(table: Table, findings: Sequence[Finding]) -> list[Finding]:
    """The findings, those that follow from zeros on the only way with these as their cause and mend."""
    trunk = [table.node(index) for index in sorted({one for trunk in table.trunks for one in trunk})]
    if not FOLLOWING.intersection(finding.code for finding in findings):
        return [*findings, *_alone(table, trunk)]
    lonely = {place(n) for n in trunk if takes_all(table, n)}
    first = next((one for one in findings if one.code == LONELY and one.path in lonely), None)
    if first is not None:
        return _one(findings, first)
    why, names, mends = _cause(table, trunk)
    last = not why
    if last:
        why, names, mends = _ended(table, trunk)
    told = FOLLOWING if why else frozenset[str]()
    return [
        replace(one, why=why, paths=names, mends=mends) if one.code in told and (one.blames or not last)
        else one
        for one in findings
    ]  # fmt: skip


def _one(findings: Sequence[Finding], told: Finding) -> list[Finding]:
    """The finding that names a norm which takes all away, as bad as what follows from it, and the rest."""
    blamed = [one for one in findings if one.code in FOLLOWING and one is not told]
    ranks = [SEVERITIES.index(one.severity) for one in (told, *blamed)]
    whole = replace(told, severity=SEVERITIES[max(ranks)])
    return [whole if one is told else one for one in findings if one not in blamed]


def takes_all(table: Table, node: Node) -> bool:
    """Whether a norm of each sample hands on nothing of a plain signal: over one number, or equal ones."""
    seen, before = table.forward.get(node.index), [table.forward.get(one) for one in node.inputs]
    if node.op not in ("layer_norm", "group_norm", "instance_norm") or seen is None or not seen.finite:
        return False
    read = any(one is not None and one.rms > PLAIN for one in before)
    return read and seen.rms < NOTHING * table.norm_scale(node) and not table.gated(node.index)


def _alone(table: Table, trunk: Sequence[Node]) -> Iterator[Finding]:
    """Scales of zeros on the only way of which nothing else tells: all outputs are 0, as of a zero head."""
    scaling = [n for n in trunk if n.kind in ("norm", "multiply") and table.gated(n.index)]
    if names := closed(table, scaling):
        yield Finding(
            "vanishing-forward", "warning", pattern(names), "root mean square 0",
            "a signal for the weights behind", _why(names), paths=names, mends=_opened(table, names),
        )  # fmt: skip


def _cause(table: Table, trunk: Sequence[Node]) -> tuple[str, tuple[str, ...], tuple[Fix, ...]]:
    """What closes the way, in words, the places, and what opens it; '' where nothing does."""
    if names := closed(table, trunk):
        return _why(names), names, _opened(table, names)
    if names := tuple(dict.fromkeys(_whispering(table, trunk))):
        return _why_quiet(table, names), names, _opened(table, names)
    if gates := {name: seen for node in trunk for name, seen in _nearly_shut(table, node)}:
        return _why_shut(gates), tuple(gates), (_opened_gates(table, gates), RESTART)
    if (dropping := next((n for n in trunk if _drops_all(table, n)), None)) is not None:
        why = (
            f"{place(dropping)} drops everything: its probability is that of dropping, not of keeping, and 1 "
            "leaves nothing"
        )
        return why, (place(dropping),), ()
    return "", (), ()


def _ended(table: Table, trunk: Sequence[Node]) -> tuple[str, tuple[str, ...], tuple[Fix, ...]]:
    """Zeros that no step moves, weights cut off far below their size, an operation that ends the signal, a
    layer that reads zeros alone."""
    if cut := cut_weights(table):
        names = tuple(name for one in cut for name in (one.name, *one.steps))
        return why_cut(cut), names, (longer_steps(table, cut),)
    if names := stuck_zeros(table):
        return why_stuck(names), names, (fresh(table, names), RESTART)
    if (stop := next(stops_of_signal(table), None)) is not None:
        return stop.why, (place(stop.node),), ()
    reader = next((n for n in trunk if n.weight and n.weight.bias and reads_zeros(table, n)), None)
    off = any(seen.off for index, seen in table.forward.items() if index in table.on_trunk)
    if reader is None or off:
        return "", (), ()
    why = f"{place(reader)} {SILENT} (a threshold that nothing reaches, units that never fire)"
    return why, (place(reader),), ()


def stuck_zeros(table: Table) -> tuple[str, ...]:
    """Trained weights of zeros on the only way that get no gradient, though no zero lies behind them."""
    alive = any(back.largest > 0 for back in table.backward.values())
    last = max((n.index for n in table.graph.nodes if table.gated(n.index) and table.opens(n)), default=-1)
    found = (
        node.weight.name for node in table.graph.nodes
        if alive and node.kind == "weight" and node.weight is not None and node.index in table.on_trunk
        and node.index > last and _stuck(table, node.weight.name)
    )  # fmt: skip
    return tuple(dict.fromkeys(found))


def _stuck(table: Table, name: str) -> bool:
    state = table.parameters.get(name)
    return state is not None and state.zero and state.gradient is not None and state.gradient.largest == 0


def why_stuck(names: tuple[str, ...]) -> str:
    """The sentence that names them."""
    return (
        f"{pattern(names)} is 0 everywhere, and what reads its zeros has slope 0 there (a length, a "
        "square): it "
        "gets no gradient and never moves, and the signal ends at it"
    )


def reads_zeros(table: Table, node: Node) -> bool:
    """Whether a drawn weight gets no gradient, though one comes back to what it makes."""
    state = table.state_of(node) if node.kind == "weight" else None
    drawn = state is not None and not state.zero
    return drawn and not _bound_to_signal(table, node) and _out_of_reach(table, node)


def rounded(table: Table, node: Node) -> bool:
    """Whether a weight is used as a function of itself without a slope: no gradient reaches it."""
    drawn = not table.is_zero_weight(node)
    return drawn and _bound_to_signal(table, node) and _out_of_reach(table, node)


def _out_of_reach(table: Table, node: Node) -> bool:
    """Whether a gradient comes back to what a weight makes, of its own accord, and none to the weight."""
    state, back = table.state_of(node), table.backward.get(node.index)
    if state is None or state.gradient is None or back is None or back.probe:
        return False
    return state.gradient.largest == 0 < back.largest


def _bound_to_signal(table: Table, node: Node) -> bool:
    """Whether the weight is no multiple of its parameter, and what it is applied to is not 0."""
    seen = [table.forward[one] for one in node.inputs if one in table.forward]
    return node.weight is not None and node.weight.bound and any(one.rms > 0 for one in seen)


def _nearly_shut(table: Table, node: Node) -> Iterator[tuple[str, float]]:
    """(what makes a gate on the way itself, what the gate lets through) where that is next to nothing."""
    if node.kind != "multiply" or len(node.inputs) < 2 or not table.graph.weighed_later(node.index):
        return
    for one in map(table.node, node.inputs):
        gate = one if one.kind == "activation" else table.graph.preceding(one.index, ("activation",), 3)
        if gate is None or gate.activation != "sigmoid" or gate.index not in table.forward:
            continue
        open_by, maker = table.forward[gate.index].rms, table.graph.preceding(gate.index, ("weight",), 3)
        if maker is not None and maker.weight is not None and open_by < AJAR:
            yield maker.weight.bias or maker.weight.name, open_by


def _why_shut(gates: Mapping[str, float]) -> str:
    name, least = pattern(tuple(gates)), min(gates.values())
    return f"{name} holds the only way nearly shut: its gate lets {least:.2g} of the signal through"


def _opened_gates(table: Table, gates: Iterable[str]) -> Fix:
    return filled(table, [name for name in gates if not is_matrix(table, name)], 0.0)


def _drops_all(table: Table, node: Node) -> bool:
    """Whether the weight behind a dropout reads zeros alone, by its gradient, though there is a signal."""
    reader = table.graph.following(node.index, ("weight",), 2) if node.kind == "dropout" else None
    if reader is None or reader.weight is None or all(_nothing(table, one) for one in node.inputs):
        return False
    weight, bias = (table.parameters.get(name or "") for name in (reader.weight.name, reader.weight.bias))
    read = weight is not None and weight.gradient is not None and weight.gradient.largest == 0
    return read and bias is not None and bias.gradient is not None and bias.gradient.largest > 0


def closed(table: Table, nodes: Iterable[Node]) -> tuple[str, ...]:
    """The parameters of zeros by which nodes of a trunk, with weights behind them, get no signal at all."""
    found: dict[str, None] = {}
    for node in nodes:
        for empty in _empty(table, node):
            closing = _closing(table, empty)
            # zeros on a branch behind those that are known already are shut on purpose
            if not found.keys() & set(closing):
                found |= dict.fromkeys(closing)
    norms = {
        name: None
        for node in table.graph.nodes
        if _opens_a_branch(table, node)
        for name in _zeros(table, node)
    }
    return tuple(found | norms if found.keys() & _of_norms(table) else found)


def _opens_a_branch(table: Table, node: Node) -> bool:
    """Whether a norm stands in front of weights: zeros on purpose stand behind them, before a sum."""
    after = table.graph.following(node.index, ("weight", "add"), 2) if node.kind == "norm" else None
    return after is not None and after.kind == "weight"


def _of_norms(table: Table) -> set[str]:
    return {name for node in table.graph.nodes if node.kind == "norm" for name in node.parameters}


def _empty(table: Table, node: Node) -> list[Node]:
    """The node, or what a layer reads, where that is nothing and a weight comes later."""
    zero = table.is_zero_weight(node) if node.kind == "weight" else _one_answer(table, node)
    if zero and table.graph.weighed_later(node.index):
        return [] if _beside(table, node) else [node]  # a bias may be left of it
    layer = node.kind in ("weight", "recurrent", "norm") and not _nothing(table, node.index)
    asked = [table.node(k) for k in node.inputs] if layer else [node]
    empty = all(_nothing(table, one.index) for one in asked)
    found = [one for one in asked if empty and table.graph.weighed_later(one.index)]
    return [one for one in found if not _passed_by(table, one) and not _beside(table, one)]


def _passed_by(table: Table, node: Node) -> bool:
    """Whether a sum right behind it holds something else: the raw input, say, of which no trunk tells."""
    after = table.graph.following(node.index, ("add",), 2)
    others = [one for one in after.inputs if one != node.index] if after is not None else []
    return any(not _nothing(table, one) and not table.makers[one] >> node.index & 1 for one in others)


def _beside(table: Table, node: Node) -> bool:
    """Whether it is added, however scaled, to what another weight makes of the same: a delta of zeros."""
    mine = table.makers[node.index]
    for later in table.graph.nodes[node.index + 1 :]:
        if later.kind == "add" and table.makers[later.index] >> node.index & 1:
            others = [one for one in later.inputs if not table.makers[one] >> node.index & 1]
            if any(_weighs(table, one, mine) for one in others):
                return True
        elif later.kind == "weight" and table.makers[later.index] >> node.index & 1:
            return False
    return False


def _weighs(table: Table, index: int, mine: int) -> bool:
    """Whether a node is what a weight makes of one of these signals."""
    node = table.node(index)
    return (
        node.kind == "weight" and not _nothing(table, index) and all(mine >> one & 1 for one in node.inputs)
    )


def _one_answer(table: Table, node: Node) -> bool:
    """Whether zeros of a norm's scale leave its bias alone, the same for every sample."""
    seen = table.forward.get(node.index) if node.kind == "norm" and table.gated(node.index) else None
    return seen is not None and seen.distance < SAME


def _why(names: tuple[str, ...]) -> str:
    """The sentence that names them."""
    if len(names) == 1:
        return (
            f"{names[0]} is 0 everywhere and nothing goes around it: the layers behind get no signal, and "
            "those in front no gradient"
        )
    return (
        f"{pattern(names)} are 0 everywhere and nothing goes around them: the layers behind get no signal, "
        "and those in front no gradient"
    )


def _opened(table: Table, names: tuple[str, ...]) -> tuple[Fix, ...]:
    """Scales of 1 and weights drawn instead; then a new start."""
    matrices = [name for name in names if is_matrix(table, name)]
    scales = [name for name in names if name not in matrices]
    return filled(table, scales, 1.0) + fresh(table, matrices), RESTART


def _whispering(table: Table, trunk: Iterable[Node]) -> Iterator[str]:
    """The scales on the way itself that let next to nothing through, with weights behind them and no norm."""
    for node in trunk:
        scales = node.kind in ("multiply", "norm") and table.graph.weighed_later(node.index)
        if scales and table.graph.following(node.index, ("norm",), 2) is None:
            for name in node.parameters:
                state = table.parameters.get(name)
                if not name.endswith("bias") and state is not None and 0 < state.rms < SHUT:
                    yield name


def _why_quiet(table: Table, names: tuple[str, ...]) -> str:
    size = max(table.parameters[name].rms for name in names)
    return (
        f"the only way is scaled by {pattern(names)}, of size {size:.2g}: little of the signal reaches what "
        "lies behind, and little of the gradient what lies in front"
    )


def _nothing(table: Table, index: int) -> bool:
    seen = table.forward.get(index)
    return seen is not None and seen.finite and seen.rms == 0


def _closing(table: Table, node: Node) -> list[str]:
    """The zeros that a walk back from an empty node ends at; none where it ends at anything else."""
    found: list[str] = []
    seen, stack = {node.index}, [node.index]
    while stack:
        one = stack.pop()
        if zeros := list(_zeros(table, table.node(one))):
            found += zeros
            continue
        before = [k for k in table.node(one).inputs if k not in table.forward or _nothing(table, k)]
        if not before:
            return []
        stack += [k for k in before if k not in seen]
        seen.update(before)
    return found


def _zeros(table: Table, node: Node) -> Iterator[str]:
    """The parameters of zeros that a node multiplies by."""
    if not table.gated(node.index):
        return
    bias = node.weight.bias if node.weight else None
    for name in node.parameters:
        state = table.parameters.get(name)
        if name != bias and not name.endswith("bias") and state is not None and state.zero:
            yield name
