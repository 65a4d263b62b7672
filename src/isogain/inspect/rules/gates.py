"""saturated-units inside fused recurrent layers: gates that nothing moves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from isogain.graph import Node
from isogain.inspect.causes import pattern, places
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.looks import Gates, Look
from isogain.inspect.mending import filled, sized
from isogain.inspect.rules.units import SATURATED
from isogain.inspect.table import Table

__all__ = ["saturated_gates"]

NAMES = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate", "r": "reset gate",
         "z": "update gate", "n": "candidate", "h": "tanh"}  # fmt: skip
JAMMED, SLOPE, MOST = 12.0, 6e-6, 0.9
"""What a gate receives from which on its slope, sigmoid' at 12, is as small; and in how many of its units."""
USUAL = 2.0
"""Size of a bias that holds a gate and lets it learn."""
CANDIDATES = "gnh"
"""What a cell is told, and no gate."""


def saturated_gates(table: Table) -> Iterator[Finding]:
    """Gates of fused LSTM, GRU and tanh layers in their flat ends; an offset may hold gates alone."""
    found = [
        (look, look.seen) for look in table.looks
        if isinstance(look.seen, Gates) and look.node is not None
        and max(_flat(look.seen), default=0.0) > SATURATED[0]
    ]  # fmt: skip
    if not found:
        yield from islice((*_jammed(table), *_jammed_layers(table)), 1)
        return
    look, gates = max(found, key=lambda one: max(_flat(one[1])))
    flat = _flat(gates)
    worst = flat.index(max(flat))
    severity: Severity = "critical" if flat[worst] > SATURATED[1] else "warning"
    paths = list(dict.fromkeys(one.path for one, _ in found))
    if gates.held[worst] > gates.flat[worst] and gates.letters[worst] in CANDIDATES:
        yield _pushed(look, gates, worst, severity, paths)
        return
    yield Finding(
        "saturated-units", severity, pattern(paths) or look.op,
        f"{flat[worst]:.0%} of the {NAMES[gates.letters[worst]]} where its slope is below 6 "
        "% of the steepest",
        f"{gates.expected[worst]:.1%} for what it receives of variance 1",
        f"at sampled steps its gates receive {gates.size[worst]:.3g} (root mean square): the weights of "
        f"{look.path or look.op} are that much too large, and no gradient passes gates that are flat",
        paths=tuple(paths),
        mends=_scaled(table, [one.node for one, _ in found if one.node is not None], 1 / gates.size[worst]),
    )  # fmt: skip


def _jammed(table: Table) -> Iterator[Finding]:
    """Gates that a bias holds so far at one end that no step moves them."""
    for look in table.looks:
        if not isinstance(look.seen, Gates) or look.node is None:
            continue
        rows = zip(look.seen.letters, look.seen.held, look.seen.size, strict=False)
        far = [(letter, size) for letter, held, size in rows if held > MOST and size > JAMMED]
        if far:
            letter, size = max(far, key=lambda one: one[1])
            yield Finding(
                "saturated-units", "warning", look.path or look.op,
                f"the {NAMES[letter]} gets {size:.3g}", "a few: log(T) keeps a state for T steps",
                f"the bias of the {NAMES[letter]} holds it at one end so far that its slope is {SLOPE:g} or "
                "less: it never learns when to let go, or to let in",
                paths=(look.path or look.op,), mends=(RESTART,),
            )  # fmt: skip


def _jammed_layers(table: Table) -> Iterator[Finding]:
    """The same of gates that are written out: sigmoids of layers, which multiply a signal."""
    makers = [maker for node in table.graph.nodes if (maker := _jams(table, node)) is not None]
    weights = [(one.weight, table.forward[one.index].mean) for one in makers]
    held = {weight.bias: mean for weight, mean in weights if weight and weight.bias}
    if not held:
        return
    paths, most = places(makers), max(held.values(), key=abs)
    ends = {end: [name for name, mean in held.items() if mean * end > 0] for end in (USUAL, -USUAL)}
    opened = [filled(table, names, end) for end, names in ends.items() if names]
    yield Finding(
        "saturated-units", "warning", pattern(paths),
        f"a gate that gets {most:.3g}", "a few: log(T) keeps a state for T steps",
        f"the bias of {pattern(paths)} holds a gate at one end so far that its slope is {SLOPE:g} or "
        "less: it hardly learns when to let go, or to let in",
        paths=tuple(held), mends=(sum(opened, Fix()),),
    )  # fmt: skip


def _jams(table: Table, node: Node) -> Node | None:
    """The layer whose bias holds a gate where it has no slope to speak of."""
    gate = node.activation == "sigmoid" and node.role == "gate"
    maker = table.graph.preceding(node.index, ("weight",), 3) if gate else None
    made = None if maker is None else table.forward.get(maker.index)
    bias = None if maker is None or maker.weight is None else table.parameters.get(maker.weight.bias or "")
    if made is None or bias is None or min(abs(bias.mean), abs(made.mean)) <= JAMMED or made.std >= JAMMED:
        return None
    return maker


def _flat(gates: Gates) -> list[float]:
    """The share of each in its flat ends that nobody chose."""
    rows = zip(gates.letters, gates.flat, gates.held, strict=False)
    return [flat + held * (letter in CANDIDATES) for letter, flat, held in rows]


def _pushed(look: Look, gates: Gates, worst: int, severity: Severity, paths: list[str]) -> Finding:
    """A candidate that a bias holds: a constant for the forget gate, say, in another's slice."""
    name = NAMES[gates.letters[worst]]
    return Finding(
        "saturated-units", severity, pattern(paths) or look.op,
        f"{gates.held[worst]:.0%} of the {name} where its slope is below 6 % of the steepest",
        f"{gates.expected[worst]:.1%} for what it receives of variance 1",
        f"the bias of the {name} holds it at one end whatever comes in, so the cell is told nothing: is it "
        f"meant for another gate? (order in {look.path or look.op}: {', '.join(gates.letters)})",
        paths=tuple(paths), mends=(RESTART,),
    )  # fmt: skip


def _scaled(table: Table, nodes: list[int], factor: float) -> tuple[Fix, ...]:
    used = dict.fromkeys(name for one in nodes for name in table.node(one).parameters)
    names = [name for name in used if len(table.graph.by_parameter[name].shape) > 1]
    return (sized(table, dict.fromkeys(names, factor)),)
