"""What might mend a finding, as data: the layers that are wrong and nothing else, or the whole model anew.

Candidates come in the order in which they are to be tried (`proving`).  Frozen parameters are never among
them.  Where few layers are at fault they alone are touched; where a whole stack is, `init_` decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from isogain.graph import Node, family
from isogain.inspect.blame import few_makers, needed_gain
from isogain.inspect.fixes import RESTART, Change, Fix
from isogain.inspect.table import Table

__all__ = [
    "changeable", "drawn", "filled", "fresh", "frozen", "is_matrix", "offsets", "raw_size", "sized",
    "smaller_inputs", "stack", "with_their_kind", "zeroed",
]  # fmt: skip

OFFSET = 0.3
"""Root mean square of a bias from which it, too, is part of what is wrong."""
RAW = 10.0
"""Root mean square from which inputs are raw numbers that somebody forgot to scale."""
FAINT = 0.01
"""The same from which down they are: volts, metres of a molecule."""
ODD = ("tanh", "erf", "sin", "arctan", "softsign", "hard_tanh")
Candidates = tuple[Fix, ...]


def stack(table: Table, weights: Sequence[Node], change: float = math.nan) -> Candidates:
    """For what a chain of layers does together: the few at fault, or a new start, or gains as they should be.

    `change` is what was measured over all of them, in decades.
    """
    weights = _plain(weights)
    few = few_makers(table, weights, change)
    if few:
        return sized(table, _to_needed(table, few)), drawn(table, few), RESTART
    ends = [n.weight.name for n in weights if n.role == "residual branch end" and n.weight]
    shift = zeroed(table, offsets(table, weights))
    return (
        shift,
        smaller_inputs(table),
        RESTART,
        sized(table, _to_needed(table, weights)) + shift,
        drawn(table, weights) + shift,
        sized(table, _shared(weights, change)) + shift,
        zeroed(table, ends) if change > 0 else Fix(),
    )


def changeable(table: Table, names: Iterable[str]) -> list[str]:
    """Those that are trained and have values, once, in the model's order."""
    wanted = set(names)
    return [
        name for name, state in table.parameters.items()
        if name in wanted and state.requested and state.on_device and not state.empty
    ]  # fmt: skip


def is_matrix(table: Table, name: str) -> bool:
    """Whether a parameter has more than one axis of more than one place: a map, and no scale or bias."""
    return sum(size > 1 for size in table.graph.by_parameter[name].shape) > 1


def with_their_kind(table: Table, zeros: Iterable[str]) -> list[str]:
    """These, and others of zeros and as many axes that are called alike: what mends one mends the next."""
    kinds = {(family(name), is_matrix(table, name)) for name in zeros}
    return [
        name for name, state in table.parameters.items()
        if state.zero and (family(name), is_matrix(table, name)) in kinds
    ]  # fmt: skip


def filled(table: Table, names: Iterable[str], value: float) -> Fix:
    """These parameters set to one value."""
    found = changeable(table, names)
    return Fix((Change("fill", tuple((name, value) for name in found)),)) if found else Fix()


def zeroed(table: Table, names: Iterable[str]) -> Fix:
    """These parameters set to 0."""
    return filled(table, names, 0.0)


def frozen(names: Iterable[str]) -> Fix:
    """These parameters no longer trained."""
    return Fix((Change("freeze", tuple((name, 0.0) for name in names)),))


def sized(table: Table, factors: Mapping[str, float]) -> Fix:
    """These parameters scaled, each by its factor, as lengths that they get: to do it twice does no harm."""
    lengths = []
    for name in changeable(table, factors):
        state, use = table.parameters[name], table.graph.by_parameter[name]
        length = state.rms * math.sqrt(math.prod(use.shape)) * factors[name]
        if math.isfinite(length) and length > 0 and state.finite:
            lengths.append((name, length))
    return Fix((Change("norm", tuple(lengths)),)) if lengths else Fix()


def drawn(table: Table, nodes: Sequence[Node]) -> Fix:
    """The weights of these nodes drawn anew at the gain that each needs; orthogonal before odd functions."""
    verbs: dict[str, list[tuple[str, float]]] = {"normal": [], "orthogonal": []}
    for node in _plain(nodes):
        if node.weight and changeable(table, [node.weight.name]):
            verb, number = _law(table, node)
            if number > 0:
                verbs[verb].append((node.weight.name, number))
    return Fix(tuple(Change(verb, tuple(dict(v).items())) for verb, v in verbs.items() if v))


def fresh(table: Table, names: Sequence[str], *, patch: bool = False) -> Fix:
    """These parameters as a start has them: biases 0, scales of norms 1, weights at the gain they need.

    With `patch` only where they are not finite.
    """
    found = changeable(table, names)
    ones = {one for n in table.graph.nodes if n.kind == "norm" for one in n.parameters if "bias" not in one}
    flat = {name: float(name in ones) for name in found if _flat(table, name, ones)}
    stds = {name: _std(table, name) for name in found if name not in flat}
    parts = (
        Change("patch" if patch and not any(flat.values()) else "fill", tuple(flat.items())),
        Change("patch" if patch else "normal", tuple(stds.items())),
    )
    return Fix(tuple(part for part in parts if part.values))


def _flat(table: Table, name: str, ones: set[str]) -> bool:
    biases = {n.weight.bias for n in table.graph.nodes if n.weight}
    return name in ones or name in biases or len(table.graph.by_parameter[name].shape) < 2


def _std(table: Table, name: str) -> float:
    """Standard deviation at the gain that the weight's own use needs; .02 where nothing tells."""
    use = next((n for n in table.graph.nodes if n.weight and n.weight.name == name), None)
    fans, needed = (use.weight.fans, needed_gain(table, use)) if use and use.weight else (None, math.nan)
    return needed / math.sqrt(fans.fan_in) if fans and math.isfinite(needed) else 0.02


def _law(table: Table, node: Node) -> tuple[str, float]:
    """Orthogonal with a gain, or N(0, std); a number of 0 where neither is known."""
    after = table.graph.following(node.index, ("activation",), 3)
    use = table.graph.by_parameter.get(node.weight.name) if node.weight else None
    same = use is not None and node.weight is not None and tuple(use.shape) == tuple(node.weight.shape)
    plain = same and use is not None and len(use.shape) == 2 and node.weight is not None
    if plain and after is not None and after.activation in ODD and after.role != "gate":
        return "orthogonal", 1.0
    fans, needed = node.weight.fans if node.weight else None, needed_gain(table, node)
    return "normal", needed / math.sqrt(fans.fan_in) if fans and math.isfinite(needed) else 0.0


def raw_size(table: Table) -> float:
    """Root mean square of the model's one input where that is far above 1, or far below; nan otherwise."""
    inputs = [n for n in table.graph.nodes if n.kind == "input"]
    seen = table.forward.get(inputs[0].index) if len(inputs) == 1 else None
    far = seen is not None and seen.finite and (seen.rms > RAW or 0 < seen.rms < FAINT)
    return seen.rms if seen is not None and far else math.nan


def smaller_inputs(table: Table) -> Fix:
    """Inputs brought to root mean square 1, where they are far from it."""
    size = raw_size(table)
    return Fix((Change("inputs", text=f"{size:.3g}"),)) if math.isfinite(size) else Fix()


def offsets(table: Table, weights: Sequence[Node]) -> list[str]:
    """Biases of these layers, and of norms among them, that are far from 0."""
    if not weights:
        return []
    norms = [n for n in table.graph.nodes[weights[0].index : weights[-1].index + 1] if n.kind == "norm"]
    names = [n.weight.bias for n in weights if n.weight and n.weight.bias and n.role != "head"]
    names += [name for n in norms for name in n.parameters if name.endswith("bias")]
    return [name for name in names if name in table.parameters and table.parameters[name].rms > OFFSET]


def _plain(nodes: Sequence[Node]) -> list[Node]:
    """Nodes with a weight, each weight once."""
    return list({n.weight.name: n for n in reversed(nodes) if n.weight is not None}.values())[::-1]


def _to_needed(table: Table, nodes: Sequence[Node]) -> dict[str, float]:
    """Carrier of each weight's size -> the factor that brings its gain to the one needed."""
    gains = [(node, node.weight.gain, needed_gain(table, node)) for node in nodes if node.weight]
    return {_carrier(node): needed / gain for node, gain, needed in gains if gain > 0 and needed > 0}


def _shared(nodes: Sequence[Node], change: float) -> dict[str, float]:
    """The same with an equal share of what was measured: for weights whose gain nothing tells."""
    if not math.isfinite(change) or not nodes:
        return {}
    return {_carrier(node): 10 ** (-change / len(nodes)) for node in nodes}


def _carrier(node: Node) -> str:
    """The parameter that sets the size of a weight: of weight normalization that is not the largest."""
    name = node.weight.name if node.weight else ""
    direction = {"original1": "original0", "weight_v": "weight_g"}
    head, _, last = name.rpartition(".")
    other = f"{head}.{direction[last]}" if head and last in direction else direction.get(last, "")
    return other if other in node.parameters else name
