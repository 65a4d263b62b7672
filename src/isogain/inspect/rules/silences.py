"""vanishing-forward at what is 0 for good: masks of zeros over a weight, frozen rows of zeros, factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from isogain.graph import Node
from isogain.inspect.causes import pattern, place, places
from isogain.inspect.chains import lone_way
from isogain.inspect.closed import reads_zeros
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.mending import filled, fresh, is_matrix
from isogain.inspect.table import Table

__all__ = [
    "empty_features",
    "erased_signals",
    "frozen_zeros",
    "masked_weights",
    "shut_branches",
    "zero_parts",
    "zero_rows",
]

SHARE = 0.5
"""Step of a quantiser, over the size of what it rounds, at which most numbers are felt."""
SAME = 1e-10
"""1 - cosine of samples that differ by rounding alone."""
NEAR, FAR = 4, 16
"""Steps back from a layer to the factor that erases what it reads."""


def masked_weights(table: Table) -> Iterator[Finding]:
    """Weights that are numbers, multiplied by zeros alone: no step changes what they give."""
    found = dict.fromkeys(
        node.weight.name for node in table.graph.nodes
        if node.kind == "weight" and node.weight and table.is_zero_weight(node)
        and _drawn(table, node.weight.name)
    )  # fmt: skip
    names = tuple(name for name in found if _never_moved(table, name))
    steps = {name: others for name in names if (others := _rounding(table, name))}
    if steps:
        yield _rounded(table, steps)
    if names := tuple(name for name in names if name not in steps):
        yield _zero(
            names, f"{pattern(names)} is multiplied by a mask that is 0 everywhere: nothing of the signal "
            "passes, and it gets no gradient",
        )  # fmt: skip


def _rounding(table: Table, name: str) -> tuple[str, ...]:
    """The single numbers that make, with the weight, what is used of it: steps of a quantiser."""
    nodes = [table.node(one) for one in table.graph.by_parameter[name].nodes]
    others = {
        one
        for node in nodes
        for one in node.parameters
        if node.weight and one not in (name, node.weight.bias)
    }
    single = [one for one in sorted(others) if one in table.parameters and not is_matrix(table, one)]
    return tuple(one for one in single if table.parameters[one].rms > table.parameters[name].rms)


def _rounded(table: Table, steps: Mapping[str, tuple[str, ...]]) -> Finding:
    sizes = {other: table.parameters[name].rms for name, others in steps.items() for other in others}
    names = tuple(sizes)
    step = min(table.parameters[one].rms / size for one, size in sizes.items())
    return Finding(
        "vanishing-forward", "critical", pattern(names), f"steps {step:.3g} times as large as the weights",
        "steps that are a part of the weights",
        f"{pattern(names)} makes 0 of every number of {pattern(tuple(steps))}: steps this large round all "
        "of them "
        "down, nothing of the signal passes, and neither gets a gradient",
        paths=(*names, *steps), mends=(_smaller(table, sizes),),
    )  # fmt: skip


def _smaller(table: Table, sizes: Mapping[str, float]) -> Fix:
    parts = [filled(table, [name], SHARE * size) for name, size in sizes.items()]
    return Fix(tuple(change for part in parts for change in part.changes))


def _drawn(table: Table, name: str) -> bool:
    return name in table.parameters and table.parameters[name].rms > 0


def _never_moved(table: Table, name: str) -> bool:
    """Whether its gradient is 0, and so is that of all it is multiplied by: a zero gate opens instead."""
    nodes = [table.node(one) for one in table.graph.by_parameter[name].nodes]
    known = {other for node in nodes for other in node.parameters if other in table.parameters}
    biases = {node.weight.bias for node in nodes if node.weight}
    gradients = [table.parameters[one].gradient for one in known - biases]
    return all(gradient is not None and gradient.largest == 0 for gradient in gradients)


def zero_rows(table: Table) -> Iterator[Finding]:
    """Tables of which this batch read nothing but zeros: frozen ones, and ones that are the head as well."""
    silent = {
        node.weight.name: node for node in table.graph.nodes
        if node.kind == "embedding" and node.weight and table.silent(node) and node.index in table.forward
    }  # fmt: skip
    trainable = {name for name in silent if table.graph.by_parameter[name].trainable}
    names = tuple(
        name for name, node in silent.items()
        if name not in trainable and (_drawn(table, name) or not _beside(table, node))
    )  # fmt: skip
    if names:
        yield _zero(
            names, f"the rows of {pattern(names)} that this batch reads are all 0, and frozen: what they "
            "stand for cannot be told apart, now or later",
        )  # fmt: skip
    heads = {node.weight.name for node in table.graph.nodes if node.weight and node.kind == "weight"}
    tied = tuple(name for name in silent if name in trainable & heads and not _drawn(table, name))
    if tied:
        yield replace(
            _zero(
                tied, f"{pattern(tied)} is 0 everywhere, as the table that is read and as the head: nothing "
                "tells what comes in apart, and no gradient passes the head",
            ),
            mends=(fresh(table, tied), RESTART),
        )  # fmt: skip


def frozen_zeros(table: Table) -> Iterator[Finding]:
    """Layers of zeros on the only way of a signal that nothing trains: no start on purpose, as they stay."""
    on_way = [n for n in table.graph.nodes if n.index in table.on_trunk and table.is_zero_weight(n)]
    names = tuple(
        dict.fromkeys(
            n.weight.name for n in on_way
            if n.weight and not any(table.graph.by_parameter[one].trainable for one in n.parameters)
        )
    )  # fmt: skip
    if names and any(use.trainable for use in table.graph.parameters):
        yield _zero(
            names, f"{pattern(names)} is 0 everywhere and frozen, on the only way of the signal: what lies "
            "in front of it never gets a gradient; train it, or give it numbers",
        )  # fmt: skip


def zero_parts(table: Table) -> Iterator[Finding]:
    """Parts of a stack of tables that are 0 everywhere, by what reads them, where others are drawn."""
    found: dict[str, dict[str, None]] = {}
    for node in table.graph.nodes:
        taken = node.kind == "shape" and len(node.parameters) == 1
        name = node.parameters[0] if taken else ""
        if not taken or len(table.graph.by_parameter[name].shape) < 3 or not _drawn(table, name):
            continue
        reader = table.graph.following(node.index, ("weight", "recurrent"), 2)
        if reader is not None and _reads_nothing(table, reader):
            found.setdefault(name, {})[place(reader)] = None
    for name, readers in found.items():
        yield Finding(
            "vanishing-forward", "warning", name, "0 everywhere in a part",
            "numbers that tell apart what they stand for",
            f"the part of {name} that {pattern(tuple(readers))} reads is 0 everywhere, and other parts are "
            "drawn: an index too few (the row of a padding, say) set a whole table to 0",
            paths=(name, *readers),
        )  # fmt: skip


def _reads_nothing(table: Table, reader: Node) -> bool:
    """Whether a drawn map of a layer gets no gradient, though one comes back to what the layer makes."""
    if reader.kind == "weight":
        return reads_zeros(table, reader)
    back = table.backward.get(reader.index)
    asked = back is not None and back.largest > 0 and not back.probe
    maps = [
        table.parameters[one] for one in reader.parameters if is_matrix(table, one) and _drawn(table, one)
    ]
    return asked and any(one.gradient is not None and one.gradient.largest == 0 for one in maps)


def _beside(table: Table, node: Node) -> bool:
    """Whether it is added to, or joined with, something that tells samples apart: a table switched off."""
    after = table.graph.following(node.index, ("add", "concatenate", "multiply", "weight", "recurrent"), 4)
    if after is None or after.kind not in ("add", "concatenate", "multiply"):
        return after is None
    seen = table.forward.get(after.index)
    return seen is None or table.input_distance == 0 or not seen.distance < SAME


def erased_signals(table: Table) -> Iterator[Finding]:
    """Layers that read nothing but zeros, as a factor of 0 that is not trained multiplies all they read."""
    readers = [] if table.random_choices else [n for n in table.graph.nodes if reads_zeros(table, n)]
    erased = [(zero, reader) for reader in readers if (zero := _factor(table, reader)) is not None]
    if not erased:
        return
    by = tuple(dict.fromkeys(name for zero, _ in erased for name in _zero_buffers(table, zero)))
    paths = places(reader for _, reader in erased)
    who = pattern(by or places(zero for zero, _ in erased))
    yield _zero(
        paths, f"{who} multiplies by 0 all that reaches {pattern(paths)}: only a bias comes out, the "
        "weights get no gradient, and no step changes the factor",
    )  # fmt: skip


def shut_branches(table: Table) -> Iterator[Finding]:
    """Trained layers whose result is multiplied by parameters of 0 that are frozen: no step opens them."""
    found: dict[str, list[Node]] = {}
    for node in table.graph.nodes:
        gates = [table.parameters.get(name) for name in node.parameters] if node.kind == "multiply" else []
        shut = bool(gates) and all(one is not None and one.zero and not one.requested for one in gates)
        if shut and len(node.inputs) == 1 and _none_moves(table, node):
            found.setdefault(pattern(node.parameters), []).append(node)
    for gate, nodes in found.items():
        layers = tuple(dict.fromkeys(place(one) for node in nodes for one in _trained_before(table, node)))
        yield Finding(
            "vanishing-backward", "warning", gate, "gradient exactly 0",
            "a gradient for what is to be trained",
            f"{gate} is 0 and frozen, and multiplies all that {pattern(layers)} make: they never get a "
            "gradient, and nothing opens the way; train it, or start it at another number",
            paths=(*dict.fromkeys(name for node in nodes for name in node.parameters), *layers),
        )  # fmt: skip


def _none_moves(table: Table, node: Node) -> bool:
    """Whether trained weights make what it multiplies, and none of them gets a gradient."""
    states = [table.state_of(one) for one in _trained_before(table, node)]
    known = [one.gradient for one in states if one is not None and one.gradient is not None]
    return bool(known) and all(one.largest == 0 for one in known)


def _trained_before(table: Table, node: Node) -> list[Node]:
    """The trained weights on the lone way that leads to it."""
    way = lone_way(table, node, FAR)
    return [one for one in way if one.weight and table.graph.by_parameter[one.weight.name].trainable]


def empty_features(table: Table) -> Iterator[Finding]:
    """Layers of which all that they read is 0 before anything learns: features rounded or masked away."""
    found = [] if table.random_choices else [n for n in table.graph.nodes if _reads_empty(table, n)]
    if found:
        paths = places(found)
        yield replace(
            _zero(
                paths, f"all that {pattern(paths)} reads is 0, as it was made of the inputs in front of any "
                "layer: rounded off, cast to whole numbers, or masked; only a bias comes out, and weights "
                "get no gradient",
            ), severity="warning",
        )  # fmt: skip


def _reads_empty(table: Table, node: Node) -> bool:
    sources = [table.node(one) for one in node.inputs]
    made = bool(sources) and all(not one.learnt for one in sources) and sources[0].kind != "input"
    return made and reads_zeros(table, node) and _factor(table, node) is None


def _factor(table: Table, reader: Node) -> Node | None:
    """The product with a constant that lies in front of it, with nothing between that could be 0 as well."""
    for source in lone_way(table, reader, NEAR):
        if source.kind == "multiply":
            bare = not source.parameters and len(source.inputs) == 1
            return source if bare and not _nothing_before(table, source) else None
        if source.kind not in ("shape", "dropout"):
            return None
    return None


def _nothing_before(table: Table, node: Node) -> bool:
    """Whether zeros came in, too, or nothing was measured of what came in: spikes, say."""
    source = table.node(node.inputs[0])
    while source.kind in ("shape", "dropout") and source.index not in table.forward and source.inputs:
        source = table.node(source.inputs[0])
    return table.silent(source)


def _zero_buffers(table: Table, node: Node) -> list[str]:
    inside = (one for one in table.buffers if one.name.rpartition(".")[0] == node.path)
    return [one.name for one in inside if one.largest == 0]


def _zero(names: Sequence[str], why: str) -> Finding:
    return Finding(
        "vanishing-forward", "critical", pattern(names), "root mean square 0", "a signal, and a gradient",
        why, paths=tuple(names),
    )  # fmt: skip
