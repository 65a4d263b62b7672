"""saturated-units inside fused recurrent layers: gates that nothing moves."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Fix
from isogain.inspect.looks import Gates
from isogain.inspect.mending import sized
from isogain.inspect.rules.units import SATURATED
from isogain.inspect.table import Table

__all__ = ["saturated_gates"]

NAMES = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate", "r": "reset gate",
         "z": "update gate", "n": "candidate", "h": "tanh"}  # fmt: skip


def saturated_gates(table: Table) -> Iterator[Finding]:
    """Gates of fused LSTM, GRU and tanh layers in their flat ends, by spread and not by a chosen offset."""
    found = [
        (look, look.seen) for look in table.looks
        if isinstance(look.seen, Gates) and look.node is not None
        and max(look.seen.flat, default=0.0) > SATURATED[0]
    ]  # fmt: skip
    if not found:
        return
    look, gates = max(found, key=lambda one: max(one[1].flat))
    worst = gates.flat.index(max(gates.flat))
    severity: Severity = "critical" if gates.flat[worst] > SATURATED[1] else "warning"
    paths = list(dict.fromkeys(one.path for one, _ in found))
    yield Finding(
        "saturated-units", severity, pattern(paths) or look.op,
        f"{gates.flat[worst]:.0%} of the {NAMES[gates.letters[worst]]} where its slope is below 6 "
        "% of the steepest",
        f"{gates.expected[worst]:.1%} for what it receives of variance 1",
        f"at sampled steps its gates receive {gates.size[worst]:.3g} (root mean square): the weights of "
        f"{look.path or look.op} are that much too large, and no gradient passes gates that are flat",
        paths=tuple(paths),
        mends=_scaled(table, [one.node for one, _ in found if one.node is not None], 1 / gates.size[worst]),
    )  # fmt: skip


def _scaled(table: Table, nodes: list[int], factor: float) -> tuple[Fix, ...]:
    used = dict.fromkeys(name for one in nodes for name in table.node(one).parameters)
    names = [name for name in used if len(table.graph.by_parameter[name].shape) > 1]
    return (sized(table, dict.fromkeys(names, factor)),)
