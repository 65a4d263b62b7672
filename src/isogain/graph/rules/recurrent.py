"""Recurrent cells: isometric from step to step, with a memory as long as the sequence.

A gated cell forgets at rates that its biases set.  A forget bias of 1 leaves sigma(1)^T of what was T steps
before: nothing.  b_f = ln(t - 1) remembers t steps, and with b_i = -b_f a unit holds the mean of what it read
in that time, never more (Tallec & Ollivier 2018, arXiv 1804.11188, section 3).  How far back a task looks is
not known, so every octave of memories from 2 to T steps gets as many units: some still feel the first step,
and some follow every one.

A plain tanh cell forgets by saturating, the faster the louder its inputs: `theory.plain_cell` says how loud
they may be.  With any other activation what T steps bring adds up to the size of an input.
"""

from __future__ import annotations

import re

from isogain.core.initializers import ChronoBias, GateBias, Orthogonal, VarianceScaling, Zeros
from isogain.graph.entry import tidy
from isogain.graph.recurrences import chained, reading, reads_cell
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Site
from isogain.theory.plain_cell import PlainCell

__all__: list[str] = []

_GATES = {"lstm": "ifgo", "gru": "rzn"}
"""In torch's order: i lets new input in, f and z keep."""
SHORT = 3
"""Steps that a forget bias of 1 remembers by itself, 1 / (1 - sigma(1)) = 3.7."""


@rule(order=15)
def recurrent(site: Site) -> Decision | None:
    """Weights and biases of LSTM, GRU and plain cells, by the names torch gives them."""
    name, cells = site.last_name, [node for node in site.nodes if node.kind == "recurrent"]
    if not cells:
        return None
    gates = next((letters for cell, letters in _GATES.items() if cells[0].op.startswith(cell)), "")
    layout = f"({len(gates)} out) in" if gates else "out in"
    if name.startswith("weight_hh"):
        reason = "orthogonal for each gate: what a cell remembers keeps its size from step to step"
        return Decision(Orthogonal(1.0), reason, 1.0, layout=layout)
    if name.startswith("weight_hr"):
        return Decision(Orthogonal(1.0), "the projection of the state: an isometry", 1.0, layout="out in")
    if name.startswith("weight_ih") and gates:
        reason = "1 / fan_in for each gate: pre-activations of the input's size"
        return Decision(VarianceScaling(1.0), reason, 1.0, layout=layout)
    steps = chained(site.scene.graph, {cell.index: cell.steps for cell in cells})
    if name.startswith("weight_ih"):
        above = bool(re.match("weight_ih_l[1-9]", name)) or reads_cell(site.scene.graph, cells)
        return _read(steps, cells[0].op.removeprefix("rnn_").removesuffix("_cell"), above, layout)
    if name.startswith("bias"):
        return _memories(gates if name.startswith("bias_ih") else "", steps)
    return None


def _memories(gates: str, steps: int) -> Decision:
    """Gate biases for a sequence of so many steps; 0 without gates."""
    if gates and steps > SHORT:
        reason = f"U(0, ln {steps - 1}) where a gate keeps the state: memories of 2 to {steps} steps"
        return Decision(ChronoBias(float(steps), gates, "log"), reason, layout="*", role="bias")
    if "f" not in gates:
        return Decision(Zeros(), "a bias starts at 0", layout="*", role="bias")
    reason = "1 on the forget gate: memories last from the first step on"
    return Decision(GateBias(tuple(float(gate == "f") for gate in gates)), reason, layout="*", role="bias")


def _read(steps: int, activation: str | None, above: bool, layout: str) -> Decision:
    """What a plain cell reads at every step, from inputs of size 1 or the states of a cell below."""
    if steps == 1:
        scale, reason = 1.0, "1 / fan_in: pre-activations of the input's size"
    elif activation == "tanh":
        cell = PlainCell(steps)
        scale, much = (cell.above, "3.07 / T") if above else (cell.scale, "2.13 / T^2")
        reason = f"{much} for T = {steps} steps: half of the last one's gradient arrives at the first"
    else:
        scale, reason = 1 / steps, f"1 / {steps}: what {steps} steps bring adds up to the input's size"
    return Decision(
        VarianceScaling(tidy(scale)), f"fan_in Var[w] = {reason}", tidy(scale**0.5), layout=layout
    )


@rule(order=43)
def read_by_hand(site: Site) -> Decision | None:
    """A weight that reads the inputs of a plain cell written by hand: as that of nn.RNN."""
    if site.use is None or len(site.use.shape) != 2:
        return None
    found = reading(site)
    return _read(found.steps, found.activation, found.above, site.use.layout) if found else None


@rule(order=44)
def square_reuse(site: Site) -> Decision | None:
    """A square weight that is applied again and again (a hand-written recurrence): orthogonal."""
    use = site.use
    if use is None or len(use.shape) != 2 or site.node is None:
        return None
    rows, columns = use.shape if use.layout == "out in" else use.shape[::-1]
    if rows % columns or not site.scene.recurs(site.name):
        return None
    gates = rows // columns
    layout = "out in" if gates == 1 else f"({gates} out) in"
    if use.layout == "in out":
        layout = " ".join(reversed(layout.rsplit(" ", 1))) if gates == 1 else f"in ({gates} out)"
    reason = (
        f"applied {len(site.weighted)} times in a row: orthogonal, so that powers neither grow nor shrink"
    )
    return Decision(Orthogonal(1.0), reason, 1.0, layout=layout, role="recurrent")
