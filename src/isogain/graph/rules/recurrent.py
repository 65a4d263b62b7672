"""Recurrent cells: orthogonal from step to step, each gate a map of its own, an open forget gate."""

from __future__ import annotations

from isogain.core.initializers import GateBias, Orthogonal, VarianceScaling, Zeros
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Site

__all__: list[str] = []

_GATES = {"lstm": 4, "gru": 3}


@rule(order=15)
def recurrent(site: Site) -> Decision | None:
    """Weights and biases of LSTM, GRU and plain cells, by the names torch gives them."""
    cells = [node for node in site.nodes if node.kind == "recurrent"]
    if not cells:
        return None
    op, name = cells[0].op, site.last_name
    gates = next((count for cell, count in _GATES.items() if op.startswith(cell)), 1)
    layout = "out in" if gates == 1 else f"({gates} out) in"
    if name.startswith("weight_hh"):
        reason = "orthogonal for each gate: what a cell remembers keeps its size from step to step"
        return Decision(Orthogonal(1.0), reason, 1.0, layout=layout)
    if name.startswith("weight_hr"):
        return Decision(Orthogonal(1.0), "the projection of the state: an isometry", 1.0, layout="out in")
    if name.startswith("weight_ih"):
        return _from_inputs(gates, sum(cell.steps for cell in cells), layout)
    if name.startswith("bias_ih") and gates == 4:
        reason = "1 on the forget gate: memories last from the first step on"
        return Decision(GateBias((0.0, 1.0, 0.0, 0.0)), reason, layout="*", role="bias")
    if name.startswith("bias"):
        return Decision(Zeros(), "a bias starts at 0", layout="*", role="bias")
    return None


def _from_inputs(gates: int, steps: int, layout: str) -> Decision:
    """An isometric state adds up what every step brings; gated ones forget by themselves."""
    if gates > 1 or steps == 1:
        reason = "1 / fan_in for each gate: pre-activations of the input's size"
        return Decision(VarianceScaling(1.0), reason, 1.0, layout=layout)
    reason = f"1 / ({steps} fan_in): what {steps} steps bring adds up to the input's size"
    return Decision(VarianceScaling(1.0 / steps), reason, steps**-0.5, layout=layout)


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
