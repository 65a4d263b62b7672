"""adapter-not-neutral: trainable parts around frozen ones that change the frozen network's answer at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from isogain.graph import Node, family
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.looks import Sum
from isogain.inspect.mending import changeable, filled, zeroed
from isogain.inspect.table import Table

__all__ = ["adapter_not_neutral", "drawn_factors"]

SEEN = 0.01
"""Share of the frozen signal below which a change is no more than a note."""
EXACT = 1e-4
"""What rounding leaves of a difference, or of a cosine, that is 0."""

NOTHING = 1e-6
"""Relative difference of two sizes that are one."""
TERMS = 8
"""Sums in a row that are looked through."""
UNITS = 8
"""Factors, one for each unit, that are too many to be a temperature."""


def adapter_not_neutral(table: Table) -> Iterator[Finding]:
    """Branches beside frozen layers, and changes of frozen weights, that do not start at 0."""
    kinds = {use.trainable for use in table.graph.parameters if use.nodes}
    if len(kinds) < 2:
        return
    made_up = _made_up(table)
    known = _branches(table) if _frozen_answer(table) else ()
    branches = [one for one in known if one[0].index not in made_up]
    weights = [
        (n, n.weight.moved, n) for n in table.graph.nodes if n.weight and math.isfinite(n.weight.moved)
    ]
    found = [(node, share, end) for node, share, end in [*branches, *weights] if share > EXACT]
    if found:
        yield _finding(table, found)


def _frozen_answer(table: Table) -> bool:
    """Whether a frozen weight has a part in what the model returns: else it was switched off, not learnt."""
    made = 0
    for one in (*table.graph.outputs, *(() if table.loss_node is None else (table.loss_node,))):
        made |= table.makers[one]
    return bool(made & _weights(table)[0])


def drawn_factors(table: Table) -> Iterator[Finding]:
    """Trainable factors on what frozen layers hand on, drawn around 0 where 1 changes nothing."""
    found = {name: far for node in table.graph.nodes for name in _factors_on_frozen(table, node)
             if (far := _from_one(table, name)) > 0}  # fmt: skip
    if not found:
        return
    yield Finding(
        "adapter-not-neutral", "critical" if max(found.values()) > 1 else "warning", pattern(list(found)),
        f"{len(found)} vectors of factors that are off 1 by {max(found.values()):.2g}, root mean square",
        "1: the pretrained network's own answer at the first step",
        f"{pattern(list(found))} multiply what frozen layers hand on, unit by unit, and were drawn like "
        "weights: what was learnt is scaled at random, and turned round where they are below 0",
        paths=tuple(found), mends=(filled(table, found, 1.0),),
    )  # fmt: skip


def _from_one(table: Table, name: str) -> float:
    state = table.parameters[name]
    around = not state.constant and abs(state.mean) < state.rms / 2  # lengths of rows (DoRA) are no draw
    return math.hypot(state.std, state.mean - 1) if around else 0.0


def _factors_on_frozen(table: Table, node: Node) -> Iterator[str]:
    """The trained vectors by which a node multiplies what a frozen layer makes."""
    if node.kind != "multiply" or len(node.inputs) != 1:
        return
    maker = table.node(node.inputs[0])
    if maker.weight is None:
        maker = table.graph.preceding(node.index, ("weight",), 3) or maker
    use = table.graph.by_parameter.get(maker.weight.name) if maker.weight else None
    for name in node.parameters:
        own = table.graph.by_parameter[name]
        vector = math.prod(own.shape) == max(own.shape, default=0) >= UNITS
        if use is not None and not use.trainable and own.trainable and vector and name in table.parameters:
            yield name


def _made_up(table: Table) -> set[int | None]:
    """Sums of summands at right angles: the frozen weight gave up these directions (PiSSA, OLoRA)."""
    return {look.node for look in table.looks if isinstance(look.seen, Sum) and look.seen.overlap < EXACT}


def _branches(table: Table) -> Iterator[tuple[Node, float, Node]]:
    """(sum, size of a trainable branch over that of what it is added to, its last weight)."""
    doubtful: list[tuple[Node, float, Node]] = []
    sure: list[tuple[Node, float, Node]] = []
    for node in table.graph.nodes:
        if node.kind == "add" and len(node.inputs) > 1 and node.index in table.forward:
            for found, certain in _own_branches(table, node):
                (sure if certain else doubtful).append(found)
    families = {family(place(end)) for _, _, end in sure}
    yield from sure
    # the last of its kind has no frozen layer behind it, the first none before it: alone they could as well
    # be residual blocks of a new head or of a new stem
    yield from (one for one in doubtful if family(place(one[2])) in families)


def _own_branches(table: Table, node: Node) -> Iterator[tuple[tuple[Node, float, Node], bool]]:
    """Branches of trainable weights alone into a sum, and whether frozen layers lie beside or around it."""
    frozen, trainable = _weights(table)
    behind = {one: table.makers[one] for one in node.inputs}
    for one in node.inputs:
        others = 0
        for other in node.inputs:
            others |= behind[other] if other != one else 0
        own = behind[one] & ~others
        if own & frozen or not own & trainable or _made_good(table, node, one):
            continue
        beside = others & ~behind[one]
        after = frozen >> node.index + 1
        # the input itself, changed before a pretrained network; as an answer it is only looked at by that
        raw = not others & (frozen | trainable) and not _is_answer(table, node)
        certain = bool(beside & frozen) or bool(after and (raw or others & frozen) and not beside & trainable)
        for share, end in _share(table, node, one, own & trainable):
            yield (node, share, end), certain


def _made_good(table: Table, node: Node, branch: int) -> bool:
    """Whether what a branch adds is taken away again: a later sum is as large as what was there before."""
    before = _sums(table, [one for one in node.inputs if one != branch], lambda one: table.node(one).inputs)
    after = _sums(table, [node.index], lambda one: table.graph.consumers[one])
    sizes = [[table.forward[one].rms for one in found if one in table.forward] for found in (before, after)]
    return any(math.isclose(a, b, rel_tol=NOTHING) for a in sizes[0] for b in sizes[1])


def _is_answer(table: Table, node: Node) -> bool:
    """Whether a sum leaves the model, as it is or with more added: what reads it besides may judge it."""
    later = _sums(table, [node.index], lambda one: table.graph.consumers[one])
    return not set(table.graph.outputs).isdisjoint(later)


def _sums(table: Table, start: list[int], ahead: Callable[[int], Sequence[int]]) -> list[int]:
    """These nodes, and sums from one to the next."""
    found = list(start)
    for one in found:
        sums = (k for k in ahead(one) if table.node(one).kind == "add" or table.node(k).kind == "add")
        found += [k for k in sums if k not in found and len(found) < TERMS]
    return found


def _weights(table: Table) -> tuple[int, int]:
    """Nodes with frozen weights, and with trainable ones, as bits."""
    bits = {True: 0, False: 0}
    for node in table.graph.nodes:
        use = table.graph.by_parameter.get(node.weight.name) if node.weight else None
        if use is not None:
            bits[use.trainable] |= 1 << node.index
    return bits[False], bits[True]


def _share(table: Table, node: Node, one: int, own: int) -> Iterator[tuple[float, Node]]:
    size = table.forward[one].rms if one in table.forward else math.nan
    rest = [table.forward[i].rms for i in node.inputs if i != one and i in table.forward]
    base = rest[0] if rest else table.forward[node.index].rms
    if base > 0 and math.isfinite(size):
        yield size / base, table.node(own.bit_length() - 1)


def _finding(table: Table, found: list[tuple[Node, float, Node]]) -> Finding:
    share = max(one for _, one, _ in found)
    severity: Severity = "critical" if share > 1 else "warning" if share > SEEN else "info"
    ends = list({end.index: end for _, _, end in found}.values())
    paths = places(ends)
    return Finding(
        "adapter-not-neutral", severity, pattern(list(paths)),
        f"{len(found)} trainable parts change what frozen layers hand on by up to {share:.2g} of its size",
        "0: the pretrained network's own answer at the first step",
        "a trainable part around frozen layers does not start at 0, so what was learnt is "
        "disturbed before the first "
        "step; its last weight should be 0 (unless the frozen weights were changed to make up for it)",
        paths=paths,
        mends=tuple(zeroed(table, names) for names in _neutral(table, ends)),
    )  # fmt: skip


def _neutral(table: Table, ends: list[Node]) -> Iterator[list[str]]:
    """What might be 0: the ends of branches, and one factor of each change of a frozen weight.

    Which of its parameters are factors is not known, so one after the other is tried; those that make the
    outputs come first, as is usual.
    """
    branches = [end.weight for end in ends if end.weight and not math.isfinite(end.weight.moved)]
    names = [name for use in branches for name in (use.name, use.bias) if name]
    changed = [_factors(table, end) for end in ends if end.weight and math.isfinite(end.weight.moved)]
    for turn in range(max(map(len, changed), default=1)):
        yield [*names, *(found[min(turn, len(found) - 1)] for found in changed if found)]


def _factors(table: Table, node: Node) -> list[str]:
    """The trained parameters that make a weight, matrices with its outputs as rows first."""
    use = node.weight
    assert use is not None
    found = changeable(table, (name for name in node.parameters if name != use.bias))
    shapes = {name: table.graph.by_parameter[name].shape for name in found}
    return sorted(found, key=lambda one: (shapes[one][:1] != use.shape[:1], -math.prod(shapes[one])))
